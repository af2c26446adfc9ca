// SPDX-License-Identifier: Apache-2.0
/*
 * Plans with LUNs, by hand: whose they are, what they are granted, what is
 * recorded, and that the journal keeps it.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/plan/disk_plan.h"
#include "agent/plan/lun_facts.h"
#include "agent/plan/plan_json.h"
#include "agent/plan/vm_plan.h"

#define VM "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define ONE "11111111-1111-4111-8111-111111111111"
#define TWO "22222222-2222-4222-8222-222222222222"
#define DOMAIN(devices)                                                   \
    "<domain type='qemu' xmlns:qemu='http://x'><name>vm</name><uuid>" VM  \
    "</uuid><os><type machine='q35'>hvm</type></os><devices><controller " \
    "type='pci' model='pcie-root' index='0'/><controller type='scsi' "    \
    "model='virtio-scsi' index='0'/>" devices "</devices></domain>"

struct scene {
    struct request request;
    struct vm_info vm;
    struct device *devices[4];
    struct known known;
    struct disk_wish wish;
    struct plan plan;
    struct err err;
};

static void
open_scene(struct scene *s, const char *config, bool active)
{
    memset(s, 0, sizeof(*s));
    snprintf(s->request.peer, sizeof(s->request.peer), "cn:tester");
    s->request.verb = "AddDisk";
    snprintf(s->vm.record.uuid, sizeof(s->vm.record.uuid), VM);
    snprintf(s->vm.record.name, sizeof(s->vm.record.name), "vm");
    s->vm.record.virtio_scsi = true;
    s->vm.persistent = s->vm.present = true;
    s->vm.active = active;
    s->vm.config = domain_parse(config, &s->err);
    assert_non_null(s->vm.config);
    if (active)
        s->vm.live = domain_ref(s->vm.config);
    s->known = (struct known){.request = &s->request,
                              .now_ms = 1700000000000,
                              .vm = &s->vm,
                              .devices = s->devices};
    for (int i = 0; i < GRANT_FEATURES; i++)
        s->wish.seen.host.accepts[i] = GRANT_ACCEPTED;
    plan_init(&s->plan);
}

static void
close_scene(struct scene *s)
{
    for (size_t i = 0; i < s->known.ndevices; i++)
        device_free(s->devices[i]);
    disk_wish_clear(&s->wish);
    plan_clear(&s->plan);
    vm_info_clear(&s->vm);
}
#define SCENE CLEANUP(close_scene) struct scene

static struct disk *
lun(const char *id, const char *fields)
{
    CLEANUP_FREE char *text = mem_printf(
        "{\"disk_id\":\"%s\",\"kind\":\"lun\",\"source\":{\"type\":\"iscsi\","
        "\"host\":\"h\",\"iqn\":\"iqn.x\",\"lun\":1}%s}",
        id, fields);
    CLEANUP_JSON json_t *obj = json_parse(text, strlen(text), NULL, NULL);
    struct err err = ERR_INIT;
    struct disk *disk = disk_from_json(obj, "", &err);

    if (!disk)
        fail_msg("%s", err.message);
    return disk;
}

static void
saw(struct disk_wish *wish, const char *id, uint64_t capacity)
{
    disk_lun_clear(&wish->seen.lun);
    wish->seen.lun.id = mem_dup(id);
    wish->seen.lun.capacity = capacity;
}

static struct disk *
record(struct scene *s, struct disk *disk /* takes */, const char *id)
{
    struct device *device;

    disk->lun.id = mem_dup(id);
    disk->lun.capacity = 1 << 20;
    device = device_for_disk(disk);
    disk_free(disk);
    s->devices[s->known.ndevices++] = device;
    return device->disk;
}

static const json_t *
grant_at(const struct scene *s, size_t i)
{
    return json_array_get(s->plan.grants, i);
}

static void
an_added_lun_is_granted(void **state)
{
    SCENE s;
    const struct disk *reserved;

    (void)state;
    open_scene(&s, DOMAIN(""), false);
    s.wish.disk = lun(ONE, ",\"rawio\":true");
    saw(&s.wish, "36001", 1 << 20);
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), 0);
    reserved = s.plan.reserve[0].device->disk;
    assert_string_equal(reserved->lun.id, "36001");
    assert_string_equal(reserved->grant.by, "cn:tester");
    assert_string_equal(reserved->grant.at, "2023-11-14T22:13:20.000Z");
    assert_string_equal(reserved->effective.sgio, "none");
    assert_int_equal(json_array_size(s.plan.grants), 1);
    assert_string_equal(json_get_text(grant_at(&s, 0), "action", ""), "grant");
    assert_string_equal(json_get_text(grant_at(&s, 0), "lun", ""), "36001");
    assert_true(json_is_null(json_object_get(grant_at(&s, 0), "before")));
}

