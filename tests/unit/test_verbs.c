// SPDX-License-Identifier: Apache-2.0
/* Questions about the host, operations, events and settings: each verb runs
 * as a worker would run it, on a real database and a scripted hypervisor. */
#include "tests/unit/root.h"
#include "tests/unit/unit.h"

#include "agent/common/log.h"
#include "agent/verbs/params.h"
#include "agent/verbs/table.h"

#define OP "2b77a3c0-6f4e-4c5b-9a66-0123456789ab"
#define OTHER_OP "3c88a3c0-6f4e-4c5b-9a66-0123456789ab"
#define VM "11111111-2222-4333-8444-555555555555"

struct house {
    struct env env;
    struct root root;
    struct outbox *outbox;
    const char *reload_fails;
};

static void
no_event(void *ctx, const struct hyper_event *event)
{
    (void)ctx;
    (void)event;
}

static void
publish(void *ctx, json_t *event)
{
    const struct house *house = ctx;

    notify_event(house->env.notify, event);
}

static json_t *
reload(void *ctx, const struct audit_entry *by, struct err *err)
{
    const struct house *house = ctx;

    assert_string_equal(by->peer, "uid:0");
    assert_string_equal(by->verb, "ReloadConfig");
    if (!house->reload_fails)
        return json_object();
    err_set(err, ERR_INVALID, "%s", house->reload_fails);
    return NULL;
}

static int
build(void **state)
{
    static const struct pool_limits limits = {8, 64};
    struct house *house = calloc(1, sizeof(*house));
    struct env *env = &house->env;
    struct err err = ERR_INIT;
    char folder[256];

    unit_folder(folder);
    house->root = root_enter(env);
    house->outbox = outbox_new(&err);
    env->notify = notify_new(house->outbox);
    env->store = store_open(folder, &err);
    if (!env->store)
        fail_msg("%s", err.message);
    env->eventlog = eventlog_new(env->store, 100, publish, house);
    env->vms = vm_table_new();
    env->sampled = sampled_new();
    env->ops = ops_new();
    env->pool = pool_new(1, &limits, NULL, NULL);
    env->hyper = hyper_open("local", "fake:", no_event, NULL, &err);
    atomic_store(&env->conf, conf_load("/dev/null", NULL, 0, &err));
    env->virt = "qemu";
    env->version = "1.2.3";
    env->nverbs = 7;
    env->reload = reload;
    env->ctx = house;
    *state = house;
    return 0;
}

static int
tear_down(void **state)
{
    struct house *house = *state;
    struct env *env = &house->env;

    pool_stop(env->pool, 1000);
    pool_free(env->pool);
    hyper_close(env->hyper);
    store_close(env->store);
    eventlog_free(env->eventlog);
    vm_table_free(env->vms);
    sampled_free(env->sampled);
    ops_free(env->ops);
    notify_free(env->notify);
    outbox_free(house->outbox);
    conf_free(atomic_load(&env->conf));
    root_leave(&house->root);
    free(house);
    return 0;
}

static json_t *
ask(struct house *house, const char *name, const char *text, struct err *err)
{
    CLEANUP_JSON json_t *raw = json_parse(text, strlen(text), NULL, NULL);
    CLEANUP_JSON json_t *params = NULL;
    struct verb_call call = {.verb = table_find(name),
                             .env = &house->env,
                             .session = 7,
                             .local = true,
                             .request = {.peer = "uid:0",
                                         .who = house->root.who}};

    assert_non_null(raw);
    if (params_check(call.verb, raw, &params, &call.request, err) < 0)
        return NULL;
    call.params = params;
    return call.verb->run(&call, err);
}

static json_t *
answer(struct house *house, const char *name, const char *text)
{
    struct err err = ERR_INIT;
    json_t *result = ask(house, name, text, &err);

    if (!result)
        fail_msg("%s: %s", name, err.message);
    return result;
}

static void
refused(struct house *house, const char *name, const char *text,
        enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(ask(house, name, text, &err));
    unit_err(&err, kind, part);
}

static const json_t *
at(const json_t *value, const char *path)
{
    char copy[128], *save = NULL;

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, ".", &save); key && value;
         key = strtok_r(NULL, ".", &save))
        value = json_is_array(value)
                    ? json_array_get(value, strtoul(key, NULL, 10))
                    : json_object_get(value, key);
    return value;
}

static void
says(const json_t *value, const char *path, const char *text)
{
    const char *found = json_string_value(at(value, path));

    if (!found || strcmp(found, text) != 0)
        fail_msg("%s is %s, expected %s", path, found ? found : "no text",
                 text);
}

static void
counts(const json_t *value, const char *path, json_int_t number)
{
    assert_true(json_is_integer(at(value, path)));
    assert_int_equal(json_integer_value(at(value, path)), number);
}

/* --- host ------------------------------------------------------------------ */

