// SPDX-License-Identifier: Apache-2.0
/* Rights asked for requests: verbs, objects, plans, lists and events. */
#include "tests/unit/house.h"

#include "agent/plan/permit.h"

#define OTHER "99999999-2222-4333-8444-555555555555"

/* From now on the test's peer is this uid, and uid 5 has these roles. */
static void
become(struct house *house, unsigned uid, const char *roles)
{
    root_leave(&house->root);
    house->root = root_enter(&house->env);
    assert_int_equal(access_add_peer(house->root.access, "five", "uid:5",
                                     roles, &house->err),
                     0);
    snprintf(house->peer, sizeof(house->peer), "uid:%u", uid);
    identity_unref(house->root.who);
    house->root.who = identity_new(house->peer);
    identity_add_number(house->root.who, IDENTITY_UID, uid);
}

static void
make_vm(struct house *house, const char *name)
{
    CLEANUP_FREE char *text =
        mem_printf("{'name': '%s', 'memory': 134217728, 'vcpus': 1}", name);

    house_do(house, "CreateVm", text);
}

static void
test_what_a_denial_says(void **state)
{
    struct request request = {.peer = "uid:5", .verb = "AddDisk"};
    const struct access_object object = {NULL, "web-1", "some-disk"};
    struct house house;
    struct err err = ERR_INIT;

    (void)state;
    house_start(&house);
    become(&house, 5, "Monitor, Operator@vm:db-*");
    request.who = house.root.who;
    assert_int_equal(permit_check(&house.env, &request,
                                  ACCESS_CONFIGURE_SCSI_GENERIC_IO, &object,
                                  &err),
                     -1);
    unit_err(&err, ERR_DENIED,
             "AddDisk needs the action group CONFIGURE_SCSI_GENERIC_IO for "
             "disk some-disk of VM \"web-1\", which uid:5 does not have (its "
             "roles: Monitor, Operator@vm:db-*). Roles that have it: "
             "SuperUser, DataCenterAdmin;");
    assert_int_equal(
        permit_check_any(&house.env, &request, ACCESS_VM_OPERATE, &err), 0);
    request.who = NULL;
    assert_int_equal(
        permit_check_any(&house.env, &request, ACCESS_VM_READ, &err), -1);
    unit_err(&err, ERR_DENIED, "its roles: none");
    house_end(&house);
}

static void
test_the_name_is_looked_up(void **state)
{
    struct request request = {.peer = "uid:5", .verb = "StartVm"};
    struct access_object object = {NULL, NULL, NULL};
    char vm[UUID_TEXT];
    struct house house;

    (void)state;
    house_start(&house);
    make_vm(&house, "web-1");
    assert_int_equal(vm_table_find(house.env.vms, "web-1", vm, NULL), 0);
    become(&house, 5, "Operator@vm:web-*");
    request.who = house.root.who;
    object.vm = vm;
    assert_int_equal(permit_check(&house.env, &request, ACCESS_VM_OPERATE,
                                  &object, &house.err),
                     0);
    object.vm = OTHER;
    assert_int_equal(permit_check(&house.env, &request, ACCESS_VM_OPERATE,
                                  &object, &house.err),
                     -1);
    unit_err(&house.err, ERR_DENIED, "for VM " OTHER);
    house_end(&house);
}

static void
test_a_vm_is_created_by_its_name(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    become(&house, 5, "DataCenterAdmin@vm:web-*");
    house_refuse(&house, "CreateVm",
                 "{'name': 'db-1', 'memory': 134217728, 'vcpus': 1}",
                 ERR_DENIED, "VM_CREATE for VM \"db-1\"");
    make_vm(&house, "web-1");
    house_end(&house);
}

/* An image is made, grown or deleted by who has DISK_CREATE. */
static void
test_images_need_disk_create(void **state)
{
    struct house house;
    CLEANUP_FREE char *add = NULL, *dry = NULL;

    (void)state;
    house_start(&house);
    make_vm(&house, "web-1");
    add = mem_printf("{'vm': 'web-1', 'source': {'type': 'file', 'path': "
                     "'%s/new.raw', 'format': 'raw'}, 'size': 1048576, "
                     "'disk_id': '" OTHER "'}",
                     house.folder);
    dry = mem_printf("{'dry_run': true, %s", add + 1);
    become(&house, 5, "Operator");
    house_refuse(&house, "AddDisk", add, ERR_DENIED,
                 "AddDisk needs the action group DISK_CREATE for disk " OTHER);
    house_do(&house, "AddDisk", dry);
    house_is(&house, "privileges.0.group", "DISK_CREATE");
    house_is(&house, "privileges.0.granted", "false");
    become(&house, 5, "Operator, DataCenterAdmin@disk:" OTHER);
    house_do(&house, "AddDisk", dry);
    house_is(&house, "privileges.0.granted", "true");
    house_do(&house, "AddDisk", add);
    become(&house, 5, "Operator");
    house_refuse(&house, "ResizeDisk",
                 "{'vm': 'web-1', 'disk': '" OTHER "', 'size': 2097152}",
                 ERR_DENIED, "DISK_CREATE for disk " OTHER);
    house_refuse(&house, "RemoveDisk",
                 "{'vm': 'web-1', 'disk': '" OTHER "', 'delete': true}",
                 ERR_DENIED, "DISK_CREATE for disk " OTHER);
    house_do(&house, "RemoveDisk", "{'vm': 'web-1', 'disk': '" OTHER "'}");
    house_end(&house);
}

