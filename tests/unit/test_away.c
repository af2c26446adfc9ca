// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt goes away and comes back, on the scripted backend: what is answered
 * meanwhile, what becomes of operations, what is believed afterwards.
 */
#include "tests/unit/house.h"

#include "agent/plan/look.h"

#define VM "{'vm': 'vm1'"
#define D1 "11111111-1111-4111-8111-111111111111"
#define D2 "22222222-2222-4222-8222-222222222222"
#define OP "99999999-9999-4999-8999-999999999999"

static void
start(struct house *house)
{
    house_start(house);
    watch_start(&house->env);
    house_do(house, "CreateVm", "{'name': 'vm1', 'memory': 134217728}");
    house_do(house, "StartVm", VM ", 'paused': true}");
}

static json_t *
add(struct house *house, const char *id, const char *more)
{
    char text[1024];

    snprintf(text, sizeof(text),
             VM ", 'disk_id': '%s', 'size': 1048576, 'source': {'type':"
                " 'file', 'path': '%s/%.4s.img', 'format': 'raw'}%s}",
             id, house->folder, id, more);
    return house_call(house, "AddDisk", text);
}

static void
connect_fake(struct house *house, bool connected)
{
    fake_connect(hyper_backend(house->env.hyper), connected);
}

static const char *
vm_uuid(struct house *house)
{
    static char uuid[UUID_TEXT];
    struct err err = ERR_INIT;

    assert_int_equal(vm_table_find(house->env.vms, "vm1", uuid, &err), 0);
    return uuid;
}

/* How many events of a type and origin there are. */
static int
events(struct house *house, const char *type, const char *origin)
{
    CLEANUP_JSON json_t *all = NULL;
    const json_t *event;
    int n = 0;
    size_t i;

    store_commit(house->env.store, store_batch_new(), NULL);
    all = eventlog_read(house->env.eventlog, 0, 1000, &house->err);
    json_array_foreach(json_object_get(all, "events"), i, event)
        n += !strcmp(json_get_text(event, "type", ""), type) &&
             !strcmp(json_get_text(event, "origin", ""), origin);
    return n;
}

static void
until_events(struct house *house, const char *type, const char *origin, int n)
{
    int64_t until = clock_mono_ms() + 5000;

    while (events(house, type, origin) < n && clock_mono_ms() < until)
        usleep(2000);
    assert_int_equal(events(house, type, origin), n);
}

static void
test_questions_are_answered_meanwhile(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    assert_non_null(add(&house, D1, ""));
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "settled", "true");
    connect_fake(&house, false);
    house_until(&house, "GetVm", VM "}", "settled", "false");
    house_is(&house, "state", "paused");
    house_is(&house, "disks.0.state", "plugged");
    house_do(&house, "ListHypervisors", "{}");
    house_is(&house, "hypervisors.0.connected", "false");
    house_is(&house, "hypervisors.0.last_error", "the fake is lost");
    assert_null(add(&house, D2, ""));
    unit_err(&house.err, ERR_UNREACHABLE, "lost");
    assert_true(house.err.retry_after_ms > 0);
    house_refuse(&house, "CreateVm", "{'name': 'vm2', 'memory': 134217728}",
                 ERR_UNREACHABLE, "lost");
    connect_fake(&house, true);
    house_until(&house, "GetVm", VM "}", "settled", "true");
    assert_non_null(add(&house, D2, ""));
    house_is(&house, "address.unit", "1");
    until_events(&house, "hypervisor.lost", "hypervisor", 1);
    until_events(&house, "hypervisor.back", "hypervisor", 1);
    house_end(&house);
}

static void
test_an_effect_that_was_there_is_finished(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 applied-lost");
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_UNREACHABLE, "not known yet");
    house_until(&house, "GetOperation", "{'op_id': '" OP "'}", "state",
                "unknown");
    connect_fake(&house, true);
    house_until(&house, "GetOperation", "{'op_id': '" OP "'}", "state", "done");
    house_is(&house, "receipt.recovered", "true");
    house_do(&house, "GetDisk", "{'disk': '" D1 "'}");
    house_is(&house, "state", "plugged");
    until_events(&house, "disk.plugged", "reconcile", 1);
    house_end(&house);
}

