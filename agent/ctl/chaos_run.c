// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a case: base → undisturbed (which shows the state after it) →
 * cells, each beginning in the base state → undisturbed once more, which
 * fails where the last death left something that nobody lists, such as a
 * device that QEMU has and libvirt forgot.
 */
#include "agent/ctl/chaos_run.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/common/uuid.h"
#include "agent/ctl/chaos_fault.h"
#include "agent/ctl/chaos_look.h"

static void
trial_clear(struct chaos_trial *trial)
{
    chaos_state_clear(&trial->before);
    chaos_state_clear(&trial->after);
    json_decref(trial->wanted);
    json_decref(trial->steps);
}

/* --- ways to the base state ----------------------------------------------- */

static int
call_all(struct chaos_lab *lab, const struct chaos_call *calls, struct err *err)
{
    for (; calls->verb; calls++) {
        CLEANUP_JSON json_t *params = chaos_lab_params(lab, calls->params);
        CLEANUP_JSON json_t *refusal = NULL;
        CLEANUP_JSON json_t *result =
            chaos_lab_call(lab, calls->verb, params, &refusal, err);

        if (!result)
            return err_wrap(err, "%s", calls->verb);
    }
    return 0;
}

static int
make_base(const struct chaos_trial *trial, struct err *err)
{
    if (chaos_lab_reset(trial->lab, err) < 0 ||
        chaos_lab_start(trial->lab, NULL, err) < 0 ||
        call_all(trial->lab, trial->row->base, err) < 0)
        return err_wrap(err, "The base of \"%s\"", trial->row->name);
    return 0;
}

static bool
is_at_base(const struct chaos_trial *trial)
{
    CLEANUP_CHAOS_STATE struct chaos_state now = {0};
    struct err ignored = ERR_INIT;

    return chaos_look(trial->lab, &now, &ignored) == 0 &&
           chaos_state_equal(&trial->before, &now);
}

/* By the verbs that lead back where there are such; else from nothing. */
static int
restore(const struct chaos_trial *trial, enum chaos_verdict verdict,
        struct err *err)
{
    const struct chaos_call *calls = trial->row->restore;
    struct err ignored = ERR_INIT;

    if (verdict == CHAOS_ROLLED_BACK ||
        (verdict == CHAOS_SAME && calls &&
         call_all(trial->lab, calls, &ignored) == 0 && is_at_base(trial)))
        return 0;
    return make_base(trial, err);
}

/* --- undisturbed ---------------------------------------------------------- */

static int
read_plan(struct chaos_trial *trial, struct err *err)
{
    CLEANUP_JSON json_t *refusal = NULL;
    CLEANUP_JSON json_t *plan = chaos_cell_call(trial, NULL, &refusal, err);

    json_t *steps = json_object_get(plan, "steps");
    const char *failing = chaos_fault_step(trial->row->fault);

    if (!plan)
        return err_wrap(err, "The plan of \"%s\"", trial->row->name);
    trial->steps = json_array();
    for (size_t i = 0; i < json_array_size(steps); i++) {
        json_t *step = json_array_get(steps, i);

        /* What stands before the step that fails will be undone. */
        if (failing && strcmp(json_get_text(step, "step", ""), failing) == 0)
            break;
        json_array_append(trial->steps, step);
    }
    return 0;
}

/* The call with nothing in its way but its own fault. */
static int
call_undisturbed(struct chaos_trial *trial, json_t **receipt, struct err *err)
{
    CLEANUP_JSON json_t *refusal = NULL;
    struct err why = ERR_INIT;
    int64_t from;

    uuid_new(trial->op_id);
    if (chaos_fault_put(trial->lab, trial->row->fault, err) < 0)
        return -1;
    from = clock_mono_ms();
    *receipt = chaos_cell_call(trial, trial->op_id, &refusal, &why);
    trial->call_ms = (long)(clock_mono_ms() - from);
    chaos_fault_take(trial->lab, trial->row->fault);
    if (!*receipt && (!trial->row->fault || !refusal)) {
        *err = why;
        return err_wrap(err, "%s of \"%s\", undisturbed", trial->row->call.verb,
                        trial->row->name);
    }
    if (!*receipt || !trial->row->fault)
        return 0;
    return err_set(err, ERR_INTERNAL, "%s of \"%s\" shall fail, and was done",
                   trial->row->call.verb, trial->row->name);
}