/* A role for one disk reaches that disk alone, in arrays too. */
static void
test_a_role_for_one_disk(void **state)
{
    struct house house;
    CLEANUP_FREE char *one = NULL, *both = NULL;

    (void)state;
    house_start(&house);
    make_vm(&house, "web-1");
    one = mem_printf("{'source': {'type': 'file', 'path': '%s/a.raw', "
                     "'format': 'raw'}, 'size': 1048576, 'disk_id': '" OTHER
                     "'}",
                     house.folder);
    both = mem_printf("{'vm': 'web-1', 'disks': [%s, {'source': {'type': "
                      "'file', 'path': '%s/b.raw', 'format': 'raw'}, 'size': "
                      "1048576}]}",
                      one, house.folder);
    become(&house, 5, "DataCenterAdmin@disk:" OTHER);
    house_refuse(&house, "AddDisk", both, ERR_DENIED, "DISK_ATTACH for disk");
    free(both);
    both = mem_printf("{'vm': 'web-1', 'disks': [%s]}", one);
    house_do(&house, "AddDisk", both);
    house_do(&house, "GetDisk", "{'disk': '" OTHER "'}");
    house_do(&house, "ListDisks", "{}");
    house_is(&house, "disks.0.disk_id", OTHER);
    become(&house, 5, "DataCenterAdmin@disk:2*");
    house_do(&house, "ListDisks", "{}");
    assert_int_equal(
        json_array_size(json_object_get(house.answer, "disks")), 0);
    house_refuse(&house, "GetDisk", "{'disk': '" OTHER "'}", ERR_DENIED,
                 "VM_READ for disk " OTHER);
    house_refuse(&house, "HotUnplugDisk",
                 "{'vm': 'web-1', 'disk': '" OTHER "'}", ERR_DENIED,
                 "DISK_ATTACH for disk " OTHER);
    house_end(&house);
}

/* Of how many VMs the last answer's list tells. */
static size_t
vms_in(const struct house *house, const char *list)
{
    CLEANUP_JSON json_t *seen = json_object();
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(house->answer, list), i, item)
        json_object_set_new(seen, json_get_text(item, "vm", "-"), json_true());
    return json_object_size(seen);
}

static void
check_lists(struct house *house, size_t vms)
{
    house_do(house, "ListVms", "{}");
    assert_int_equal(json_array_size(json_object_get(house->answer, "vms")),
                     vms);
    house_do(house, "GetVmStats", "{}");
    assert_int_equal(vms_in(house, "stats"), vms);
    house_do(house, "GetEvents", "{}");
    assert_int_equal(vms_in(house, "events"), vms);
    house_do(house, "ListOperations", "{}");
    assert_int_equal(vms_in(house, "operations"), vms);
}

/* A list shows what may be seen, and no more. */
static void
test_lists_leave_out(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make_vm(&house, "web-1");
    make_vm(&house, "db-1");
    check_lists(&house, 2);
    become(&house, 5, "Monitor@vm:web-*");
    check_lists(&house, 1);
    house_is(&house, "operations.0.peer", "uid:0");
    house_refuse(&house, "ListDisks", "{'vm': 'db-1'}", ERR_DENIED, "db-1");
    house_refuse(&house, "GetVmStats", "{'vm': 'db-1'}", ERR_DENIED, "db-1");
    house_refuse(&house, "GetVm", "{'vm': 'db-1'}", ERR_DENIED, "db-1");
    house_refuse(&house, "GetVmXml", "{'vm': 'db-1'}", ERR_DENIED, "db-1");
    house_refuse(&house, "Subscribe", "{'vm': 'db-1'}", ERR_DENIED, "db-1");
    house_do(&house, "Subscribe", "{'vm': 'web-1', 'since': 0}");
    become(&house, 5, "");
    check_lists(&house, 0);
    house_end(&house);
}

