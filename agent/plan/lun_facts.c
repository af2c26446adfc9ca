// SPDX-License-Identifier: Apache-2.0
/*
 * A block device is asked by SG_IO, an iSCSI source by a login of our own
 * under the name that QEMU would give, so that a target which knows its
 * initiators lets both in. Nothing is asked of QEMU.
 */
#include "agent/plan/lun_facts.h"

#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/host/iscsi.h"
#include "agent/host/lun.h"
#include "agent/host/nbd.h"
#include "agent/host/qemu.h"
#include "agent/policy/source.h"

#define HOST "" /* the machine's own /sys and /proc */
#define CLAIM_RETRY_MS 100
#define KIB_OF_PROBE "65536"

bool
lun_facts_concern(const struct disk *disk)
{
    return disk->kind == DISK_LUN || disk->source_type == DISK_SOURCE_ISCSI;
}

/* --- what libvirt accepts -------------------------------------------------- */

static const struct disk_scsi probes[GRANT_FEATURES] = {
    [GRANT_FILTERED] = {.sgio = "filtered"},
    [GRANT_UNFILTERED] = {.sgio = "unfiltered"},
    [GRANT_RAWIO] = {.rawio = true},
    [GRANT_RESERVATIONS] = {.reservations = true},
};

/* The smallest VM with a LUN that has this. Returns owned. */
static char *
probe_xml(const char *virt, const struct disk_scsi *scsi)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("domain");
    CLEANUP_DISK struct disk *disk = disk_new();
    xmlNodePtr root = xml_root(doc), devices, controller;

    disk->kind = DISK_LUN;
    disk->source_type = DISK_SOURCE_BLOCK;
    disk->path = mem_dup("/dev/null");
    disk->target = mem_dup("sda");
    disk->emitted = *scsi;
    xml_set(root, "type", virt);
    xml_add(root, "name", "berth-probe");
    xml_add(root, "memory", KIB_OF_PROBE);
    xml_add(xml_add(root, "os", NULL), "type", "hvm");
    devices = xml_add(root, "devices", NULL);
    controller = xml_add(devices, "controller", NULL);
    xml_set(controller, "type", "scsi");
    xml_set(controller, "model", "virtio-scsi");
    disk_to_xml(disk, devices);
    return xml_text(root);
}

static enum grant_answer
probe(struct env *env, const struct disk_scsi *scsi, struct err *err)
{
    static const enum grant_answer answers[] = {GRANT_UNKNOWN, GRANT_REFUSED,
                                                GRANT_ACCEPTED};
    CLEANUP_TEXT char *xml = probe_xml(env->virt, scsi);

    return answers[hyper_accepts(env->hyper, xml, err) + 1];
}

/* A LUN with nothing asked must be accepted, or a refusal says nothing. */
void
lun_facts_probe(struct env *env)
{
    static const struct disk_scsi nothing = {.rawio = false};
    struct err err = ERR_INIT;

    if (probe(env, &nothing, &err) != GRANT_ACCEPTED) {
        log_warning("What libvirt accepts of SCSI generic I/O is not known: "
                    "%s",
                    err.message);
        return;
    }
    for (int i = 0; i < GRANT_FEATURES; i++) {
        enum grant_answer answer = probe(env, &probes[i], &err);

        atomic_store(&env->accepts[i], answer);
        log_info("%s is %s by this host's libvirt",
                 grant_feature_name((enum grant_feature)i),
                 grant_answer_name(answer));
    }
}

int
lun_facts_rawio(struct env *env, const struct vm_info *vm)
{
    CLEANUP_TEXT char *pidfile = NULL;
    struct err ignored = ERR_INIT;
    struct qemu_proc proc;
    int has;

    if (!hyper_can(env->hyper, HYPER_QEMU_PID))
        return -1;
    pidfile = hyper_pidfile(env->hyper, vm->record.name);
    if (!pidfile || qemu_find(pidfile, vm->record.uuid, &proc, &ignored) < 0)
        return -1;
    has = qemu_has_cap(&proc, CAP_SYS_RAWIO, &ignored);
    qemu_close(&proc);
    return has;
}