/* The receipt of the undisturbed call. Returns owned, NULL + err. */
static json_t *
ask_receipt(const struct chaos_trial *trial, struct err *err)
{
    CLEANUP_FREE char *text = mem_printf("{'op_id':'%s'}", trial->op_id);
    CLEANUP_JSON json_t *params = chaos_lab_params(trial->lab, text);
    CLEANUP_JSON json_t *refusal = NULL;
    CLEANUP_JSON json_t *op =
        chaos_lab_call(trial->lab, "GetOperation", params, &refusal, err);

    return op ? json_incref(json_object_get(op, "receipt")) : NULL;
}

/* A call that fails must leave no trace even when nobody dies. */
static int
check_undone(const struct chaos_trial *trial, struct err *err)
{
    CLEANUP_BUF struct buf diff = BUF_INIT;
    CLEANUP_JSON json_t *receipt = NULL;

    if (trial->wanted)
        return 0;
    chaos_state_diff(&trial->before, &trial->after, &diff);
    if (!diff.len)
        return 0;
    receipt = ask_receipt(trial, err);
    if (!receipt)
        return -1;
    if (chaos_cell_kept(trial, receipt, &trial->after))
        return 0;
    return err_set(err, ERR_INTERNAL,
                   "%s of \"%s\" fails, undisturbed, and is not undone:\n%s",
                   trial->row->call.verb, trial->row->name, diff.data);
}

static int
learn(struct chaos_trial *trial, struct err *err)
{
    if (make_base(trial, err) < 0 ||
        chaos_look(trial->lab, &trial->before, err) < 0 ||
        read_plan(trial, err) < 0 ||
        call_undisturbed(trial, &trial->wanted, err) < 0 ||
        chaos_look(trial->lab, &trial->after, err) < 0 ||
        check_undone(trial, err) < 0)
        return -1;
    return restore(trial, trial->wanted ? CHAOS_SAME : CHAOS_WRONG, err);
}

/* What the last death left shows when the same is tried in earnest. */
static void
check_last(const struct chaos_run *run, struct chaos_trial *trial,
           const struct chaos_point *last)
{
    CLEANUP_CHAOS_STATE struct chaos_state seen = {0};
    CLEANUP_BUF struct buf why = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *receipt = NULL;

    if (call_undisturbed(trial, &receipt, &err) < 0 ||
        chaos_look(trial->lab, &seen, &err) < 0)
        buf_printf(&why, "afterwards it fails: %s", err.message);
    else
        chaos_state_diff(&trial->after, &seen, &why);
    if (why.len)
        chaos_matrix_add(run->matrix, trial->row->name, last, CHAOS_WRONG,
                         buf_steal(&why), chaos_lab_log(trial->lab));
    json_decref(receipt);
}

/* --- cells ---------------------------------------------------------------- */

static int
run_point(const struct chaos_run *run, struct chaos_trial *trial,
          const struct chaos_point *point, struct err *err)
{
    CLEANUP_BUF struct buf why = BUF_INIT;
    enum chaos_verdict verdict = CHAOS_WRONG;
    struct err broken = ERR_INIT;
    bool wrong;

    if (chaos_cell_run(trial, point, &verdict, &why, &broken) < 0) {
        verdict = CHAOS_WRONG;
        buf_printf(&why, "%s%s", why.len ? "\n" : "", broken.message);
    }
    chaos_point_text(point, trial->last);
    wrong = verdict == CHAOS_WRONG;
    chaos_matrix_add(run->matrix, trial->row->name, point, verdict,
                     wrong ? buf_steal(&why) : NULL,
                     wrong ? chaos_lab_log(trial->lab) : NULL);
    return restore(trial, verdict, err);
}

int
chaos_run_case(const struct chaos_run *run, struct chaos_lab *lab,
               const struct chaos_case *row, struct err *err)
{
    CLEANUP(trial_clear)
    struct chaos_trial trial = {.lab = lab, .row = row, .twice = run->twice};
    CLEANUP_FREE struct chaos_point *points = NULL;
    size_t n = 0;

    if (learn(&trial, err) < 0)
        return -1;
    points = chaos_point_list(run->names, run->nnames, trial.steps,
                              row->fault != CHAOS_NO_FAULT, run->glob,
                              trial.call_ms, &n);
    for (size_t i = 0; i < n && !atomic_load(run->stop); i++)
        if (run_point(run, &trial, &points[i], err) < 0)
            return -1;
    if (n && !atomic_load(run->stop))
        check_last(run, &trial, &points[n - 1]);
    return 0;
}
