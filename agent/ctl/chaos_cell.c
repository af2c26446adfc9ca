// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a cell: armed → called → dead → started again → settled (no
 * operation is open) → looked at. What is seen right after a start may still
 * be catching up with libvirt, so a state that fits nothing is looked at
 * again for a while before it counts.
 */
#include "agent/ctl/chaos_cell.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/common/uuid.h"
#include "agent/ctl/chaos_fault.h"
#include "agent/ctl/chaos_look.h"

#define DEATH_WAIT_MS 1000
#define SETTLE_WAIT_MS 20000
#define LOOK_WAIT_MS 2000
#define EVENTS_MAX 10000

/* What one death brought to light. */
struct cell {
    const struct chaos_trial *trial;
    char op_id[UUID_TEXT];
    int64_t since; /* number of the last event before it */
    json_t *reply; /* owned */
    json_t *op;    /* owned */
    struct chaos_state seen;
    struct chaos_facts facts;
};

static void
cell_clear(struct cell *cell)
{
    json_decref(cell->reply);
    json_decref(cell->op);
    chaos_state_clear(&cell->seen);
}

static void
pause_ms(long ms)
{
    struct timespec t = {0, ms * 1000000};

    nanosleep(&t, NULL);
}

/* A question to the lab; NOT_FOUND answers NULL. */
static int
ask(const struct cell *cell, const char *verb, const char *text, json_t **out,
    struct err *err)
{
    CLEANUP_JSON json_t *params = chaos_lab_params(cell->trial->lab, text);
    CLEANUP_JSON json_t *refusal = NULL;
    struct err why = ERR_INIT;

    *out = chaos_lab_call(cell->trial->lab, verb, params, &refusal, &why);
    if (*out || why.kind == ERR_NOT_FOUND)
        return 0;
    *err = why;
    return err_wrap(err, "%s", verb);
}

json_t *
chaos_cell_call(const struct chaos_trial *trial, const char *op_id,
                json_t **refusal, struct err *err)
{
    const struct chaos_call *call = &trial->row->call;
    CLEANUP_JSON json_t *params = chaos_lab_params(trial->lab, call->params);

    if (op_id)
        json_put_text(params, "op_id", op_id);
    else
        json_put_bool(params, "dry_run", true);
    return chaos_lab_call(trial->lab, call->verb, params, refusal, err);
}

/* --- death ---------------------------------------------------------------- */

static int
mark_events(struct cell *cell, struct err *err)
{
    CLEANUP_JSON json_t *answer = NULL;

    if (ask(cell, "GetEvents", "{'since':9000000000000000000}", &answer, err) <
        0)
        return -1;
    cell->since = json_get_int(answer, "next", 0);
    return 0;
}

/* A start may bring to light what the end of the cell before did not. */
static int
check_base(struct cell *cell, struct buf *why, struct err *err)
{
    const struct chaos_trial *trial = cell->trial;
    CLEANUP_BUF struct buf diff = BUF_INIT;

    if (chaos_look(trial->lab, &cell->seen, err) < 0)
        return -1;
    chaos_state_diff(&trial->before, &cell->seen, &diff);
    if (diff.len)
        buf_printf(why,
                   "already at its beginning, after the death before it "
                   "(%s), the state was another:\n%s",
                   trial->last[0] ? trial->last : "none", diff.data);
    return 0;
}

static int
die(struct cell *cell, const struct chaos_point *point, struct buf *why,
    struct err *err)
{
    struct chaos_lab *lab = cell->trial->lab;
    CLEANUP_JSON json_t *refusal = NULL;
    struct err answer = ERR_INIT;
    char text[112];

    chaos_point_text(point, text);
    if (chaos_lab_start(lab, text, err) < 0 || mark_events(cell, err) < 0 ||
        check_base(cell, why, err) < 0)
        return -1;
    uuid_new(cell->op_id);
    cell->reply = chaos_cell_call(cell->trial, cell->op_id, &refusal, &answer);
    cell->facts.died = chaos_lab_died(lab, DEATH_WAIT_MS + point->n);
    if (!cell->facts.died && refusal)
        buf_printf(why, "it was refused: %s", answer.message);
    return 0;
}