static void
the_host(void **state)
{
    struct house *house = *state;
    json_t *result;

    result = answer(house, "Ping", "{}");
    says(result, "version", "1.2.3");
    json_decref(result);
    result = answer(house, "ListHypervisors", "{}");
    says(result, "hypervisors.0.name", "local");
    says(result, "hypervisors.0.uri", "fake:");
    says(result, "hypervisors.0.capabilities.0", "hotplug");
    json_decref(result);
    result = answer(house, "GetCapabilities", "{}");
    counts(result, "verbs", 7);
    says(result, "virt", "qemu");
    assert_true(json_is_object(at(result, "host")));
    json_decref(result);
    result = answer(house, "GetHostStats", "{}");
    assert_true(json_is_true(at(result, "berth.libvirt.connected")));
    assert_true(json_is_true(at(result, "berth.database.healthy")));
    assert_true(json_is_null(at(result, "berth.database.why")));
    assert_true(json_is_null(at(result, "berth.tightest_vm")));
    assert_true(json_is_null(at(result, "berth.certificate")));
    counts(result, "berth.vms.total", 0);
    counts(result, "berth.operations.open", 0);
    json_decref(result);
}

/* --- operations ------------------------------------------------------------ */

static struct op
new_op(struct house *house, const char *id, const char *peer)
{
    struct op op = {.vm = VM,
                    .peer = peer,
                    .verb = "HotUnplugDisk",
                    .body_hash = "0",
                    .started_ms = 1700000000000};
    struct store_batch *batch = store_batch_new();

    snprintf(op.op_id, sizeof(op.op_id), "%s", id);
    journal_op(batch, &op);
    assert_int_equal(store_commit(house->env.store, batch, NULL), 0);
    return op;
}

static void
ends_as(struct house *house, const struct op *op, enum op_state state)
{
    CLEANUP_JSON json_t *receipt = json_object();
    struct store_batch *batch = store_batch_new();

    journal_receipt(batch, op, state, receipt);
    assert_int_equal(store_commit(house->env.store, batch, NULL), 0);
}

static void
an_operation_runs_and_ends(void **state)
{
    struct house *house = *state;
    struct op op = new_op(house, OP, "cn:engine");
    json_t *result;

    ops_begin(house->env.ops, &op);
    ops_step(house->env.ops, "cn:engine", OP, "attach_disk");
    /* Any case of the id, and another peer's operation too. */
    result = answer(house, "GetOperation",
                    "{\"op_id\": \"2B77A3C0-6f4e-4c5b-9a66-0123456789ab\"}");
    says(result, "state", "running");
    says(result, "step", "attach_disk");
    assert_true(json_is_integer(at(result, "running_ms")));
    json_decref(result);
    result = answer(house, "ListOperations", "{\"state\": \"open\"}");
    says(result, "operations.0.step", "attach_disk");
    json_decref(result);

    ops_end(house->env.ops, "cn:engine", OP);
    ends_as(house, &op, OP_DONE);
    result = answer(house, "GetOperation", "[\"" OP "\"]");
    says(result, "state", "done");
    assert_null(at(result, "step"));
    json_decref(result);
    result = answer(house, "ListOperations", "{\"vm\": \"" VM "\"}");
    says(result, "operations.0.op_id", OP);
    assert_true(json_is_array(at(result, "lanes")));
    json_decref(result);
    refused(house, "ListOperations", "{\"vm\": \"db\"}", ERR_NOT_FOUND, "db");
    refused(house, "ListOperations", "{\"state\": \"over\"}", ERR_INVALID,
            "over");
    refused(house, "GetOperation", "[\"" OTHER_OP "\"]", ERR_NOT_FOUND,
            OTHER_OP);
}

static void
cancelling(void **state)
{
    struct house *house = *state;
    struct op op = new_op(house, OP, "cn:engine");
    json_t *result;

    ops_begin(house->env.ops, &op);
    result = answer(house, "CancelOperation", "[\"" OP "\"]");
    assert_true(json_is_true(at(result, "cancelled")));
    assert_true(ops_cancelled(house->env.ops, "cn:engine", OP));
    json_decref(result);
    ops_end(house->env.ops, "cn:engine", OP);

    ends_as(house, &op, OP_PENDING);
    result = answer(house, "GetHostStats", "{}");
    counts(result, "berth.operations.pending", 1);
    json_decref(result);
    result = answer(house, "CancelOperation", "[\"" OP "\"]");
    assert_true(json_is_false(at(result, "cancelled")));
    assert_non_null(strstr(json_get_text(result, "why", ""), "guest"));
    json_decref(result);

    ends_as(house, &op, OP_DONE);
    refused(house, "CancelOperation", "[\"" OP "\"]", ERR_BAD_STATE, "done");
    refused(house, "CancelOperation", "[\"" OTHER_OP "\"]", ERR_NOT_FOUND,
            OTHER_OP);
}

