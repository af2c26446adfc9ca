// SPDX-License-Identifier: Apache-2.0
/* The event log: numbers without holes, in order, over threads and restarts. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "agent/common/clock.h"
#include "agent/state/eventlog.h"

#define THREADS 8
#define EACH 40

struct heard {
    int64_t last; /* writer thread; read when the store is closed */
    int count;
    bool in_order;
    char texts[8][512];
};

struct rig {
    char dir[256];
    struct store *store;
    struct eventlog *log;
    struct heard heard;
};

static void
hear(void *ctx, json_t *event)
{
    struct heard *heard = ctx;
    int64_t seq = json_get_int(event, "seq", -1);
    CLEANUP_TEXT char *text = json_text(event, NULL);

    heard->in_order = heard->in_order && seq == heard->last + 1;
    heard->last = seq;
    snprintf(heard->texts[heard->count++ % 8], 512, "%s", text);
    json_decref(event);
}

static void
rig_open(struct rig *rig, int64_t max_events)
{
    struct err err = ERR_INIT;

    rig->store = store_open(rig->dir, &err);
    if (!rig->store)
        fail_msg("%s", err.message);
    rig->heard.in_order = true;
    rig->log = eventlog_new(rig->store, max_events, hear, &rig->heard);
}

static void
rig_close(struct rig *rig)
{
    store_close(rig->store);
    eventlog_free(rig->log);
}

/* Everything posted so far is durable: the writer works in order. */
static void
rig_flush(struct rig *rig)
{
    assert_int_equal(store_commit(rig->store, store_batch_new(), NULL), 0);
}

static void
post(struct rig *rig, const char *type)
{
    struct event event = {.type = type, .origin = "operation"};

    eventlog_post(rig->log, &event);
}

static json_t *
read_from(struct rig *rig, int64_t since, int limit)
{
    struct err err = ERR_INIT;
    json_t *page = eventlog_read(rig->log, since, limit, &err);

    if (!page)
        fail_msg("%s", err.message);
    return page;
}

static void *
post_many(void *arg)
{
    struct rig *rig = arg;

    for (int i = 0; i < EACH; i++) {
        struct event event = {.type = "disk.plugged", .origin = "operation"};
        struct store_batch *batch = store_batch_new();

        eventlog_add(rig->log, batch, &event);
        if (i % 4 == 3) /* this one fails and must leave no hole */
            store_batch_add(batch, "INSERT INTO vm (vm_id) VALUES (NULL)", "");
        store_commit(rig->store, batch, NULL);
        post(rig, "vm.state");
    }
    return NULL;
}

static void
numbers_rise_without_holes(void **state)
{
    struct rig rig = {.heard = {.last = 0}};
    pthread_t threads[THREADS];
    int total = THREADS * (EACH + EACH * 3 / 4);

    (void)state;
    unit_folder(rig.dir);
    rig_open(&rig, 100000);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &rig), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rig_close(&rig);
    assert_true(rig.heard.in_order);
    assert_int_equal(rig.heard.count, total);
    assert_int_equal(rig.heard.last, total);

    rig_open(&rig, 100000); /* after a restart they go on */
    post(&rig, "vm.state");
    rig_close(&rig);
    assert_true(rig.heard.in_order);
    assert_int_equal(rig.heard.last, total + 1);
}

static void
what_is_read_is_what_was_published(void **state)
{
    struct rig rig = {.heard = {.last = 0}};
    CLEANUP_JSON json_t *data = json_pack("{s:[i]}", "a", 1);
    CLEANUP_JSON json_t *page = NULL;
    CLEANUP_TEXT char *text = NULL;
    struct event event = {
        .type = "disk.failed",
        .vm = "vm",
        .device = "disk",
        .op_id = "op",
        .origin = "hypervisor",
        .data = data,
    };

    (void)state;
    unit_folder(rig.dir);
    rig_open(&rig, 10);
    eventlog_post(rig.log, &event);
    json_object_set_new(data, "later", json_true()); /* ours again */
    rig_flush(&rig);
    page = read_from(&rig, 0, 10);
    text = json_text(json_array_get(json_object_get(page, "events"), 0), NULL);
    rig_close(&rig);
    assert_string_equal(text, rig.heard.texts[0]);
    assert_non_null(strstr(text, "\"device\":\"disk\",\"op_id\":\"op\","
                                 "\"flow_id\":null"));
    assert_non_null(strstr(text, "\"data\":{\"a\":[1]}"));
}

static void
assert_page(struct rig *rig, int64_t since, int limit, size_t count,
            int64_t next, const char *dropped)
{
    CLEANUP_JSON json_t *page = read_from(rig, since, limit);
    CLEANUP_TEXT char *text = json_text(json_object_get(page, "dropped"), NULL);

    assert_int_equal(json_array_size(json_object_get(page, "events")), count);
    assert_int_equal(json_get_int(page, "next", -1), next);
    assert_string_equal(text, dropped);
}