static void
test_an_effect_that_was_not_there_is_undone(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 lost");
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_UNREACHABLE, "not known yet");
    connect_fake(&house, true);
    house_until(&house, "GetOperation", "{'op_id': '" OP "'}", "state",
                "cancelled");
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    house_end(&house);
}

static void
test_a_rollback_that_is_cut_goes_on(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 wrong-address\ndetach 1 lost");
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    unit_err(&house.err, ERR_UNREACHABLE, "was being undone");
    connect_fake(&house, true);
    house_until(&house, "GetOperation", "{'op_id': '" OP "'}", "state",
                "cancelled");
    house_is(&house, "receipt.rolled_back", "true");
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    assert_non_null(add(&house, D1, ""));
    house_end(&house);
}

/* A connection of one worker's dies, the one for events lives: nobody tells
 * that it is back. */
static void
test_the_next_operation_settles_the_last(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 applied-fail UNREACHABLE reset by peer");
    assert_null(add(&house, D1, ", 'op_id': '" OP "'"));
    assert_non_null(add(&house, D2, ""));
    house_do(&house, "GetOperation", "{'op_id': '" OP "'}");
    house_is(&house, "state", "done");
    house_end(&house);
}

/* What libvirt shows before it has asked QEMU is not recorded. */
static void
test_a_stale_view_is_not_believed(void **state)
{
    struct house house;
    void *backend;

    (void)state;
    start(&house);
    backend = hyper_backend(house.env.hyper);
    assert_non_null(add(&house, D1, ""));
    assert_non_null(add(&house, D2, ""));
    connect_fake(&house, false);
    fake_freeze(backend, vm_uuid(&house), true);
    fake_take(backend, vm_uuid(&house), "ua-" D1);
    connect_fake(&house, true);
    until_events(&house, "hypervisor.back", "hypervisor", 1);
    house_refuse(&house, "HotPlugDisk", VM ", 'disk': '" D1 "'}",
                 ERR_RECOVERING, "not settled");
    assert_true(house.err.retry_after_ms > 0);
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "settled", "false");
    assert_int_equal(events(&house, "disk.unplugged", "reconcile"), 0);
    fake_freeze(backend, vm_uuid(&house), false);
    house_until(&house, "GetVm", VM "}", "settled", "true");
    house_until(&house, "GetDisk", "{'disk': '" D1 "'}", "state", "unplugged");
    house_do(&house, "GetDisk", "{'disk': '" D2 "'}");
    house_is(&house, "state", "plugged");
    until_events(&house, "disk.unplugged", "reconcile", 1);
    house_do(&house, "HotPlugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "changed", "true");
    house_end(&house);
}

/* berthd starts while libvirt is away. */
static void
test_a_start_without_libvirt(void **state)
{
    struct house house;

    (void)state;
    start(&house);
    assert_non_null(add(&house, D1, ""));
    connect_fake(&house, false);
    until_events(&house, "hypervisor.lost", "hypervisor", 1);
    house_close(&house);
    house_open(&house);
    watch_start(&house.env);
    house_do(&house, "ListVms", "{}");
    house_is(&house, "vms.0.name", "vm1");
    house_is(&house, "vms.0.state", "unknown");
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "settled", "false");
    assert_true(json_is_integer(json_object_get(house.answer, "age_ms")));
    house_is(&house, "disks.0.disk_id", D1);
    house_do(&house, "GetTopology", VM "}");
    house_refuse(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}",
                 ERR_UNREACHABLE, "lost");
    connect_fake(&house, true);
    house_until(&house, "GetVm", VM "}", "settled", "true");
    house_is(&house, "state", "paused");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_is(&house, "state", "done");
    house_end(&house);
}