static void
one_that_waits_is_listed(void **state)
{
    struct house *house = *state;
    struct op op = {.op_id = OP,
                    .vm = VM,
                    .peer = "cn:engine",
                    .verb = "HotPlugDisk",
                    .started_ms = 1700000000000};
    struct op other = new_op(house, OTHER_OP, "cn:engine");
    json_t *result;

    ends_as(house, &other, OP_DONE);
    ops_plan(house->env.ops, &op, 7);
    result = answer(house, "GetOperation", "[\"" OP "\"]");
    says(result, "state", "planned");
    says(result, "verb", "HotPlugDisk");
    assert_true(json_is_integer(at(result, "waiting_ms")));
    assert_false(ops_running(house->env.ops, "cn:engine", OP));
    json_decref(result);
    result = answer(house, "ListOperations", "{\"state\": \"planned\"}");
    assert_int_equal(json_array_size(at(result, "operations")), 1);
    json_decref(result);
    result = answer(house, "ListOperations", "{\"vm\": \"" VM "\"}");
    assert_int_equal(json_array_size(at(result, "operations")), 2);
    says(result, "operations.0.op_id", OP); /* the newest first */
    json_decref(result);
    result = answer(house, "ListOperations", "{\"limit\": 1}");
    assert_int_equal(json_array_size(at(result, "operations")), 1);
    json_decref(result);
    result = answer(house, "ListOperations", "{\"state\": \"done\"}");
    says(result, "operations.0.op_id", OTHER_OP);
    json_decref(result);
    ops_begin(house->env.ops, &op);
    assert_int_equal(ops_count(house->env.ops), 1);
    assert_true(ops_running(house->env.ops, "cn:engine", OP));
    ops_end(house->env.ops, "cn:engine", OP);
}

/* --- events ---------------------------------------------------------------- */

static void
post(struct house *house, const char *type, const char *vm)
{
    const struct event event = {.type = type, .vm = vm, .origin = "operation"};
    struct store_batch *batch = store_batch_new();

    eventlog_add(house->env.eventlog, batch, &event);
    assert_int_equal(store_commit(house->env.store, batch, NULL), 0);
}

static void
events_again(void **state)
{
    struct house *house = *state;
    const struct vm_seen db = {
        .uuid = VM, .name = "db", .state = "running", .reason = ""};
    json_t *result;

    vm_table_seen(house->env.vms, &db);
    post(house, "vm.state", VM);
    post(house, "disk.plugged", VM);
    post(house, "disk.plugged", NULL);
    result = answer(house, "GetEvents", "{\"since\": 1, \"limit\": 1}");
    says(result, "events.0.type", "disk.plugged");
    counts(result, "next", 2);
    json_decref(result);

    result = answer(house, "Subscribe", "{}");
    assert_true(json_is_true(at(result, "subscribed")));
    counts(result, "next", 3);
    assert_null(at(result, "events"));
    json_decref(result);

    result = answer(house, "Subscribe",
                    "{\"since\": 0, \"types\": [\"disk.\"], \"vm\": \"db\"}");
    assert_int_equal(json_array_size(at(result, "events")), 1);
    counts(result, "events.0.seq", 2);
    counts(result, "next", 3);
    assert_true(json_is_false(at(result, "more")));
    json_decref(result);
}

static void
odd_subscriptions(void **state)
{
    struct house *house = *state;

    refused(house, "Subscribe", "{\"types\": [7]}", ERR_INVALID, "types");
    refused(house, "Subscribe", "{\"types\": [\"Disk*\"]}", ERR_INVALID,
            "Disk*");
    refused(house, "Subscribe", "{\"types\": [\"\"]}", ERR_INVALID, "types");
    refused(house, "Subscribe", "{\"vm\": \"db\"}", ERR_NOT_FOUND, "db");
    refused(house, "Subscribe", "{\"since\": -1}", ERR_INVALID, "since");
    refused(house, "GetEvents", "{\"limit\": 10001}", ERR_INVALID, "10000");
}

/* What is behind the bound is named, not passed over. */
static void
events_behind_the_bound(void **state)
{
    struct house *house = *state;
    json_t *result;

    for (int i = 0; i < 110; i++)
        post(house, "vm.state", VM);
    result = answer(house, "Subscribe", "{\"since\": 2}");
    assert_int_equal(json_array_size(at(result, "events")), 100);
    counts(result, "dropped.from", 3);
    counts(result, "dropped.to", 10);
    counts(result, "next", 110);
    json_decref(result);
}

/* --- settings -------------------------------------------------------------- */

static void
settings_and_log(void **state)
{
    struct house *house = *state;
    json_t *result;

    result = answer(house, "GetConfig", "{}");
    assert_int_equal(json_array_size(at(result, "settings")), CONF_IDS);
    says(result, "settings.0.section", "listen");
    says(result, "settings.0.origin", "default");
    json_decref(result);
    result = answer(house, "SetLogLevel", "[\"warning\"]");
    says(result, "level", "warning");
    assert_int_equal(log_get_level(), LOG_WARNING);
    json_decref(result);
    refused(house, "SetLogLevel", "[\"loud\"]", ERR_INVALID, "loud");
    json_decref(answer(house, "ReloadConfig", "{}"));
    house->reload_fails = "tls.cert cannot be read";
    refused(house, "ReloadConfig", "{}", ERR_INVALID, "tls.cert");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, build, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_host),          CASE(an_operation_runs_and_ends),
        CASE(cancelling),        CASE(events_again),
        CASE(one_that_waits_is_listed),
        CASE(odd_subscriptions), CASE(events_behind_the_bound),
        CASE(settings_and_log),
    };

    return CASES(cases);
}