/* Those whose commands a kernel filters now. */
static void
name_others(const struct known *known, const struct disk *disk, char out[256])
{
    size_t len = 0;

    for (size_t i = 0; i < known->ndevices; i++) {
        const struct disk *other = known->devices[i]->disk;

        if (!other || other->kind != DISK_LUN ||
            other->source_type != DISK_SOURCE_BLOCK ||
            !strcmp(other->id, disk->id) || len + UUID_TEXT + 2 > 256)
            continue;
        len += (size_t)snprintf(out + len, 256 - len, "%s%s", len ? ", " : "",
                                other->id);
    }
}

void
lun_facts_host(struct env *env, const struct known *known,
               const struct disk *disk, struct grant_host *out)
{
    memset(out, 0, sizeof(*out));
    if (disk->kind != DISK_LUN)
        return;
    if (atomic_load(&env->accepts[GRANT_RAWIO]) == GRANT_UNKNOWN)
        lun_facts_probe(env);
    for (int i = 0; i < GRANT_FEATURES; i++)
        out->accepts[i] = (enum grant_answer)atomic_load(&env->accepts[i]);
    snprintf(out->instead, sizeof(out->instead), "%s",
             conf_text(env_conf(env), CONF_SCSI_SGIO_UNFILTERED));
    if (!known->vm)
        return;
    if (known->vm->active)
        out->rawio = lun_facts_rawio(env, known->vm);
    name_others(known, disk, out->others);
}

/* --- who is it? ------------------------------------------------------------ */

static void
keep(const struct lun_scsi *scsi, struct disk_lun *out)
{
    disk_lun_clear(out);
    out->id = scsi->id[0] ? mem_dup(scsi->id) : NULL;
    out->vendor = mem_dup(scsi->vendor);
    out->product = mem_dup(scsi->product);
    out->serial = mem_dup(scsi->serial);
    out->capacity = scsi->capacity;
}

static int
look_block(struct env *env, const struct disk *disk, struct disk_lun *out,
           char warning[256], struct err *err)
{
    const struct conf *conf = env_conf(env);
    const struct source_rules allowed = {conf_list(conf, CONF_PATHS_IMAGES),
                                         conf_list(conf, CONF_PATHS_DEVICES)};
    CLEANUP_FD int fd = source_open(&allowed, disk->path, true, err);
    struct lun_facts facts;
    struct stat st;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return err_set(err, ERR_SOURCE_BAD, "source: \"%s\" cannot be read",
                       disk->path);
    if (lun_free(HOST, disk->path, st.st_rdev, &facts, err) < 0 ||
        lun_ask(HOST, disk->path, fd, &facts, err) < 0)
        return -1;
    keep(&facts.scsi, out);
    if (facts.bad_paths[0])
        snprintf(warning, 256,
                 "Of the %u paths of multipath map %.64s these do not run: "
                 "%.120s",
                 facts.paths, facts.map, facts.bad_paths);
    else if (facts.map[0] && facts.paths < 2)
        snprintf(warning, 256, "Multipath map %s has %u path", facts.map,
                 facts.paths);
    return 0;
}

/* QEMU logs in with this name where it is not told another. */
static char *
initiator_of(const struct disk *disk, const char *uuid)
{
    return disk->far.initiator
               ? mem_dup(disk->far.initiator)
               : mem_printf("iqn.2008-11.org.linux-kvm:%s", uuid);
}

static void
forget_secret(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
}

static int
look_iscsi(struct env *env, const struct disk *disk, const char *uuid,
           int64_t deadline_ms, struct disk_lun *out, struct err *err)
{
    CLEANUP(forget_secret) char *password = NULL;
    CLEANUP_TEXT char *initiator = initiator_of(disk, uuid);
    const struct disk_far *far = &disk->far;
    struct iscsi_login login = {.host = far->hosts[0].name,
                                .port = far->hosts[0].port,
                                .iqn = far->name,
                                .lun = far->lun,
                                .initiator = initiator,
                                .user = far->user};
    struct lun_scsi scsi;

    if (far->secret) {
        password = hyper_secret(env->hyper, "iscsi", far->secret, err);
        if (!password)
            return -1;
        login.password = password;
    }
    if (iscsi_try(&login, deadline_ms, &scsi, err) < 0)
        return -1;
    keep(&scsi, out);
    return 0;
}

