// SPDX-License-Identifier: Apache-2.0
/*
 * The rules: an operation that is done has the effect of an undisturbed one
 * and a receipt that says the same; any other end, or none, leaves what was
 * before. A reply is a promise: whoever got one must find it kept.
 */
#include "agent/ctl/chaos_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *
chaos_verdict_name(enum chaos_verdict verdict)
{
    static const char *const names[CHAOS_VERDICTS] = {
        [CHAOS_SAME] = "same",
        [CHAOS_ROLLED_BACK] = "rolled back",
        [CHAOS_KEPT] = "kept",
        [CHAOS_WRONG] = "WRONG",
    };

    return names[verdict];
}

static void wrong(struct buf *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
wrong(struct buf *why, const char *fmt, ...)
{
    CLEANUP_FREE char *text = NULL;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    buf_printf(why, "%s%s", why->len ? "\n" : "", text);
}

/* Members that tell what an operation did; times and numbers may differ. */
static void
check_receipt(const json_t *wanted, const json_t *seen, struct buf *why)
{
    static const char *const members[] = {"changed", "device",  "disk_id",
                                          "vm_id",   "address", "target",
                                          "size",    "fields"};

    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const json_t *w = json_object_get(wanted, members[i]);
        const json_t *s = json_object_get(seen, members[i]);
        CLEANUP_FREE char *text = s ? json_canonical(s) : NULL;

        if (w ? !s || !json_equal(w, s) : s != NULL)
            wrong(why, "the receipt says %s: %s, unlike an undisturbed one",
                  members[i], text ? text : "nothing");
    }
}

static void
check_done(const struct chaos_facts *facts, struct buf *why)
{
    const json_t *receipt = json_object_get(facts->op, "receipt");

    if (!facts->wanted)
        wrong(why, "the operation is done, which an undisturbed one never is");
    else
        check_receipt(facts->wanted, receipt, why);
    if (!facts->is_after)
        wrong(why, "the operation is done, but its effect is not that of an "
                   "undisturbed one");
}

static void
check_not_done(const struct chaos_facts *facts, const char *state,
               struct buf *why)
{
    const json_t *receipt = json_object_get(facts->op, "receipt");
    const char *promise = json_get_text(facts->reply, "state", NULL);

    if (promise)
        wrong(why, "the client was told \"%s\", and the operation is %s",
              promise, state);
    if (json_get_bool(receipt, "rolled_back", true) == false)
        wrong(why, "the receipt says that not everything was undone: %s",
              json_get_text(receipt, "message", ""));
    if (!facts->is_before && !facts->is_kept)
        wrong(why, "the operation is %s, but the state is not that before",
              state);
}

static bool
is_over(const char *state)
{
    static const char *const over[] = {"none", "done", "refused", "cancelled",
                                       "failed"};

    for (size_t i = 0; i < sizeof(over) / sizeof(*over); i++)
        if (strcmp(state, over[i]) == 0)
            return true;
    return false;
}

enum chaos_verdict
chaos_verdict_of(const struct chaos_facts *facts, struct buf *why)
{
    const char *state =
        facts->op ? json_get_text(facts->op, "state", "without a state")
                  : "none";
    bool done = strcmp(state, "done") == 0;

    if (!facts->died)
        wrong(why, "berthd did not die there");
    if (!is_over(state))
        wrong(why, "the operation is still %s", state);
    else if (done)
        check_done(facts, why);
    else
        check_not_done(facts, state, why);
    if (facts->op && facts->ends != 1 && is_over(state))
        wrong(why, "its end was announced %s, not once",
              facts->ends ? "more than once" : "never");
    if (why->len)
        return CHAOS_WRONG;
    return done               ? CHAOS_SAME
           : facts->is_before ? CHAOS_ROLLED_BACK
                              : CHAOS_KEPT;
}
