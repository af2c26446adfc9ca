// SPDX-License-Identifier: Apache-2.0
/*
 * SCSI generic I/O, row by row: what is asked, on which source, on which
 * host, and what is emitted, warned of, refused; then what is in force.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/plan/grant.h"

enum host_kind { MODERN, OLD, UNASKED };

static struct grant_host
host_of(enum host_kind kind, const char *instead, int rawio)
{
    struct grant_host host = {.rawio = rawio};

    for (int i = 0; kind != UNASKED && i < GRANT_FEATURES; i++)
        host.accepts[i] = GRANT_ACCEPTED;
    if (kind == MODERN)
        host.accepts[GRANT_UNFILTERED] = GRANT_REFUSED;
    snprintf(host.instead, sizeof(host.instead), "%s", instead);
    return host;
}

static struct disk *
lun_of(enum disk_source_type source, const struct disk_scsi *asked)
{
    struct disk *disk = disk_new();

    disk->kind = DISK_LUN;
    disk->source_type = source;
    disk->scsi = *asked;
    return disk;
}

#define BLOCK DISK_SOURCE_BLOCK
#define ISCSI DISK_SOURCE_ISCSI
#define UNFILTERED           \
    {                        \
        .sgio = "unfiltered" \
    }
#define FILTERED           \
    {                      \
        .sgio = "filtered" \
    }
#define RAWIO         \
    {                 \
        .rawio = true \
    }
#define RESERVATIONS         \
    {                        \
        .reservations = true \
    }
#define NOTHING        \
    {                  \
        .rawio = false \
    }

/* Refused where refusal is set; else emitted, and the first warning. */
static const struct row {
    const char *name;
    enum disk_source_type source;
    struct disk_scsi asked;
    enum host_kind host;
    const char *instead;
    bool live;
    int rawio;
    bool pending;
    enum err_kind refusal;
    struct disk_scsi emitted;
    const char *says; /* of the refusal or a warning; NULL: no warning */
} rows[] = {
    {"nothing on block", BLOCK, NOTHING, MODERN, "refuse", true, 0, false, 0,
     NOTHING, NULL},
    {"filtered", BLOCK, FILTERED, MODERN, "refuse", true, 0, false, 0, FILTERED,
     NULL},
    {"unfiltered where libvirt has it", BLOCK, UNFILTERED, OLD, "refuse", true,
     0, false, 0, UNFILTERED, NULL},
    {"unfiltered, refused", BLOCK, UNFILTERED, MODERN, "refuse", true, 0, false,
     ERR_SGIO_UNSUPPORTED, NOTHING, "ask for rawio"},
    {"unfiltered, both replacements named", BLOCK, UNFILTERED, MODERN, "refuse",
     false, 0, false, ERR_SGIO_UNSUPPORTED, NOTHING, "or reservations"},
    {"unfiltered as rawio", BLOCK, UNFILTERED, MODERN, "rawio", false, 0, false,
     0, RAWIO, "rawio stands for it"},
    {"unfiltered as rawio, plugged", BLOCK, UNFILTERED, MODERN, "rawio", true,
     0, false, ERR_SGIO_UNSUPPORTED, NOTHING, "allow_pending"},
    {"unfiltered as reservations", BLOCK, UNFILTERED, MODERN, "reservations",
     true, 0, false, 0, RESERVATIONS, "other commands stay filtered"},
    {"rawio at the start", BLOCK, RAWIO, MODERN, "refuse", false, 0, false, 0,
     RAWIO, "whole QEMU process"},
    {"rawio at the start, others named", BLOCK, RAWIO, MODERN, "refuse", false,
     0, false, 0, RAWIO, "these disks gain it too: other-lun"},
    {"rawio plugged without the capability", BLOCK, RAWIO, MODERN, "refuse",
     true, 0, false, ERR_SGIO_UNSUPPORTED, NOTHING,
     "runs without CAP_SYS_RAWIO"},
    {"rawio plugged, capability unknown", BLOCK, RAWIO, MODERN, "refuse", true,
     -1, false, ERR_SGIO_UNSUPPORTED, NOTHING, "cannot be read"},
    {"rawio plugged, pending", BLOCK, RAWIO, MODERN, "refuse", true, 0, true, 0,
     RAWIO, "no effect before the VM's next start"},
    {"rawio plugged, had already", BLOCK, RAWIO, MODERN, "refuse", true, 1,
     false, 0, RAWIO, NULL},
    {"reservations", BLOCK, RESERVATIONS, MODERN, "refuse", true, 0, false, 0,
     RESERVATIONS, NULL},
    {"nobody was asked", BLOCK, RESERVATIONS, UNASKED, "refuse", true, 0, false,
     ERR_UNREACHABLE, NOTHING, "could not be asked yet"},
    {"nobody was asked, nothing is", BLOCK, NOTHING, UNASKED, "refuse", true, 0,
     false, 0, NOTHING, NULL},
    {"iscsi, nothing", ISCSI, NOTHING, MODERN, "refuse", true, 0, false, 0,
     NOTHING, NULL},
    {"iscsi, unfiltered as it is", ISCSI, UNFILTERED, MODERN, "refuse", true, 0,
     false, 0, NOTHING, NULL},
    {"iscsi, filtered", ISCSI, FILTERED, OLD, "refuse", true, 0, false,
     ERR_SGIO_UNSUPPORTED, NOTHING, "filtered cannot be had"},
    {"iscsi, reservations", ISCSI, RESERVATIONS, MODERN, "refuse", true, 0,
     false, 0, NOTHING, "there is nothing to do"},
    {"iscsi, rawio plugged", ISCSI, RAWIO, MODERN, "refuse", true, 0, false,
     ERR_SGIO_UNSUPPORTED, NOTHING, "allow_pending"},
    {"iscsi, rawio at the start", ISCSI, RAWIO, MODERN, "refuse", false, 0,
     false, 0, RAWIO, "whole QEMU process"},
};