/* --- afterwards ----------------------------------------------------------- */

/* How many are open, and whether one of them waits for a guest. */
static int
open_operations(const struct cell *cell, size_t *n, bool *waits,
                struct err *err)
{
    CLEANUP_JSON json_t *answer = NULL;
    const json_t *list, *op;
    size_t i;

    if (ask(cell, "ListOperations", "{'state':'open'}", &answer, err) < 0)
        return -1;
    list = json_object_get(answer, "operations");
    *n = json_array_size(list);
    *waits = false;
    json_array_foreach(list, i, op)
    {
        *waits = *waits || json_object_get(json_object_get(op, "receipt"),
                                           "rollback_pending");
    }
    return 0;
}

/* Start, to die at crash_at (NULL: not), and wait until nothing is open. A
 * device that only a guest can let go is let go by a reset, as users are
 * told: there is no guest here. */
static int
settle(const struct cell *cell, const char *crash_at, struct err *err)
{
    int64_t until = clock_mono_ms() + SETTLE_WAIT_MS;
    bool waits, reset = false;
    size_t n;

    if (chaos_lab_start(cell->trial->lab, crash_at, err) < 0)
        return -1;
    for (;;) {
        json_t *answer = NULL;

        if (open_operations(cell, &n, &waits, err) < 0)
            return -1;
        if (!n || clock_mono_ms() > until)
            return 0;
        if (waits && !reset &&
            ask(cell, "RebootVm",
                "{'vm':'" CHAOS_CASE_VM "','reset':true}", &answer, err) < 0)
            return -1;
        reset = reset || waits;
        json_decref(answer);
        pause_ms(5);
    }
}

/* The start after the first death may die at the same point of its own. */
static int
recover(const struct cell *cell, const struct chaos_point *point,
        struct err *err)
{
    long wait = chaos_point_inside(point) ? DEATH_WAIT_MS + point->n : 0;
    struct err second = ERR_INIT;
    char text[128] = "recovery.";

    if (!cell->trial->twice)
        return settle(cell, NULL, err);
    chaos_point_text(point, text + strlen(text));
    if (settle(cell, text, &second) < 0)
        wait = DEATH_WAIT_MS;
    if (chaos_lab_died(cell->trial->lab, wait))
        return settle(cell, NULL, err);
    if (second.kind)
        *err = second;
    return second.kind ? -1 : 0;
}

static int
ask_operation(struct cell *cell, struct err *err)
{
    CLEANUP_FREE char *text = mem_printf("{'op_id':'%s'}", cell->op_id);

    return ask(cell, "GetOperation", text, &cell->op, err);
}

/* A controller that stays has its port and its I/O thread with it. */
bool
chaos_cell_kept(const struct chaos_trial *trial, const json_t *receipt,
                const struct chaos_state *seen)
{
    const json_t *kept = json_object_get(receipt, "kept");
    CLEANUP_JSON json_t *words = NULL;

    if (!kept)
        return false;
    words = json_copy((json_t *)kept);
    json_array_append_new(words, json_string("iothread"));
    json_array_append_new(words, json_string(".free="));
    return chaos_state_equal_but(&trial->before, seen, words);
}

static int
look(struct cell *cell, struct err *err)
{
    const struct chaos_trial *trial = cell->trial;
    int64_t until = clock_mono_ms() + LOOK_WAIT_MS;
    const char *state = json_get_text(cell->op, "state", "");
    bool done = strcmp(state, "done") == 0;

    for (;;) {
        chaos_state_clear(&cell->seen);
        if (chaos_look(trial->lab, &cell->seen, err) < 0)
            return -1;
        cell->facts.is_before = chaos_state_equal(&trial->before, &cell->seen);
        cell->facts.is_after = chaos_state_equal(&trial->after, &cell->seen);
        cell->facts.is_kept = chaos_cell_kept(
            trial, json_object_get(cell->op, "receipt"), &cell->seen);
        if ((done ? cell->facts.is_after
                  : cell->facts.is_before || cell->facts.is_kept) ||
            clock_mono_ms() > until)
            return 0;
        pause_ms(20);
    }
}