static void
pages_and_the_bound(void **state)
{
    struct rig rig = {.heard = {.last = 0}};

    (void)state;
    unit_folder(rig.dir);
    rig_open(&rig, 5);
    assert_page(&rig, 0, 10, 0, 0, "null");
    for (int i = 0; i < 5; i++)
        post(&rig, "vm.state");
    rig_flush(&rig);
    assert_page(&rig, 0, 3, 3, 3, "null");
    assert_page(&rig, 3, 3, 2, 5, "null");
    assert_page(&rig, 5, 3, 0, 5, "null");
    for (int i = 0; i < 3; i++)
        post(&rig, "vm.state");
    rig_flush(&rig);
    assert_page(&rig, 0, 10, 5, 8, "{\"from\":1,\"to\":3}");
    assert_page(&rig, 2, 2, 2, 5, "{\"from\":3,\"to\":3}");
    assert_page(&rig, 3, 10, 5, 8, "null");
    assert_page(&rig, -7, 10, 5, 8, "{\"from\":1,\"to\":3}");
    assert_page(&rig, 99, 10, 0, 8, "null"); /* another database's number */
    rig_close(&rig);
}

/* --- what cannot be recorded ----------------------------------------------- */

static void
limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
until_healthy(struct rig *rig)
{
    int64_t until = clock_mono_ms() + 10000;

    while (!store_healthy(rig->store, NULL, 0) && clock_mono_ms() < until)
        usleep(2000);
    assert_true(store_healthy(rig->store, NULL, 0));
}

static void
a_full_disk_leaves_a_gap_that_is_told(void **state)
{
    struct rig rig = {.heard = {.last = 0}};
    CLEANUP_JSON json_t *page = NULL;
    CLEANUP_TEXT char *text = NULL;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    unit_folder(rig.dir);
    rig_open(&rig, 100);
    post(&rig, "vm.state");
    rig_flush(&rig);
    limit_files(0);
    for (int i = 0; i < 3; i++)
        post(&rig, "vm.paused");
    store_commit(rig.store, store_batch_new(), NULL);
    assert_int_equal(rig.heard.count, 4); /* told all the same … */
    assert_non_null(strstr(rig.heard.texts[3], "{\"seq\":null,"));
    limit_files(RLIM_INFINITY);
    until_healthy(&rig);
    post(&rig, "vm.state");
    post(&rig, "vm.state");
    rig_flush(&rig);
    assert_int_equal(rig.heard.count, 7); /* … and the gap, once */
    page = read_from(&rig, 1, 10);
    text = json_text(json_array_get(json_object_get(page, "events"), 0), NULL);
    assert_string_equal(text, rig.heard.texts[4]);
    assert_non_null(strstr(text, "{\"seq\":5,"));
    assert_non_null(strstr(text, "\"type\":\"events.dropped\""));
    assert_non_null(strstr(text, "\"data\":{\"from\":2,\"to\":4}"));
    assert_int_equal(json_array_size(json_object_get(page, "events")), 3);
    assert_int_equal(json_get_int(page, "next", 0), 7);
    rig_close(&rig);
}

static int
load_nothing(void *ctx, struct store *store, struct err *err)
{
    (void)ctx;
    (void)store;
    (void)err;
    return 0;
}

static void
events_are_told_without_a_record(void **state)
{
    struct rig rig = {.heard = {.last = 0}};
    struct err err = ERR_INIT;
    char path[300];

    (void)state;
    unit_folder(rig.dir);
    snprintf(path, sizeof(path), "%s/berth.db", rig.dir);
    unit_write(path, "this is a cake, and no database at all");
    rig.store = store_open_any(rig.dir, load_nothing, NULL, &err);
    assert_non_null(rig.store);
    rig.log = eventlog_new(rig.store, 10, hear, &rig.heard);
    post(&rig, "vm.state");
    assert_null(eventlog_read(rig.log, 0, 10, &err));
    unit_err(&err, ERR_READ_ONLY, "no database");
    rig_close(&rig);
    assert_int_equal(rig.heard.count, 1);
}

static void
post_state(struct rig *rig, const char *vm, const char *state)
{
    CLEANUP_JSON json_t *data = json_object();
    struct event event = {.type = state ? "vm.state" : "vm.paused",
                          .vm = vm,
                          .origin = "hypervisor",
                          .data = data};

    json_put_text(data, "state", state);
    eventlog_post(rig->log, &event);
}

static void
the_last_state_of_each_vm(void **state)
{
    struct rig rig = {.heard = {.last = 0}};
    CLEANUP_JSON json_t *states = NULL;

    (void)state;
    unit_folder(rig.dir);
    rig_open(&rig, 100);
    post_state(&rig, "a", "running");
    post_state(&rig, "b", "paused");
    post_state(&rig, "a", "shut_off");
    post_state(&rig, "a", NULL);
    post(&rig, "vm.state"); /* of no VM */
    states = eventlog_states(rig.log);
    assert_int_equal(json_object_size(states), 2);
    assert_string_equal(json_get_text(states, "a", ""), "shut_off");
    assert_string_equal(json_get_text(states, "b", ""), "paused");
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(numbers_rise_without_holes),
        cmocka_unit_test(what_is_read_is_what_was_published),
        cmocka_unit_test(pages_and_the_bound),
        cmocka_unit_test(a_full_disk_leaves_a_gap_that_is_told),
        cmocka_unit_test(events_are_told_without_a_record),
        cmocka_unit_test(the_last_state_of_each_vm),
    };

    return CASES(cases);
}