static bool
is_told(const json_t *warnings, const char *part)
{
    const json_t *each;
    size_t i;

    json_array_foreach (warnings, i, each) {
        if (strstr(json_string_value(each), part))
            return true;
    }
    return false;
}

static void
try_row(const struct row *row)
{
    struct grant_host host = host_of(row->host, row->instead, row->rawio);
    const struct grant_how how = {row->live, row->pending, "disk."};
    CLEANUP_DISK struct disk *disk = lun_of(row->source, &row->asked);
    CLEANUP_JSON json_t *warnings = json_array();
    struct err err = ERR_INIT;
    int rc;

    snprintf(host.others, sizeof(host.others), "other-lun");
    rc = grant_decide(&host, &how, disk, warnings, &err);
    if (row->refusal) {
        if (rc == 0)
            fail_msg("%s was not refused", row->name);
        unit_err(&err, row->refusal, row->says);
        assert_true(strncmp(err.message, "disk.", 5) == 0);
        return;
    }
    if (rc < 0)
        fail_msg("%s: %s", row->name, err.message);
    if (!disk_scsi_equal(&disk->emitted, &row->emitted))
        fail_msg("%s: emitted sgio '%s', rawio %d, reservations %d", row->name,
                 disk->emitted.sgio, disk->emitted.rawio,
                 disk->emitted.reservations);
    assert_true(disk_scsi_equal(&disk->scsi, &row->asked));
    if (row->says ? !is_told(warnings, row->says)
                  : json_array_size(warnings) > 0)
        fail_msg("%s: %zu warnings", row->name, json_array_size(warnings));
}

static void
what_is_emitted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        try_row(&rows[i]);
}