/* What the journal keeps is what a restart goes on with. */
static void
the_journal_keeps_it(void **state)
{
    SCENE s;
    CLEANUP_PLAN struct plan again;
    CLEANUP_JSON json_t *kept = NULL, *twice = NULL;

    (void)state;
    open_scene(&s, DOMAIN(""), true);
    s.wish.disk = lun(ONE, ",\"reservations\":true");
    saw(&s.wish, "36001", 1 << 20);
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), 0);
    kept = plan_json_encode(&s.plan);
    plan_init(&again);
    if (plan_json_decode(kept, &again, &s.err) < 0)
        fail_msg("%s", s.err.message);
    twice = plan_json_encode(&again);
    assert_true(json_equal(kept, twice));
    assert_string_equal(again.steps[0].disk->lun.id, "36001");
    assert_int_equal(json_array_size(again.grants), 1);
}

static void
the_same_lun_by_another_name(void **state)
{
    SCENE s;

    (void)state;
    open_scene(&s, DOMAIN(""), false);
    free(record(&s, lun(ONE, ""), "36001")->path);
    s.devices[0]->disk->path = mem_dup("iscsi://elsewhere:3260/iqn.x/1");
    s.wish.disk = lun(TWO, "");
    saw(&s.wish, "36001", 1 << 20);
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), -1);
    unit_err(&s.err, ERR_EXISTS, ONE);
    saw(&s.wish, "36002", 1 << 20);
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), 0);
}

static void
in_use_elsewhere(void **state)
{
    SCENE s;

    (void)state;
    open_scene(&s, DOMAIN(""), false);
    s.wish.disk = lun(ONE, "");
    snprintf(s.wish.seen.used_by, sizeof(s.wish.seen.used_by), "other");
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), -1);
    unit_err(&s.err, ERR_LUN_IN_USE, "VM \"other\"");
}

/* The same disk with other privileges is not the same. */
static void
added_again_with_more(void **state)
{
    SCENE s;

    (void)state;
    open_scene(&s, DOMAIN(""), false);
    record(&s, lun(ONE, ""), "36001");
    s.wish.disk = lun(ONE, ",\"rawio\":true");
    saw(&s.wish, "36001", 1 << 20);
    assert_int_equal(disk_plan_add(&s.known, &s.wish, &s.plan, &s.err), -1);
    unit_err(&s.err, ERR_EXISTS, "UpdateVmDisk");
}

static void
a_plug_grants_once(void **state)
{
    SCENE s;
    struct disk *row;

    (void)state;
    open_scene(&s, DOMAIN(""), true);
    row = record(&s, lun(ONE, ""), "36001");
    memcpy(s.wish.disk_id, ONE, sizeof(ONE));
    assert_int_equal(disk_plan_plug(&s.known, &s.wish, &s.plan, &s.err), 0);
    assert_int_equal(json_array_size(s.plan.grants), 1);
    plan_clear(&s.plan);
    plan_init(&s.plan);
    snprintf(row->grant.by, sizeof(row->grant.by), "cn:before");
    assert_int_equal(disk_plan_plug(&s.known, &s.wish, &s.plan, &s.err), 0);
    assert_int_equal(json_array_size(s.plan.grants), 0);
    assert_true(s.plan.nsteps > 0);
}

static void
a_lun_is_resized_by_its_storage(void **state)
{
    SCENE s;

    (void)state;
    open_scene(&s, DOMAIN(""), false);
    record(&s, lun(ONE, ""), "36001");
    memcpy(s.wish.disk_id, ONE, sizeof(ONE));
    s.wish.size = 4096;
    assert_int_equal(disk_plan_resize(&s.known, &s.wish, &s.plan, &s.err), -1);
    unit_err(&s.err, ERR_INVALID, "no size for a LUN");
    s.wish.size = 0;
    saw(&s.wish, "36001", 1 << 20);
    assert_int_equal(disk_plan_resize(&s.known, &s.wish, &s.plan, &s.err), 0);
    assert_int_equal(s.plan.nsteps, 0);
    saw(&s.wish, "36001", 2 << 20);
    assert_int_equal(disk_plan_resize(&s.known, &s.wish, &s.plan, &s.err), 0);
    assert_int_equal(s.plan.nsteps, 1);
    assert_int_equal(s.plan.steps[0].records[0].device->disk->lun.capacity,
                     2 << 20);
}

