// SPDX-License-Identifier: Apache-2.0
/* Replies and events: who gets which, in which order, as which text. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <stdbool.h>

#include "agent/common/buf.h"
#include "agent/post/notify.h"

#define THREADS 4
#define EACH 300

struct rig {
    struct outbox *outbox;
    struct notify *notify;
    struct buf heard;     /* "r7.1=2 e7 …" */
    char text[512];       /* of the last event */
    bool forget_on_event; /* as a front that ends a slow session */
    int count;
};

static void
on_reply(void *ctx, uint64_t session, uint64_t slot, json_t *reply)
{
    struct rig *rig = ctx;
    CLEANUP_JSON json_t *owned = reply;
    CLEANUP_TEXT char *text = owned ? json_text(owned, NULL) : NULL;

    rig->count++;
    buf_printf(&rig->heard, "r%d.%d=%s ", (int)session, (int)slot,
               text ? text : "-");
}

static void
on_event(void *ctx, uint64_t session, const struct notify_note *note)
{
    struct rig *rig = ctx;

    assert_int_equal(note->seq, 0); /* these have no number */
    assert_int_equal(strlen(note->text), note->len);
    assert_non_null(strstr(note->text, note->type));
    assert_true(!note->vm || strstr(note->text, note->vm));
    rig->count++;
    buf_printf(&rig->heard, "e%d ", (int)session);
    snprintf(rig->text, sizeof(rig->text), "%s", note->text);
    if (rig->forget_on_event)
        notify_forget(rig->notify, session);
}

static const struct notify_front front = {on_reply, on_event};

static void
rig_open(struct rig *rig)
{
    *rig = (struct rig){.heard = BUF_INIT};
    rig->outbox = outbox_new(NULL);
    rig->notify = notify_new(rig->outbox);
    notify_set_front(rig->notify, &front, rig);
}

static void
rig_close(struct rig *rig)
{
    outbox_free(rig->outbox);
    notify_free(rig->notify);
    buf_free(&rig->heard);
}

static void
tell(struct rig *rig, const char *type, const char *vm)
{
    json_t *event = json_object();

    json_put_text(event, "type", type);
    json_put_text(event, "vm", vm);
    notify_event(rig->notify, event);
}

/* What the I/O thread has handed on since the last call. */
static void
assert_heard(struct rig *rig, const char *expected)
{
    outbox_run(rig->outbox);
    assert_string_equal(rig->heard.data ? rig->heard.data : "", expected);
    buf_clear(&rig->heard);
}

static void
replies_go_to_who_asked(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig);
    notify_reply(rig.notify, 7, 1, json_integer(2));
    notify_reply(rig.notify, 8, 1, NULL);
    notify_reply(rig.notify, 7, 0, json_true());
    assert_heard(&rig, "r7.1=2 r8.1=- r7.0=true ");
    notify_reply(rig.notify, 7, 2, json_true()); /* dropped, not leaked */
    rig_close(&rig);
}

static void
events_go_to_who_wants_them(void **state)
{
    static const char *const disks[] = {"disk.", "op.done", NULL};
    static const char *const none[] = {NULL};
    struct rig rig;

    (void)state;
    rig_open(&rig);
    tell(&rig, "vm.state", "a");
    assert_heard(&rig, "");
    notify_subscribe(rig.notify, 1, NULL, NULL);
    notify_subscribe(rig.notify, 2, disks, NULL);
    notify_subscribe(rig.notify, 3, NULL, "a");
    tell(&rig, "vm.state", "a");
    assert_heard(&rig, "e3 e1 ");
    tell(&rig, "disk.plugged", "b");
    assert_heard(&rig, "e2 e1 ");
    tell(&rig, "question", NULL);
    assert_heard(&rig, "e1 ");
    notify_subscribe(rig.notify, 3, disks, "a");
    notify_subscribe(rig.notify, 1, none, NULL);
    tell(&rig, "vm.state", "a");
    assert_heard(&rig, "");
    tell(&rig, "op.done", "a");
    assert_heard(&rig, "e3 e2 ");
    notify_forget(rig.notify, 2);
    notify_forget(rig.notify, 2);
    tell(&rig, "op.done", "a");
    assert_heard(&rig, "e3 ");
    assert_string_equal(rig.text,
                        "{\"jsonrpc\":\"2.0\",\"method\":\"event\","
                        "\"params\":{\"type\":\"op.done\",\"vm\":\"a\"}}");
    tell(&rig, "op.done", "a");
    rig_close(&rig);
}

static void
the_front_may_end_a_session(void **state)
{
    struct rig rig;

    (void)state;
    rig_open(&rig);
    rig.forget_on_event = true;
    notify_subscribe(rig.notify, 1, NULL, NULL);
    tell(&rig, "vm.state", "a");
    assert_heard(&rig, "e1 ");
    tell(&rig, "vm.state", "a");
    assert_heard(&rig, "");
    rig_close(&rig);
}

static void *
tell_many(void *arg)
{
    struct rig *rig = arg;

    for (int i = 0; i < EACH; i++) {
        notify_subscribe(rig->notify, (uint64_t)(i % 3), NULL, NULL);
        tell(rig, "vm.state", "a");
        notify_reply(rig->notify, 9, (uint64_t)i, json_integer(i));
    }
    return NULL;
}

static void
threads_tell_at_once(void **state)
{
    struct rig rig;
    pthread_t threads[THREADS];

    (void)state;
    rig_open(&rig);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, tell_many, &rig), 0);
    while (rig.count < 2 * THREADS * EACH) /* an event each, at the least */
        outbox_run(rig.outbox);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    rig_close(&rig);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(replies_go_to_who_asked),
        cmocka_unit_test(events_go_to_who_wants_them),
        cmocka_unit_test(the_front_may_end_a_session),
        cmocka_unit_test(threads_tell_at_once),
    };

    return CASES(cases);
}
