// SPDX-License-Identifier: Apache-2.0
/* The gate in front of each verb: what is known of a call, and what of it the
 * peer may. */
#include "tests/unit/house.h"

#include "agent/front/gate.h"

#define DISK "99999999-2222-4333-8444-555555555555"
#define FAR "77777777-2222-4333-8444-555555555555"

struct door {
    struct house house;
    struct verb_call call;
    json_t *params;
};

static void
door_open(struct door *door, const char *roles)
{
    memset(door, 0, sizeof(*door));
    house_start(&door->house);
    house_do(&door->house, "CreateVm",
             "{'name': 'web-1', 'memory': 134217728, 'vcpus': 1}");
    assert_int_equal(access_add_peer(door->house.root.access, "p", "uid:5",
                                     roles, &door->house.err),
                     0);
    identity_unref(door->house.root.who);
    door->house.root.who = identity_new("uid:5");
    identity_add_number(door->house.root.who, IDENTITY_UID, 5);
}

static void
door_close(struct door *door)
{
    json_decref(door->params);
    house_end(&door->house);
}

/* A call of that row with these parameters (' stands for "). */
static struct verb_call *
knock(struct door *door, const struct verb *verb, const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_decref(door->params);
    door->params = json_parse(json, strlen(json), NULL, NULL);
    assert_non_null(door->params);
    door->house.err = (struct err)ERR_INIT;
    door->call = (struct verb_call){.verb = verb,
                                    .env = &door->house.env,
                                    .params = door->params,
                                    .request = {.peer = "uid:5",
                                                .who = door->house.root.who,
                                                .verb = verb->name}};
    return &door->call;
}

static const struct field vm_field[] = {VERB_VM_ROW};
static const struct field disk_field[] = {
    VERB_VM_ROW, {.name = "disk", .type = FIELD_REF, .doc = "-"}};

#define ROW(lane_, group_, fields)                                             \
    (&(const struct verb){.name = "Verb",                                      \
                          .action_group = group_,                              \
                          .lane = lane_,                                       \
                          .params = fields,                                    \
                          .nparams = sizeof(fields) / sizeof(*(fields))})

static void
test_rough_and_close(void **state)
{
    const struct verb *operate = ROW(VERB_VM, "VM_OPERATE", vm_field);
    struct door door;

    (void)state;
    door_open(&door, "Operator@vm:web-*");
    assert_int_equal(gate_enter(knock(&door, operate, "{}"), NULL), 0);
    assert_int_equal(
        gate_object(knock(&door, operate, "{'vm': 'web-1'}"), NULL), 0);
    /* Looked for in libvirt, and then asked again. */
    assert_int_equal(
        gate_object(knock(&door, operate, "{'vm': 'db-1'}"), NULL), 0);
    strcpy(door.call.vm, FAR);
    assert_int_equal(gate_object(&door.call, &door.house.err), -1);
    unit_err(&door.house.err, ERR_DENIED, "VM_OPERATE for VM " FAR);
    assert_int_equal(
        gate_enter(knock(&door, ROW(VERB_VM, "HOST_ADMIN", vm_field), "{}"),
                   &door.house.err),
        -1);
    door_close(&door);
}

/* What is about no VM, or about one that nobody looks for, is not let through
 * by a role for some. */
static void
test_what_is_not_known(void **state)
{
    const struct verb *host = ROW(VERB_HOST, "VM_READ", vm_field);
    const struct verb *none = ROW(VERB_HOST, "HOST_READ", vm_field);
    struct door door;

    (void)state;
    door_open(&door, "Operator@vm:web-*");
    assert_int_equal(gate_object(knock(&door, host, "{'vm': 'web-1'}"), NULL),
                     0);
    assert_int_equal(gate_object(knock(&door, host, "{'vm': 'db-1'}"),
                                 &door.house.err),
                     -1);
    assert_int_equal(gate_object(knock(&door, none, "{}"), &door.house.err),
                     -1);
    assert_int_equal(gate_enter(knock(&door, ROW(VERB_HOST, NULL, vm_field),
                                      "{}"),
                                &door.house.err),
                     -1);
    unit_err(&door.house.err, ERR_DENIED, "no action group");
    assert_int_equal(
        gate_enter(knock(&door, ROW(VERB_HOST, VERB_FOR_ALL, vm_field), "{}"),
                   NULL),
        0);
    door_close(&door);
}

/* A role for some disks: which disk it is, the verb asks. */
static void
test_some_disks(void **state)
{
    const struct verb *vm = ROW(VERB_VM, "DISK_ATTACH", vm_field);
    const struct verb *disk = ROW(VERB_VM, "DISK_ATTACH", disk_field);
    struct door door;

    (void)state;
    door_open(&door, "Operator@disk:" DISK);
    assert_int_equal(
        gate_object(knock(&door, disk, "{'vm': 'web-1', 'disk': 'x'}"), NULL),
        0);
    assert_int_equal(gate_object(knock(&door, vm, "{'vm': 'web-1'}"),
                                 &door.house.err),
                     -1);
    door_close(&door);
}

/* A machine of another host: not by the name of a VM here. */
static void
test_machines_elsewhere(void **state)
{
    const struct verb *far = ROW(VERB_REMOTE, "DISK_ATTACH", disk_field);
    struct door door;

    (void)state;
    door_open(&door, "Operator@vm:web-*, Operator@disk:" DISK);
    assert_int_equal(
        gate_object(knock(&door, far, "{'vm': 'web-1', 'disk': 'x'}"), NULL),
        0);
    strcpy(door.call.vm, FAR);
    strcpy(door.call.remote.vm.name, "db-1");
    assert_int_equal(gate_remote(&door.call, &door.house.err), -1);
    unit_err(&door.house.err, ERR_DENIED, "VM \"db-1\"");
    strcpy(door.call.remote.vm.name, "web-9");
    assert_int_equal(gate_remote(&door.call, NULL), 0);
    knock(&door, far, "{'vm': 'db-1', 'disk': '" DISK "'}");
    strcpy(door.call.vm, FAR);
    strcpy(door.call.remote.vm.name, "db-1");
    assert_int_equal(gate_remote(&door.call, NULL), 0);
    /* The beginning of a disk_id could be another's. */
    knock(&door, far, "{'vm': 'db-1', 'disk': '99999999'}");
    strcpy(door.call.vm, FAR);
    assert_int_equal(gate_remote(&door.call, &door.house.err), -1);
    door_close(&door);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rough_and_close),
        cmocka_unit_test(test_what_is_not_known),
        cmocka_unit_test(test_some_disks),
        cmocka_unit_test(test_machines_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