static int
count_ends(struct cell *cell, struct err *err)
{
    CLEANUP_FREE char *text = mem_printf("{'since':%lld,'limit':%d}",
                                         (long long)cell->since, EVENTS_MAX);
    CLEANUP_JSON json_t *answer = NULL;
    json_t *event;
    size_t i;

    if (ask(cell, "GetEvents", text, &answer, err) < 0)
        return -1;
    json_array_foreach(json_object_get(answer, "events"), i, event)
    {
        const char *type = json_get_text(event, "type", "");

        if (strcmp(json_get_text(event, "op_id", ""), cell->op_id) == 0 &&
            (strcmp(type, "op.done") == 0 || strcmp(type, "op.failed") == 0))
            cell->facts.ends++;
    }
    return 0;
}

/* A client that asks again with the same op_id gets the same end. */
static void
repeat(struct cell *cell, struct buf *why)
{
    const json_t *receipt = json_object_get(cell->op, "receipt");
    CLEANUP_JSON json_t *refusal = NULL;
    CLEANUP_JSON json_t *again = NULL;
    struct err err = ERR_INIT;

    if (strcmp(json_get_text(cell->op, "state", ""), "done") != 0)
        return;
    again = chaos_cell_call(cell->trial, cell->op_id, &refusal, &err);
    if (!again)
        buf_printf(why, "%sasked again with the same op_id, it failed: %s",
                   why->len ? "\n" : "", err.message);
    else if (!json_equal(again, receipt))
        buf_printf(why,
                   "%sasked again with the same op_id, it gave another receipt",
                   why->len ? "\n" : "");
}

/* What else the reader of a WRONG wants to know. */
static void
explain(const struct cell *cell, struct buf *why)
{
    const struct chaos_trial *trial = cell->trial;
    const char *message =
        json_get_text(json_object_get(cell->op, "receipt"), "message", NULL);
    const char *state = json_get_text(cell->op, "state", "");
    CLEANUP_BUF struct buf diff = BUF_INIT;

    chaos_state_diff(strcmp(state, "done") == 0 ? &trial->after
                                                : &trial->before,
                     &cell->seen, &diff);
    if (diff.len)
        buf_printf(why, "\n%s", diff.data);
    if (message)
        buf_printf(why, "\nits receipt says: %s", message);
}

static enum chaos_verdict
judge(struct cell *cell, struct buf *why)
{
    enum chaos_verdict verdict;

    cell->facts.reply = cell->reply;
    cell->facts.op = cell->op;
    cell->facts.wanted = cell->trial->wanted;
    verdict = chaos_verdict_of(&cell->facts, why);
    if (verdict == CHAOS_WRONG)
        explain(cell, why);
    else
        repeat(cell, why);
    return why->len ? CHAOS_WRONG : verdict;
}

/* It shall die by SIGKILL alone: a fault of its own is none of ours. */
static void
check_end(const struct chaos_lab *lab, struct buf *why)
{
    int status = lab->odd_end;

    if (status)
        buf_printf(why, "%sberthd ended by itself: %s %d", why->len ? "\n" : "",
                   WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status)
                                       : WEXITSTATUS(status));
}

int
chaos_cell_run(const struct chaos_trial *trial, const struct chaos_point *point,
               enum chaos_verdict *verdict, struct buf *why, struct err *err)
{
    CLEANUP(cell_clear) struct cell cell = {.trial = trial};
    int rc;

    chaos_lab_mark(trial->lab);
    trial->lab->odd_end = 0;
    if (chaos_fault_put(trial->lab, trial->row->fault, err) < 0)
        return -1;
    rc = die(&cell, point, why, err);
    if (rc == 0)
        rc = chaos_lab_bounce(trial->lab, err);
    if (rc == 0)
        rc = recover(&cell, point, err);
    if (rc == 0)
        rc = ask_operation(&cell, err);
    chaos_fault_take(trial->lab, trial->row->fault);
    check_end(trial->lab, why);
    if (rc < 0 || look(&cell, err) < 0 || count_ends(&cell, err) < 0)
        return -1;
    *verdict = judge(&cell, why);
    return 0;
}