/* What others did while berthd was away is told, and told once. */
static void
test_changes_over_a_stop_are_told(void **state)
{
    struct house house;
    char uuid[UUID_TEXT];

    (void)state;
    start(&house);
    assert_non_null(add(&house, D1, ""));
    snprintf(uuid, sizeof(uuid), "%s", vm_uuid(&house));
    house_close(&house);
    atomic_store(&house.deaf, true);
    fake_take(hyper_backend(house.env.hyper), uuid, "ua-" D1);
    assert_int_equal(hyper_resume(house.env.hyper, uuid, &house.err), 0);
    for (int round = 0; round < 2; round++) {
        house_open(&house);
        watch_start(&house.env);
        house_until(&house, "GetVm", VM "}", "settled", "true");
        house_is(&house, "state", "running");
        until_events(&house, "disk.unplugged", "reconcile", 1);
        until_events(&house, "vm.state", "reconcile", 1);
        if (round == 0)
            house_close(&house);
    }
    house_end(&house);
}

/* A question that libvirt answered late does not undo what an event told. */
static void
test_an_event_outweighs_a_late_answer(void **state)
{
    struct vm_table *vms = vm_table_new();
    struct vm_seen seen = {.uuid = D1, .name = "vm1", .state = "running",
                           .reason = "", .active = true};
    CLEANUP_VM_INFO struct vm_info info = {.told = 7};

    (void)state;
    assert_true(vm_table_seen(vms, &seen));
    assert_true(vm_table_get(vms, D1, &info));
    seen.event = true;
    seen.state = "shut_off";
    assert_true(vm_table_seen(vms, &seen));
    seen.event = false;
    seen.state = "running";
    seen.told = info.told;
    assert_false(vm_table_seen(vms, &seen));
    vm_table_get(vms, D1, &info);
    assert_string_equal(info.state, "shut_off");
    seen.told = info.told;
    assert_true(vm_table_seen(vms, &seen));
    vm_table_free(vms);
}

static void
count_looked(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
}

/* One VM hangs: the first look ends without it, and tells once. */
static void
test_the_first_look(void **state)
{
    struct house house;
    atomic_int looked = 0;
    int64_t until = clock_mono_ms() + 3000;

    (void)state;
    start(&house);
    house_do(&house, "CreateVm", "{'name': 'vm2', 'memory': 134217728}");
    fake_freeze(hyper_backend(house.env.hyper), vm_uuid(&house), true);
    house_close(&house);
    house_open(&house);
    house.env.looked = count_looked;
    house.env.ctx = &looked;
    atomic_store(&house.env.recovering, true);
    for (size_t i = 0; i < 3; i++) {
        static const char *const asks[] = {"GetVm", "ListVms", "ListDisks"};

        house_refuse(&house, asks[i], i ? "{}" : VM "}", ERR_RECOVERING,
                     "just started");
    }
    watch_start(&house.env);
    while (!atomic_load(&looked) && clock_mono_ms() < until)
        usleep(1000);
    assert_int_equal(atomic_load(&looked), 1);
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "settled", "false");
    house_is(&house, "state", "paused");
    house_until(&house, "GetVm", "{'vm': 'vm2'}", "settled", "true");
    fake_freeze(hyper_backend(house.env.hyper), vm_uuid(&house), false);
    house_until(&house, "GetVm", VM "}", "settled", "true");
    look_at_all(&house.env);
    assert_int_equal(atomic_load(&looked), 1);
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_questions_are_answered_meanwhile),
        cmocka_unit_test(test_an_effect_that_was_there_is_finished),
        cmocka_unit_test(test_an_effect_that_was_not_there_is_undone),
        cmocka_unit_test(test_a_rollback_that_is_cut_goes_on),
        cmocka_unit_test(test_the_next_operation_settles_the_last),
        cmocka_unit_test(test_a_stale_view_is_not_believed),
        cmocka_unit_test(test_a_start_without_libvirt),
        cmocka_unit_test(test_changes_over_a_stop_are_told),
        cmocka_unit_test(test_an_event_outweighs_a_late_answer),
        cmocka_unit_test(test_the_first_look),
    };

    return CASES(cases);
}
