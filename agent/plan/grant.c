// SPDX-License-Identifier: Apache-2.0
/*
 * The rules, one function per thing that can be asked for. A LUN on iSCSI is
 * opened by QEMU itself: no kernel of this host stands between guest and
 * target, whatever is asked.
 */
#include "agent/plan/grant.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const feature_names[GRANT_FEATURES] = {
    [GRANT_FILTERED] = "sgio_filtered",
    [GRANT_UNFILTERED] = "sgio_unfiltered",
    [GRANT_RAWIO] = "rawio",
    [GRANT_RESERVATIONS] = "reservations",
};

static const char *const answer_names[] = {
    [GRANT_UNKNOWN] = "unknown",
    [GRANT_REFUSED] = "refused",
    [GRANT_ACCEPTED] = "accepted",
};

const char *
grant_feature_name(enum grant_feature feature)
{
    return feature_names[feature];
}

const char *
grant_answer_name(enum grant_answer answer)
{
    return answer_names[answer];
}

static bool
is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

static bool
own_initiator(const struct disk *disk)
{
    return disk->source_type == DISK_SOURCE_ISCSI;
}

bool
grant_is_privileged(const struct disk *disk, char words[128])
{
    const struct disk_scsi *asked = &disk->scsi;
    const struct {
        bool so;
        const char *word;
    } parts[] = {
        {is(asked->sgio, "filtered"), "sgio filtered"},
        {is(asked->sgio, "unfiltered"), "sgio unfiltered"},
        {asked->rawio, "rawio"},
        {asked->reservations, "reservations"},
        {own_initiator(disk), "an iSCSI source, where nothing is filtered"},
    };
    size_t len = 0;

    words[0] = '\0';
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].so && disk->kind == DISK_LUN)
            len += (size_t)snprintf(words + len, GRANT_WORDS - len, "%s%s",
                                    len ? ", " : "", parts[i].word);
    return len > 0;
}

/* --- deciding ------------------------------------------------------------- */

struct decision {
    const struct grant_host *host;
    const struct grant_how *how;
    struct disk *disk;
    json_t *warnings;
};

