// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's form of a plan: what comes back from it is what went in, but
 * for secrets, which never go in.
 */
#include "agent/common/mem.h"
#include "agent/plan/plan_json.h"
#include "tests/unit/unit.h"

#define ID "11111111-1111-4111-8111-111111111111"
#define VM "22222222-2222-4222-8222-222222222222"

static struct disk *
the_disk(void)
{
    static const char text[] =
        "{\"disk_id\": \"" ID "\", \"source\": {\"type\": \"file\","
        " \"path\": \"/images/a.raw\", \"format\": \"raw\"},"
        " \"iotune\": {\"total_iops_sec\": 7}, \"address\": {\"type\":"
        " \"drive\", \"controller\": 0, \"bus\": 0, \"target\": 0, \"unit\":"
        " 0}}";
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = json_parse(text, sizeof(text) - 1, NULL, &err);
    struct disk *disk = disk_from_json(obj, "", &err);

    if (!disk)
        fail_msg("%s", err.message);
    disk->target = mem_dup("sda");
    return disk;
}

static struct controller
the_controller(void)
{
    struct controller c;

    controller_init(&c, "scsi", "virtio-scsi", 0);
    c.address.type = ADDRESS_PCI;
    c.address.pci.bus = 1;
    return c;
}

static void
add_step(struct plan *plan, enum step_kind kind)
{
    struct step *step = plan_add(plan, kind);

    if (kind >= STEP_START_TRANSIENT) {
        step->alias = mem_dup("ua-nic");
        step->text = mem_dup("<now/>");
        step->text_was = mem_dup("<before/>");
        step->number = 4;
        step->was = 2;
        step->flag = true;
        return;
    }
    step->disk = the_disk();
    step->controller = the_controller();
    if (kind == STEP_DEFINE)
        plan_edit_disk(step, EDIT_ADD_DISK, step->disk);
}

static void
test_a_plan_survives_the_journal(void **state)
{
    CLEANUP_PLAN struct plan plan, again;
    CLEANUP_JSON json_t *written = NULL, *rewritten = NULL;
    CLEANUP_DISK struct disk *disk = the_disk();
    struct vm_record record = {.uuid = VM, .name = "vm1", .virtio_scsi = true};
    struct err err = ERR_INIT;

    (void)state;
    plan_init(&plan);
    plan_init(&again);
    plan_reserve_disk(&plan, disk, NULL);
    add_step(&plan, STEP_ATTACH_CONTROLLER);
    add_step(&plan, STEP_ATTACH_DISK);
    plan.steps[1].event = "disk.plugged";
    plan_step_device(&plan.steps[1], disk);
    add_step(&plan, STEP_DEFINE);
    plan_edit_controller(&plan.steps[2], EDIT_ADD_CONTROLLER,
                         &plan.steps[0].controller);
    plan_step_vm(&plan.steps[2], RECORD_VM, &record);
    plan_warn(&plan, "a warning");
    written = plan_json_encode(&plan);
    if (plan_json_decode(written, &again, &err) < 0)
        fail_msg("%s", err.message);
    rewritten = plan_json_encode(&again);
    assert_true(json_equal(written, rewritten));
    assert_string_equal(again.steps[1].event, "disk.plugged");
}

static void
test_an_engines_plan_survives_the_journal(void **state)
{
    CLEANUP_PLAN struct plan plan, again;
    CLEANUP_JSON json_t *written = NULL, *rewritten = NULL;
    CLEANUP_TEXT char *text = NULL;
    struct err err = ERR_INIT;

    (void)state;
    plan_init(&plan);
    plan_init(&again);
    for (int kind = STEP_START_TRANSIENT; kind <= STEP_THAW; kind++)
        add_step(&plan, (enum step_kind)kind);
    for (size_t i = 0; i < plan.nsteps; i++)
        if (plan.steps[i].kind == STEP_SET_TICKET)
            plan.steps[i].secret = mem_dup("hush-hush");
    written = plan_json_encode(&plan);
    if (plan_json_decode(written, &again, &err) < 0)
        fail_msg("%s", err.message);
    rewritten = plan_json_encode(&again);
    assert_true(json_equal(written, rewritten));
    assert_string_equal(again.steps[1].alias, "ua-nic");
    assert_string_equal(again.steps[1].text, "<now/>");
    assert_string_equal(again.steps[1].text_was, "<before/>");
    text = json_text(written, NULL);
    assert_null(strstr(text, "hush-hush"));
}

/* Disks of a VM that was not made here have no ids in libvirt's XML. */
static void
test_a_disk_without_an_id_survives(void **state)
{
    CLEANUP_PLAN struct plan plan, again;
    CLEANUP_JSON json_t *written = NULL;
    struct err err = ERR_INIT;

    (void)state;
    plan_init(&plan);
    plan_init(&again);
    add_step(&plan, STEP_UPDATE_DISK);
    plan.steps[0].before = the_disk();
    plan.steps[0].before->id[0] = '\0';
    written = plan_json_encode(&plan);
    if (plan_json_decode(written, &again, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(again.steps[0].disk->id, ID);
    assert_string_equal(again.steps[0].before->id, "");
}

static void
test_what_is_no_plan_is_refused(void **state)
{
    static const char *const texts[] = {
        "{}", "{\"warnings\": [], \"result\": {}, \"steps\": [{}]}",
        ("{\"warnings\": [], \"result\": {}, \"steps\": [], \"reserve\":"
         " [{\"kind\": 9}], \"release\": []}")};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct err err = ERR_INIT;
        CLEANUP_PLAN struct plan plan;
        CLEANUP_JSON json_t *obj =
            json_parse(texts[i], strlen(texts[i]),
                       &(struct json_limits){16, 0}, &err);

        plan_init(&plan);
        assert_non_null(obj);
        assert_int_equal(plan_json_decode(obj, &plan, &err), -1);
        unit_err(&err, ERR_INTERNAL, "journal");
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_a_plan_survives_the_journal),
        cmocka_unit_test(test_an_engines_plan_survives_the_journal),
        cmocka_unit_test(test_a_disk_without_an_id_survives),
        cmocka_unit_test(test_what_is_no_plan_is_refused),
    };

    json_init();
    return CASES(cases);
}
