// SPDX-License-Identifier: Apache-2.0
/*
 * What becomes of an engine's LUN by what this host's libvirt accepts and by
 * the setting, in a whole domain and in a hot plug: the planners alone, with
 * facts as the host would give them.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/plan/engine_plan.h"

#define VM "aaaaaaaa-0000-0000-0000-000000000001"
#define LUN(attributes, more)                                                  \
    "<disk snapshot=\"no\" type=\"block\" device=\"lun\" " attributes ">"      \
    "<target dev=\"sda\" bus=\"scsi\"/><source dev=\"/dev/mapper/3600\">" more \
    "</source><driver name=\"qemu\" type=\"raw\" cache=\"none\"/>"             \
    "<alias name=\"ua-11111111-0000-0000-0000-000000000001\"/></disk>"
#define DOMAIN(devices)                                                        \
    "<domain type=\"qemu\"><name>v</name><uuid>" VM "</uuid><os><type>hvm"     \
    "</type></os><devices><controller type=\"scsi\" model=\"virtio-scsi\" "    \
    "index=\"0\"/>" devices "</devices></domain>"
#define UNFILTERED "sgio=\"unfiltered\""
#define RESERVED "<reservations managed=\"yes\"/>"

static struct grant_host
host_that(const char *instead, enum grant_answer unfiltered, int rawio)
{
    struct grant_host host = {.rawio = rawio};

    for (int i = 0; i < GRANT_FEATURES; i++)
        host.accepts[i] = GRANT_ACCEPTED;
    host.accepts[GRANT_UNFILTERED] = unfiltered;
    snprintf(host.instead, sizeof(host.instead), "%s", instead);
    return host;
}

/* The domain that would be started, or NULL + err. */
static char *
created(const char *xml, const struct grant_host *host, struct plan *plan,
        struct err *err)
{
    static const struct engine_host here = {.virt = "qemu"};
    struct engine_wish wish = {.domain = engine_domain_read(xml, &here, err)};
    const struct known known = {.vm = NULL};
    char *text = NULL;

    assert_non_null(wish.domain);
    wish.disks = engine_domain_disks(wish.domain, &wish.ndisks);
    wish.seen = mem_zalloc(wish.ndisks + 1, sizeof(*wish.seen));
    for (size_t i = 0; i < wish.ndisks; i++)
        wish.seen[i].host = *host;
    if (engine_plan_create(&known, &wish, plan, err) == 0)
        text = mem_dup(plan->steps[0].text);
    engine_wish_clear(&wish);
    return text;
}

/* The disk that would be attached to a running VM, or NULL + err. */
static char *
plugged(const char *disk, const struct grant_host *host, struct plan *plan,
        struct err *err)
{
    CLEANUP_FREE char *doc =
        mem_printf("<x><devices>%s</devices></x>", disk);
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        engine_plug_read(doc, "disk", err);
    struct vm_info vm = {.record = {.uuid = VM, .name = "v",
                                    .virtio_scsi = true},
                         .present = true,
                         .active = true,
                         .state = "running",
                         .live = domain_parse(DOMAIN(""), err)};
    const struct known known = {.vm = &vm};
    struct engine_wish wish = {.plug = {.disk = engine_plug_disk(plug, err),
                                        .allow_pending = true}};
    char *text = NULL;

    wish.plug.seen.host = *host;
    if (engine_plan_plug(&known, &wish, plan, err) == 0)
        text = disk_xml(plan->steps[0].disk);
    engine_wish_clear(&wish);
    vm_info_clear(&vm);
    return text;
}

struct expectation {
    const char *instead;
    enum grant_answer unfiltered;
    const char *disk;
    const char *has, *lacks; /* NULL: it is refused */
    const char *says;        /* a warning, or the refusal */
};

static const struct expectation rows[] = {
    {"refuse", GRANT_REFUSED, LUN(UNFILTERED, ""), NULL, NULL,
     "[scsi] sgio_unfiltered"},
    {"rawio", GRANT_REFUSED, LUN(UNFILTERED, ""), "rawio=\"yes\"", "sgio",
     "rawio stands for it"},
    {"reservations", GRANT_REFUSED, LUN(UNFILTERED, ""), RESERVED, "sgio",
     "reservations stands for it"},
    {"refuse", GRANT_ACCEPTED, LUN(UNFILTERED, ""), UNFILTERED, "rawio", NULL},
    {"refuse", GRANT_REFUSED, LUN("sgio=\"filtered\"", RESERVED), RESERVED,
     "unfiltered", NULL},
    {"refuse", GRANT_REFUSED, LUN("rawio=\"yes\"", ""), "rawio=\"yes\"", "sgio",
     "CAP_SYS_RAWIO"},
};

static void
check(const struct expectation *row, const char *text, const struct plan *plan,
      const struct err *err)
{
    CLEANUP_FREE char *warnings = json_text(plan->warnings, NULL);

    if (!row->has) {
        assert_null(text);
        unit_err(err, ERR_SGIO_UNSUPPORTED, row->says);
        return;
    }
    if (!text)
        fail_msg("%s", err->message);
    if (!strstr(text, row->has) || strstr(text, row->lacks))
        fail_msg("'%s' or no '%s' expected in %s", row->has, row->lacks, text);
    if (row->says && !strstr(warnings, row->says))
        fail_msg("'%s' is not in %s", row->says, warnings);
}

static void
luns_of_a_domain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grant_host host =
            host_that(rows[i].instead, rows[i].unfiltered, -1);
        CLEANUP_FREE char *xml = mem_printf(DOMAIN("%s"), rows[i].disk);
        CLEANUP_FREE char *text = NULL;
        CLEANUP_PLAN struct plan plan;
        struct err err = ERR_INIT;

        plan_init(&plan);
        text = created(xml, &host, &plan, &err);
        check(&rows[i], text, &plan, &err);
    }
}

static void
luns_plugged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grant_host host =
            host_that(rows[i].instead, rows[i].unfiltered, 0);
        CLEANUP_FREE char *text = NULL;
        CLEANUP_PLAN struct plan plan;
        struct err err = ERR_INIT;

        plan_init(&plan);
        text = plugged(rows[i].disk, &host, &plan, &err);
        check(&rows[i], text, &plan, &err);
    }
}

/* What was asked for is recorded, not what stands for it; and it is granted
 * on purpose. */
static void
asked_for_is_kept(void **state)
{
    struct grant_host host = host_that("rawio", GRANT_REFUSED, -1);
    CLEANUP_FREE char *text = NULL;
    CLEANUP_PLAN struct plan plan;
    struct err err = ERR_INIT;
    const struct disk *row = NULL;

    (void)state;
    plan_init(&plan);
    text = created(DOMAIN(LUN(UNFILTERED, "")), &host, &plan, &err);
    assert_non_null(text);
    for (size_t i = 0; i < plan.steps[0].nrecords; i++)
        if (plan.steps[0].records[i].device &&
            plan.steps[0].records[i].device->disk)
            row = plan.steps[0].records[i].device->disk;
    assert_non_null(row);
    assert_string_equal(row->scsi.sgio, "unfiltered");
    assert_true(row->emitted.rawio);
    assert_int_equal(json_array_size(plan.grants), 1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(luns_of_a_domain),
        cmocka_unit_test(luns_plugged),
        cmocka_unit_test(asked_for_is_kept),
    };

    xml_init();
    json_init();
    return CASES(cases);
}