static void
warn(const struct decision *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
warn(const struct decision *d, const char *fmt, ...)
{
    char text[640];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    json_array_append_new(d->warnings, json_string(text));
}

/* Whether libvirt takes it; -1 where it does not, or nobody knows. */
static int
need(const struct decision *d, enum grant_feature feature, const char *field,
     const char *instead, struct err *err)
{
    enum grant_answer answer = d->host->accepts[feature];

    if (answer == GRANT_ACCEPTED)
        return 0;
    if (answer == GRANT_UNKNOWN)
        return err_set(err, ERR_UNREACHABLE,
                       "%s%s: whether this host's libvirt accepts it could "
                       "not be asked yet; try again",
                       d->how->prefix, field);
    return err_set(err, ERR_SGIO_UNSUPPORTED,
                   "%s%s: this host's libvirt refuses it; %s", d->how->prefix,
                   field, instead);
}

static int
emit_reservations(const struct decision *d, struct err *err)
{
    if (need(d, GRANT_RESERVATIONS, "reservations", "leave it out", err) < 0)
        return -1;
    d->disk->emitted.reservations = true;
    return 0;
}

/* A process has the capability from its start or never: libvirt would say
 * that the plug succeeded, and nothing would have changed. */
static int
emit_rawio(const struct decision *d, struct err *err)
{
    const struct grant_host *host = d->host;
    const char *why = host->rawio < 0
                          ? "whether the VM's QEMU has CAP_SYS_RAWIO cannot "
                            "be read"
                          : "the VM's QEMU runs without CAP_SYS_RAWIO";

    if (need(d, GRANT_RAWIO, "rawio", "leave it out", err) < 0)
        return -1;
    d->disk->emitted.rawio = true;
    if (d->how->live && host->rawio == 1)
        return 0;
    if (d->how->live && !d->how->allow_pending)
        return err_set(err, ERR_SGIO_UNSUPPORTED,
                       "%srawio: %s, so it would have no effect before the "
                       "VM's next start; give allow_pending to accept that, "
                       "or plug the disk while the VM is shut off",
                       d->how->prefix, why);
    if (d->how->live)
        warn(d,
             "rawio has no effect before the VM's next start: %s. Until then "
             "the kernel filters the guest's SCSI commands",
             why);
    warn(d,
         "rawio gives CAP_SYS_RAWIO to the VM's whole QEMU process, not to "
         "this disk alone%s%s",
         host->others[0] ? "; these disks gain it too: " : "", host->others);
    return 0;
}

static int
unsupported_sgio(const struct decision *d, struct err *err)
{
    return err_set(err, ERR_SGIO_UNSUPPORTED,
                   "%ssgio: this host's libvirt refuses unfiltered; ask for "
                   "rawio (every SCSI command, for the whole QEMU process) or "
                   "reservations (persistent reservations alone), or have it "
                   "replaced by the setting [scsi] sgio_unfiltered",
                   d->how->prefix);
}

/* By the setting: what libvirt no longer has becomes what it has. */
static int
emit_instead(const struct decision *d, struct err *err)
{
    if (is(d->host->instead, "rawio")) {
        warn(d, "sgio unfiltered is refused by this host's libvirt; rawio "
                "stands for it, by the setting [scsi] sgio_unfiltered");
        return emit_rawio(d, err);
    }
    if (is(d->host->instead, "reservations")) {
        warn(d, "sgio unfiltered is refused by this host's libvirt; "
                "reservations stands for it, by the setting [scsi] "
                "sgio_unfiltered: other commands stay filtered");
        return emit_reservations(d, err);
    }
    return unsupported_sgio(d, err);
}

static int
emit_sgio(const struct decision *d, struct err *err)
{
    const char *asked = d->disk->scsi.sgio;
    enum grant_feature feature =
        is(asked, "filtered") ? GRANT_FILTERED : GRANT_UNFILTERED;

    if (!*asked)
        return 0;
    if (feature == GRANT_UNFILTERED &&
        d->host->accepts[feature] == GRANT_REFUSED)
        return emit_instead(d, err);
    if (need(d, feature, "sgio",
             "leave it out, and the kernel's filter is in force all the same",
             err) < 0)
        return -1;
    snprintf(d->disk->emitted.sgio, sizeof(d->disk->emitted.sgio), "%s",
             asked);
    return 0;
}

/* Nothing of it can be switched on or off: it is so. */
static int
decide_initiator(const struct decision *d, struct err *err)
{
    if (is(d->disk->scsi.sgio, "filtered"))
        return err_set(err, ERR_SGIO_UNSUPPORTED,
                       "%ssgio: filtered cannot be had on an iSCSI source: "
                       "QEMU's own initiator opens the LUN, and no kernel of "
                       "this host is there to filter what the guest sends; "
                       "leave sgio out, or attach the LUN to the host and use "
                       "a block source",
                       d->how->prefix);
    if (d->disk->scsi.reservations)
        warn(d, "reservations: there is nothing to do on an iSCSI source; "
                "persistent reservations pass as they are");
    return d->disk->scsi.rawio ? emit_rawio(d, err) : 0;
}

int
grant_decide(const struct grant_host *host, const struct grant_how *how,
             struct disk *disk, json_t *warnings, struct err *err)
{
    const struct decision d = {host, how, disk, warnings};

    disk->emitted = (struct disk_scsi){.rawio = false};
    if (disk->kind != DISK_LUN)
        return 0;
    if (own_initiator(disk))
        return decide_initiator(&d, err);
    if (emit_sgio(&d, err) < 0 ||
        (disk->scsi.rawio && !disk->emitted.rawio && emit_rawio(&d, err) < 0))
        return -1;
    return disk->scsi.reservations ? emit_reservations(&d, err) : 0;
}

/* --- in force ------------------------------------------------------------- */

static void
say(struct disk_effective *out, const char *sgio, int rawio, int reservations,
    const char *reason)
{
    memset(out, 0, sizeof(*out)); /* compared as a whole */
    snprintf(out->sgio, sizeof(out->sgio), "%s", sgio);
    out->rawio = rawio;
    out->reservations = reservations;
    snprintf(out->reason, sizeof(out->reason), "%s", reason);
}

void
grant_effective(const struct disk *live, int rawio, struct disk_effective *out)
{
    const struct disk_scsi *has = live ? &live->emitted : NULL;

    if (!live)
        say(out, "none", 0, 0, "the disk is not plugged into a running VM");
    else if (own_initiator(live))
        say(out, "unfiltered", rawio, 1,
            "QEMU's own initiator opens the LUN: no kernel of this host "
            "filters the guest's commands, and reservations pass");
    else if (rawio < 0)
        say(out, "unknown", -1, has->reservations ? 1 : -1,
            "the capabilities of the VM's QEMU cannot be read");
    else if (rawio)
        say(out, "unfiltered", 1, 1,
            "the VM's QEMU has CAP_SYS_RAWIO: the kernel filters nothing of "
            "any of its LUNs");
    else if (is(has->sgio, "unfiltered"))
        say(out, "unfiltered", 0, 1, "the kernel's filter is off");
    else if (has->rawio)
        say(out, "filtered", 0, has->reservations,
            "the VM's QEMU was started without CAP_SYS_RAWIO: rawio waits "
            "for the VM's next start");
    else if (has->reservations)
        say(out, "filtered", 0, 1,
            "the kernel's filter; persistent reservations go through "
            "libvirt's helper");
    else
        say(out, "filtered", 0, 0, "the kernel's filter");
}