static int64_t
trial_until(struct env *env, int64_t deadline_ms)
{
    int64_t until =
        clock_mono_ms() + conf_int(env_conf(env), CONF_SCSI_TRIAL_MS);

    return deadline_ms && deadline_ms < until ? deadline_ms : until;
}

int
lun_facts_look(struct env *env, const struct disk *disk, const char *uuid,
               int64_t deadline_ms, struct disk_lun *out, char warning[256],
               struct err *err)
{
    int64_t until = trial_until(env, deadline_ms);
    int rc;

    warning[0] = '\0';
    rc = disk->source_type == DISK_SOURCE_BLOCK
             ? look_block(env, disk, out, warning, err)
             : look_iscsi(env, disk, uuid, until, out, err);
    if (rc == 0 && !out->id)
        snprintf(warning, 256,
                 "The LUN tells no identity (page 0x83) and no serial number: "
                 "another one in its place would not be noticed");
    return rc;
}

static const char *
or_none(const char *text)
{
    return text ? text : "none";
}

int
lun_facts_compare(const struct disk *disk, const struct disk_lun *now,
                  struct err *err)
{
    const char *was = disk->lun.id;

    /* A record without a capacity is of a disk that nobody here has asked. */
    if (disk->lun.capacity == 0 ||
        (was && now->id ? !strcmp(was, now->id) : was == now->id))
        return 0;
    return err_set(err, ERR_LUN_IDENTITY_CHANGED,
                   "source: another LUN answers at \"%s\": its identity is %s "
                   "(%s %s, serial %s), that of disk %s is %s; if the change "
                   "is meant, RemoveDisk and AddDisk it",
                   disk->path, or_none(now->id), or_none(now->vendor),
                   or_none(now->product), or_none(now->serial), disk->id,
                   or_none(was));
}

static void
clear(struct disk_lun *lun)
{
    disk_lun_clear(lun);
}

int
lun_facts_answers(struct env *env, const struct disk *disk,
                  int64_t deadline_ms, struct err *err)
{
    const struct disk_host *host = disk->far.hosts;

    if (disk->source_type != DISK_SOURCE_NBD)
        return 0;
    return nbd_try(host->name, host->port, trial_until(env, deadline_ms), err);
}

int
lun_facts_same(struct env *env, const struct disk *disk, const char *uuid,
               struct err *err)
{
    CLEANUP(clear) struct disk_lun now = {.id = NULL};
    char warning[256];

    if (!lun_facts_concern(disk))
        return lun_facts_answers(env, disk, 0, err);
    if (lun_facts_look(env, disk, uuid, 0, &now, warning, err) < 0)
        return -1;
    return lun_facts_compare(disk, &now, err);
}

/* --- whose is it? ---------------------------------------------------------- */

int
lun_facts_free(struct env *env, const struct disk *disk,
               const struct disk_lun *lun, const char *uuid, struct err *err)
{
    CLEANUP_TEXT char *key = mem_printf("lun:%s", or_none(lun->id));
    char by[256];

    if (!lun->id)
        return 0;
    if (!disk->shareable && !ops_claim(env->ops, uuid, key, by)) {
        err_set(err, ERR_BUSY,
                "source: an operation on VM %s is about to use LUN %s; try "
                "again when it has ended",
                by, lun->id);
        if (err)
            err->retry_after_ms = CLAIM_RETRY_MS;
        return -1;
    }
    if (vm_table_lun_used(env->vms, lun->id, disk->shareable, uuid, by))
        return err_set(err, ERR_LUN_IN_USE,
                       "source: LUN %s (\"%s\") is plugged into VM \"%s\" and "
                       "not shareable on both; unplug it there, or set "
                       "shareable on both",
                       lun->id, disk->path, by);
    return 0;
}