/* Its own operations are a peer's to see and to cancel, another's are not. */
static void
test_operations_of_others(void **state)
{
    static const char op[] = "{'op_id': '" OTHER "'}";
    struct house house;

    (void)state;
    house_start(&house);
    house_do(&house, "CreateVm",
             "{'name': 'db-1', 'memory': 134217728, 'vcpus': 1, 'op_id': "
             "'" OTHER "'}");
    become(&house, 5, "Operator@vm:web-*");
    house_refuse(&house, "GetOperation", op, ERR_DENIED, "VM_READ");
    house_refuse(&house, "CancelOperation", op, ERR_DENIED, "VM_OPERATE");
    become(&house, 5, "Operator@vm:db-*");
    house_do(&house, "GetOperation", op);
    house_refuse(&house, "CancelOperation", op, ERR_BAD_STATE, "ended");
    become(&house, 0, "");
    house_do(&house, "GetOperation", op);
    house_end(&house);
}

static void
test_events(void **state)
{
    struct house house;
    struct env *env = &house.env;

    (void)state;
    house_start(&house);
    become(&house, 5, "Monitor@disk:" OTHER ", Monitor@vm:" OTHER);
    assert_true(permit_event(env, house.root.who, "disk.plugged", "x", "ua-" OTHER));
    assert_false(permit_event(env, house.root.who, "disk.plugged", "x", "ua-2"));
    assert_false(permit_event(env, house.root.who, "disk.plugged", "x", OTHER));
    assert_true(permit_event(env, house.root.who, "vm.state", OTHER, NULL));
    assert_false(permit_event(env, house.root.who, "vm.state", "x", NULL));
    assert_false(permit_event(env, house.root.who, "lane.stuck", NULL, NULL));
    assert_true(permit_event(env, house.root.who, EVENTLOG_DROPPED, NULL, NULL));
    become(&house, 5, "Monitor");
    assert_true(permit_event(env, house.root.who, "lane.stuck", NULL, NULL));
    become(&house, 5, "");
    assert_false(permit_event(env, house.root.who, EVENTLOG_DROPPED, NULL, NULL));
    house_end(&house);
}

/* --- every verb ---------------------------------------------------------- */

/* The table of the manual: a row that is not in it stops this test. */
static void
test_each_verb_has_its_group(void **state)
{
    static const struct {
        const char *group, *verbs;
    } rows[] = {
        {"NONE", " Ping Host.ping2 "},
        {"VM_READ",
         " GetVm ListVms GetVmXml GetVmStats GetTopology GetDisk ListDisks "
         "Subscribe GetEvents GetOperation ListOperations GetGuestInfo "
         "ListSnapshots GetPortability GetScheduler "},
        {"VM_OPERATE",
         " StartVm ShutdownVm DestroyVm RebootVm SuspendVm ResumeVm "
         "SetScheduler MigrateVm CreateSnapshot RevertSnapshot "
         "DeleteSnapshot CancelOperation AnswerQuestion "},
        {"VM_CREATE",
         " CreateVm UpdateVm DeleteVm SetAutostart ConvertVmx "},
        {"DISK_ATTACH",
         " AddDisk RemoveDisk HotPlugDisk HotUnplugDisk UpdateVmDisk "
         "ResizeDisk ChangeCd "},
        {"HOST_READ",
         " GetCapabilities GetHostStats ListHypervisors ListHooks Doctor "
         "ListPools ListVolumes "},
        {"DISK_CREATE", " CreateVolume DeleteVolume "},
        {"HOST_ADMIN",
         " GetConfig ReloadConfig SetLogLevel TestHook AddHypervisor "
         "TestHypervisor "},
        {"AUDIT_READ", " GetAudit VerifyAudit "},
    };
    const struct verb *verb;

    (void)state;
    for (size_t i = 0; (verb = table_at(i)); i++) {
        CLEANUP_FREE char *word = mem_printf(" %s ", verb->name);
        const char *want = NULL;

        if (strcmp(verb->action_group, VERB_FOR_ALL) != 0)
            assert_true(access_group_parse(verb->action_group) >= 0);
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
            if (strstr(rows[k].verbs, word))
                want = rows[k].group;
        if (!want && verb_is_vdsm(verb))
            continue; /* second names: any known group */
        if (!want || strcmp(verb->action_group, want) != 0)
            fail_msg("%s has the group %s, not %s", verb->name,
                     verb->action_group, want ? want : "of the table");
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_denial_says),
        cmocka_unit_test(test_the_name_is_looked_up),
        cmocka_unit_test(test_a_vm_is_created_by_its_name),
        cmocka_unit_test(test_images_need_disk_create),
        cmocka_unit_test(test_a_role_for_one_disk),
        cmocka_unit_test(test_lists_leave_out),
        cmocka_unit_test(test_operations_of_others),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_each_verb_has_its_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
