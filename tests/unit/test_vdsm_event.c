// SPDX-License-Identifier: Apache-2.0
/* Our events as VDSM's clients hear them. */
#include "tests/unit/house.h"

#include "agent/common/log.h"
#include "agent/verbs/vdsm_event.h"
#include "agent/verbs/vdsm_status.h"
#include "protocol/vdsm.h"

#define VM "11111111-2222-4333-8444-555555555555"
#define SESSION 7

#define MOST 8

struct heard {
    json_t *all[MOST]; /* owned */
    int n;
};

static void
on_reply(void *ctx, uint64_t session, uint64_t slot, json_t *reply)
{
    (void)ctx;
    (void)session;
    (void)slot;
    json_decref(reply);
}

static void
on_event(void *ctx, uint64_t session, const struct notify_note *note)
{
    struct heard *heard = ctx;

    assert_int_equal(session, SESSION);
    assert_true(heard->n < MOST);
    heard->all[heard->n] = json_parse(note->text, note->len, NULL, NULL);
    assert_non_null(heard->all[heard->n++]);
}

static void
clear(struct heard *heard)
{
    while (heard->n > 0)
        json_decref(heard->all[--heard->n]);
}

struct fixture {
    struct house house;
    struct heard heard;
};

static int
set_up(void **state)
{
    static const struct notify_front front = {on_reply, on_event};
    struct fixture *f = mem_zalloc(1, sizeof(*f));

    house_start(&f->house);
    notify_set_front(f->house.env.notify, &front, &f->heard);
    notify_vdsm(f->house.env.notify, SESSION, true);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;

    clear(&f->heard);
    house_end(&f->house);
    free(f);
    return 0;
}

/* Tell of an event (' stands for "); what was heard of it, the last counts. */
static int
tell(struct fixture *f, const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);
    CLEANUP_JSON json_t *event = NULL;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    event = json_parse(json, strlen(json), NULL, NULL);
    assert_non_null(event);
    clear(&f->heard);
    vdsm_event_tell(&f->house.env, event);
    outbox_run(f->house.outbox);
    return f->heard.n;
}

/* The params of the nth that was heard. */
static json_t *
nth(struct fixture *f, int n, const char *method)
{
    json_t *params = json_object_get(f->heard.all[n], "params");

    assert_true(n < f->heard.n);
    assert_string_equal(json_get_text(f->heard.all[n], "method", ""), method);
    assert_string_equal(json_get_text(f->heard.all[n], "jsonrpc", ""), "2.0");
    assert_null(json_object_get(f->heard.all[n], "id"));
    assert_true(json_get_int(params, "notify_time", 0) > INT32_MAX);
    return params;
}

static void
seen(struct fixture *f, const char *state, bool active)
{
    const struct vm_seen vm = {.uuid = VM,
                               .name = "db",
                               .state = state,
                               .reason = "",
                               .active = active,
                               .event = true};

    vm_table_seen(f->house.env.vms, &vm);
}

static const char *
status(struct fixture *f)
{
    json_t *params = nth(f, 0, "|virt|VM_status|" VM);

    return json_get_text(json_object_get(params, VM), "status", "");
}

#define STATE(state, detail, reason)                                          \
    "{'seq': 1, 'type': 'vm.state', 'vm': '" VM "', 'data': {'state': '" state \
    "', 'detail': '" detail "', 'reason': '" reason "'}}"

static void
a_status_is_told_as_it_is_now(void **state)
{
    struct fixture *f = *state;

    seen(f, "running", true);
    assert_int_equal(tell(f, STATE("running", "started", "booted")), 2);
    assert_string_equal(status(f), "Up");
    seen(f, "paused", true);
    tell(f, STATE("running", "resumed", ""));
    assert_string_equal(status(f), "Paused");
    seen(f, "shutting_down", true);
    tell(f, STATE("shutting_down", "shutdown", ""));
    assert_string_equal(status(f), "Powering down");
}

static void
down_has_its_reason(void **state)
{
    struct fixture *f = *state;
    const json_t *vm;

    seen(f, "shut_off", false);
    tell(f, STATE("shut_off", "stopped", "shutdown"));
    vm = json_object_get(nth(f, 0, "|virt|VM_status|" VM), VM);
    assert_string_equal(json_get_text(vm, "status", ""), "Down");
    assert_int_equal(json_get_int(vm, "exitCode", -1), 0);
    assert_int_equal(json_get_int(vm, "exitReason", -1), 7);
    assert_non_null(json_get_text(vm, "exitMessage", NULL));
    vm_table_absent(f->house.env.vms, VM); /* a transient one */
    tell(f, STATE("shut_off", "stopped", "crashed"));
    vm = json_object_get(nth(f, 0, "|virt|VM_status|" VM), VM);
    assert_string_equal(json_get_text(vm, "status", ""), "Down");
    assert_int_equal(json_get_int(vm, "exitCode", -1), 1);
    assert_int_equal(json_get_int(vm, "exitReason", -1), 2);
}