static int
update(struct scene *s, const char *set)
{
    CLEANUP_JSON json_t *fields = json_parse(set, strlen(set), NULL, NULL);

    memcpy(s->wish.disk_id, ONE, sizeof(ONE));
    s->wish.set = fields;
    return disk_plan_update(&s->known, &s->wish, &s->plan, &s->err);
}

static void
an_update_grants_or_releases(void **state)
{
    static const struct {
        const char *row, *set, *action;
    } all[] = {
        {"", "{\"rawio\":true}", "grant"},
        {",\"rawio\":true", "{\"rawio\":false}", "release"},
        {",\"rawio\":true", "{\"rawio\":false,\"sgio\":\"unfiltered\"}",
         "grant"},
        {",\"rawio\":true", "{\"discard\":null}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        SCENE s;
        struct disk *row;

        open_scene(&s, DOMAIN(""), false);
        row = record(&s, lun(ONE, all[i].row), "36001");
        snprintf(row->grant.by, sizeof(row->grant.by), "cn:before");
        if (update(&s, all[i].set) < 0)
            fail_msg("%s: %s", all[i].set, s.err.message);
        assert_int_equal(json_array_size(s.plan.grants), all[i].action != NULL);
        if (all[i].action)
            assert_string_equal(json_get_text(grant_at(&s, 0), "action", ""),
                                all[i].action);
    }
}

static void
a_start_grants_what_is_defined(void **state)
{
    static const char xml[] =
        DOMAIN("<hostdev mode='subsystem' type='scsi'/>"
               "<disk type='network' device='lun'><source protocol='iscsi' "
               "name='iqn.x/1'><host name='h'/></source><target dev='sda' "
               "bus='scsi'/><alias name='ua-" ONE "'/></disk>");
    SCENE s;
    struct vm_wish wish = {.paused = false};
    struct disk *row;

    (void)state;
    open_scene(&s, xml, false);
    row = record(&s, lun(ONE, ""), "36001");
    assert_int_equal(vm_plan_start(&s.known, &wish, &s.plan, &s.err), 0);
    assert_int_equal(json_array_size(s.plan.grants), 2);
    assert_string_equal(json_get_text(grant_at(&s, 1), "what", ""),
                        "hostdev scsi");
    assert_int_equal(s.plan.steps[0].nrecords, 2);
    assert_string_equal(s.plan.steps[0].records[1].vm.granted, "hostdev scsi");
    /* Recorded, it starts again without a word. */
    plan_clear(&s.plan);
    plan_init(&s.plan);
    snprintf(row->grant.by, sizeof(row->grant.by), "cn:before");
    snprintf(s.vm.record.granted, sizeof(s.vm.record.granted), "hostdev scsi");
    assert_int_equal(vm_plan_start(&s.known, &wish, &s.plan, &s.err), 0);
    assert_int_equal(json_array_size(s.plan.grants), 0);
}

static void
who_it_is(void **state)
{
    CLEANUP_DISK struct disk *disk = lun(ONE, "");
    struct disk_lun now = {.id = (char *)"36001", .capacity = 1};
    struct err err = ERR_INIT;

    (void)state;
    /* a record of nobody asked is compared with nothing */
    assert_int_equal(lun_facts_compare(disk, &now, &err), 0);
    disk_lun_set(disk, &now);
    assert_int_equal(lun_facts_compare(disk, &now, &err), 0);
    now.id = (char *)"36002";
    assert_int_equal(lun_facts_compare(disk, &now, &err), -1);
    unit_err(&err, ERR_LUN_IDENTITY_CHANGED, "its identity is 36002");
    unit_err(&err, ERR_LUN_IDENTITY_CHANGED, "that of disk " ONE " is 36001");
    now.id = NULL;
    assert_int_equal(lun_facts_compare(disk, &now, &err), -1);
    unit_err(&err, ERR_LUN_IDENTITY_CHANGED, "its identity is none");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_added_lun_is_granted),
        cmocka_unit_test(the_journal_keeps_it),
        cmocka_unit_test(the_same_lun_by_another_name),
        cmocka_unit_test(in_use_elsewhere),
        cmocka_unit_test(added_again_with_more),
        cmocka_unit_test(a_plug_grants_once),
        cmocka_unit_test(a_lun_is_resized_by_its_storage),
        cmocka_unit_test(an_update_grants_or_releases),
        cmocka_unit_test(a_start_grants_what_is_defined),
        cmocka_unit_test(who_it_is),
    };

    return cmocka_run_group_tests_name("lun_plan", tests, NULL, NULL);
}