/* Decided anew, what was emitted before is gone; other kinds have nothing. */
static void
old_decisions_do_not_stay(void **state)
{
    struct grant_host host = host_of(MODERN, "refuse", 0);
    const struct grant_how how = {false, false, ""};
    const struct disk_scsi nothing = NOTHING;
    CLEANUP_DISK struct disk *disk = lun_of(BLOCK, &nothing);
    CLEANUP_JSON json_t *warnings = json_array();

    (void)state;
    disk->emitted.rawio = true;
    assert_int_equal(grant_decide(&host, &how, disk, warnings, NULL), 0);
    assert_false(disk->emitted.rawio);
    disk->kind = DISK_IMAGE;
    disk->scsi.rawio = true;
    assert_int_equal(grant_decide(&host, &how, disk, warnings, NULL), 0);
    assert_false(disk->emitted.rawio);
}

static void
what_is_in_force(void **state)
{
    static const struct {
        enum disk_source_type source;
        struct disk_scsi live;
        int rawio;
        const char *sgio;
        int has_rawio, reservations;
        const char *reason;
    } all[] = {
        {BLOCK, NOTHING, 0, "filtered", 0, 0, "the kernel's filter"},
        {BLOCK, FILTERED, 0, "filtered", 0, 0, "the kernel's filter"},
        {BLOCK, UNFILTERED, 0, "unfiltered", 0, 1, "filter is off"},
        {BLOCK, RESERVATIONS, 0, "filtered", 0, 1, "libvirt's helper"},
        {BLOCK, RAWIO, 0, "filtered", 0, 0, "waits for the VM's next start"},
        {BLOCK, RAWIO, 1, "unfiltered", 1, 1, "CAP_SYS_RAWIO"},
        /* another disk's rawio reaches this one */
        {BLOCK, NOTHING, 1, "unfiltered", 1, 1, "any of its LUNs"},
        {BLOCK, NOTHING, -1, "unknown", -1, -1, "cannot be read"},
        {BLOCK, RESERVATIONS, -1, "unknown", -1, 1, "cannot be read"},
        {ISCSI, NOTHING, 0, "unfiltered", 0, 1, "own initiator"},
        {ISCSI, RAWIO, 1, "unfiltered", 1, 1, "own initiator"},
        {ISCSI, NOTHING, -1, "unfiltered", -1, 1, "own initiator"},
    };
    struct disk_effective none;

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_DISK struct disk *disk = lun_of(all[i].source, &all[i].live);
        struct disk_effective now;

        disk->emitted = all[i].live;
        grant_effective(disk, all[i].rawio, &now);
        assert_string_equal(now.sgio, all[i].sgio);
        assert_int_equal(now.rawio, all[i].has_rawio);
        assert_int_equal(now.reservations, all[i].reservations);
        assert_non_null(strstr(now.reason, all[i].reason));
    }
    grant_effective(NULL, 1, &none);
    assert_string_equal(none.sgio, "none");
    assert_int_equal(none.rawio, 0);
}

static void
privileges(void **state)
{
    static const struct {
        enum disk_source_type source;
        struct disk_scsi asked;
        const char *words;
    } all[] = {
        {BLOCK, NOTHING, ""},
        {BLOCK, FILTERED, "sgio filtered"},
        {BLOCK,
         {.sgio = "unfiltered", .rawio = true, .reservations = true},
         "sgio unfiltered, rawio, reservations"},
        {ISCSI, NOTHING, "an iSCSI source, where nothing is filtered"},
        {ISCSI, RAWIO, "rawio, an iSCSI source, where nothing is filtered"},
    };
    char words[GRANT_WORDS];

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_DISK struct disk *disk = lun_of(all[i].source, &all[i].asked);

        assert_int_equal(grant_is_privileged(disk, words),
                         all[i].words[0] != 0);
        assert_string_equal(words, all[i].words);
        disk->kind = DISK_IMAGE;
        assert_false(grant_is_privileged(disk, words));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_emitted),
        cmocka_unit_test(old_decisions_do_not_stay),
        cmocka_unit_test(what_is_in_force),
        cmocka_unit_test(privileges),
    };

    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