static void
a_fault_has_its_pause_code(void **state)
{
    struct fixture *f = *state;
    const json_t *vm;

    seen(f, "paused", true);
    vm_table_fault(f->house.env.vms, VM, "ua-1", "ENOSPC");
    tell(f, "{'type': 'vm.paused', 'vm': '" VM "', 'data': {}}");
    vm = json_object_get(nth(f, 0, "|virt|VM_status|" VM), VM);
    assert_string_equal(json_get_text(vm, "pauseCode", ""), "ENOSPC");
    vm = json_object_get(vm, "ioerror");
    assert_string_equal(json_get_text(vm, "alias", ""), "ua-1");
}

/* An engine takes what was never started for a VM that has stopped. */
static void
a_definition_is_no_status(void **state)
{
    struct fixture *f = *state;

    seen(f, "shut_off", false);
    assert_int_equal(tell(f, STATE("shut_off", "defined", "added")), 1);
    nth(f, 0, "|berth|vm_state|" VM);
}

static void
a_vm_that_left_ends_its_migration(void **state)
{
    struct fixture *f = *state;
    const json_t *vm;

    seen(f, "shut_off", false);
    assert_int_equal(tell(f, STATE("shut_off", "stopped", "migrated")), 3);
    vm = json_object_get(nth(f, 0, "|virt|VM_status|" VM), VM);
    assert_int_equal(json_get_int(vm, "exitReason", -1), 4);
    vm = json_object_get(nth(f, 1, "|virt|VM_migration_status|" VM), VM);
    assert_int_equal(json_get_int(vm, "progress", -1), 100);
}

static void
operations_are_jobs(void **state)
{
    struct fixture *f = *state;
    const json_t *params;

    tell(f, "{'type': 'op.done', 'op_id': 'op-1', 'data': {}}");
    params = nth(f, 0, "|jobs|status|op-1");
    assert_string_equal(json_get_text(params, "status", ""), "done");
    tell(f, "{'type': 'op.failed', 'op_id': 'op-1', "
            "'data': {'message': 'No.'}}");
    params = nth(f, 0, "|jobs|status|op-1");
    assert_string_equal(json_get_text(params, "status", ""), "failed");
    params = json_object_get(params, "error");
    assert_string_equal(json_get_text(params, "message", ""), "No.");
}

static void
devices_are_told_under_our_name(void **state)
{
    struct fixture *f = *state;
    const json_t *params;

    tell(f, "{'seq': 4, 'type': 'disk.unplug_pending', 'vm': '" VM "', "
            "'device': 'ua-1', 'op_id': 'op-1', 'data': {'a': 1}}");
    params = nth(f, 0, "|berth|disk_unplug_pending|" VM);
    assert_int_equal(json_get_int(params, "seq", 0), 4);
    assert_string_equal(json_get_text(params, "device", ""), "ua-1");
    tell(f, "{'type': 'hypervisor.lost'}");
    nth(f, 0, "|berth|hypervisor_lost|no_id");
}

static void
nobody_is_told_who_did_not_ask(void **state)
{
    struct fixture *f = *state;

    notify_vdsm(f->house.env.notify, SESSION, false);
    assert_int_equal(tell(f, STATE("running", "started", "")), 0);
    notify_vdsm(f->house.env.notify, SESSION, true);
    notify_vdsm(f->house.env.notify, SESSION, true);
    assert_int_equal(tell(f, "{'type': 'lane.free'}"), 1);
    notify_forget(f->house.env.notify, SESSION);
    assert_false(notify_vdsm_wanted(f->house.env.notify));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(a_status_is_told_as_it_is_now),
        WITH(down_has_its_reason),
        WITH(a_fault_has_its_pause_code),
        WITH(a_definition_is_no_status),
        WITH(a_vm_that_left_ends_its_migration),
        WITH(operations_are_jobs),
        WITH(devices_are_told_under_our_name),
        WITH(nobody_is_told_who_did_not_ask),
    };

    log_set_level(LOG_ERROR);
    return CASES(cases);
}
