// SPDX-License-Identifier: Apache-2.0
/* The outbox: order, wake-ups, and what is dropped when it goes first. */
#include "tests/unit/unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/post/outbox.h"

#define THREADS 8
#define EACH 500

/* What a mail notes down when it is run or dropped. */
struct note {
    int *out;
    int *count;
    int value;
    struct outbox *again; /* post the note once more from run */
};

static void
drop(void *arg)
{
    struct note *note = arg;

    note->out[(*note->count)++] = -note->value;
}

static void
run(void *arg)
{
    struct note *note = arg;
    struct outbox *again = note->again;

    note->out[(*note->count)++] = note->value;
    note->again = NULL;
    if (again)
        outbox_post(again, run, drop, note);
}

static bool
has_mail(struct outbox *outbox)
{
    struct pollfd pfd = {outbox_fd(outbox), POLLIN, 0};

    return poll(&pfd, 1, 0) == 1;
}

static void
mails_run_in_order(void **state)
{
    struct outbox *outbox = outbox_new(NULL);
    int out[8] = {0};
    int count = 0;
    struct note notes[3];

    (void)state;
    assert_non_null(outbox);
    assert_false(has_mail(outbox));
    outbox_run(outbox); /* nothing there is fine */
    for (int i = 0; i < 3; i++) {
        notes[i] = (struct note){out, &count, i + 1, i == 0 ? outbox : NULL};
        outbox_post(outbox, run, drop, &notes[i]);
    }
    assert_true(has_mail(outbox));
    outbox_run(outbox);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(out[i], i + 1);

    assert_true(has_mail(outbox)); /* what the first posted waits its turn */
    outbox_run(outbox);
    assert_int_equal(count, 4);
    assert_int_equal(out[3], 1);
    assert_false(has_mail(outbox));
    outbox_free(outbox);
}

static void
what_is_left_is_dropped(void **state)
{
    struct outbox *outbox = outbox_new(NULL);
    int out[8] = {0};
    int count = 0;
    struct note notes[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        notes[i] = (struct note){out, &count, i + 1, NULL};
        outbox_post(outbox, run, drop, &notes[i]);
    }
    outbox_free(outbox);
    assert_int_equal(count, 2);
    assert_int_equal(out[0], -1);
    assert_int_equal(out[1], -2);
}

struct poster {
    struct outbox *outbox;
    int last; /* I/O thread: the number that arrived last */
    bool in_order;
};

struct numbered {
    struct poster *poster;
    int number;
};

static void
arrive(void *arg)
{
    struct numbered *mail = arg;
    struct poster *poster = mail->poster;

    poster->in_order = poster->in_order && mail->number == poster->last + 1;
    poster->last = mail->number;
    free(mail);
}

static void *
post_many(void *arg)
{
    struct poster *poster = arg;

    for (int i = 1; i <= EACH; i++) {
        struct numbered *mail = calloc(1, sizeof(*mail));

        mail->poster = poster;
        mail->number = i;
        outbox_post(poster->outbox, arrive, free, mail);
    }
    return NULL;
}

static bool
all_arrived(const struct poster *posters)
{
    for (int i = 0; i < THREADS; i++)
        if (posters[i].last < EACH)
            return false;
    return true;
}

static void
many_threads_lose_no_wake_up(void **state)
{
    struct outbox *outbox = outbox_new(NULL);
    struct pollfd pfd = {outbox_fd(outbox), POLLIN, 0};
    struct poster posters[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){outbox, 0, true};
        assert_int_equal(
            pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    while (!all_arrived(posters)) {
        assert_int_equal(poll(&pfd, 1, 10000), 1);
        outbox_run(outbox);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(posters[i].in_order);
    }
    outbox_free(outbox);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(mails_run_in_order),
        cmocka_unit_test(what_is_left_is_dropped),
        cmocka_unit_test(many_threads_lose_no_wake_up),
    };

    return CASES(cases);
}
