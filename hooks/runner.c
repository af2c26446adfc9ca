// SPDX-License-Identifier: Apache-2.0
/*
 * Phases: checked (nothing unsafe among scripts and properties) → prepared
 * (the private directory) → each script: run, its exit code, its change of
 * the payload judged → the result read. Exit codes: 0 fine; 1 failed, the
 * next one runs; 2 failed, none runs any more; others as 1, with a warning.
 */
#include "hooks/runner.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "hooks/helper.h"
#include "hooks/result.h"

#define EXIT_STOP 2 /* of a script: no further one is to run */
#define SAID_MAX 400

struct run {
    const struct runner *runner;
    const struct hook_call *call;
    const struct point *point;
    struct hook_outcome *out;
    struct payload payload;
    struct result result;
    bool has_user;
    uid_t uid;
    gid_t gid;
    int64_t deadline_ms;
    struct err first; /* of the first script that failed */
};

static void
run_clear(struct run *run)
{
    payload_remove(&run->payload);
    result_clear(&run->result);
}

/* --- checked ---------------------------------------------------------------
 */

/* A script that is left out may be the one that would have refused: where
 * one can refuse, nothing goes on without it. */
static int
check_scripts(const struct hook_call *call, const struct point *point,
              struct err *err)
{
    for (size_t i = 0; i < call->scripts->n; i++) {
        const struct script *script = &call->scripts->items[i];
        struct err why = ERR_INIT;

        if (!script->unsafe)
            continue;
        err_set(&why, ERR_HOOK_UNSAFE,
                "Hook script \"%.200s\" of %s is not run: %s; mend that, or "
                "take the script away (%.300s)",
                script->name, point->name, script->unsafe, script->path);
        if (point->on_failure == POINT_STOPS) {
            *err = why;
            return -1;
        }
        log_warning("%s", why.message);
    }
    return environ_check(call->props, call->nprops, err);
}

static int
find_user(struct run *run, struct err *err)
{
    const char *name = run->call->rules->user;
    struct passwd user, *found = NULL;
    char texts[4096];
    int rc;

    run->uid = geteuid();
    run->gid = getegid();
    if (!name || !*name)
        return 0;
    rc = getpwnam_r(name, &user, texts, sizeof(texts), &found);
    if (!found)
        return err_set(err, ERR_HOOK_UNSAFE,
                       "hooks.user: there is no user \"%.64s\" (%s); hook "
                       "scripts are not run as another",
                       name, rc ? strerror(rc) : "not known");
    run->has_user = true;
    run->uid = user.pw_uid;
    run->gid = user.pw_gid;
    return 0;
}

/* --- prepared ---------------------------------------------------------------
 */

static int
prepare(struct run *run, struct err *err)
{
    const struct hook_call *call = run->call;
    const char *text = call->text ? call->text : "";
    const struct payload_spec spec = {.work_dir = call->rules->work_dir,
                                      .uid = run->uid,
                                      .gid = run->gid,
                                      .text = text,
                                      .len = strlen(text),
                                      .flags = call->flags};

    return result_begin(&run->result, call, err) < 0 ||
                   payload_make(&spec, &run->payload, err) < 0
               ? -1
               : 0;
}

static char **
environment(const struct run *run)
{
    const struct hook_call *call = run->call;
    const struct environ_base base = {
        .python_path = run->runner->python,
        .payload_key =
            run->point->payload == POINT_JSON ? "_hook_json" : "_hook_domxml",
        .payload = run->payload.path,
        .flags = run->payload.flags,
        .vm = call->vm,
        .flow_id = call->flow_id,
        .op_id = call->op_id,
        .point = run->point->name,
    };

    return environ_make(&base, call->props, call->nprops);
}

/* --- one script: what became of it -------------------------------------------
 */

/* The first lines that it wrote to stderr, as part of a sentence. */
static void
said(const struct helper_report *report, char out[SAID_MAX])
{
    const char *text = report->errout ? report->errout : "";
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; text[i] && n < SAID_MAX - 4; i++) {
        if (text[i] != '\n')
            out[n++] = text[i];
        else if (text[i + 1] && n)
            n += (size_t)snprintf(out + n, 3, "; ");
    }
    out[n] = '\0';
    utf8_trim(out);
}

/* What it did in few words, for lists; NULL err: it went well. */
static void
result_words(const struct helper_report *report, char out[64])
{
    if (report->error)
        snprintf(out, 64, "could not %s", report->step ? report->step : "run");
    else if (report->timed_out)
        snprintf(out, 64, "timed out");
    else if (report->signum)
        snprintf(out, 64, "signal %d", report->signum);
    else if (report->status)
        snprintf(out, 64, "exit %d", report->status);
    else
        snprintf(out, 64, "ok");
}

static int
judge_start(const char *title, const struct helper_report *report,
            struct err *err)
{
    return err_set(err, ERR_HOOK_UNSAFE, "%s could not %s: %s%s", title,
                   report->step ? report->step : "run", strerror(report->error),
                   report->error == ENOEXEC
                       ? " (it has no #! line, or is a program for another "
                         "machine)"
                   : report->error == ENOENT
                       ? " (what its #! line names is not there)"
                       : "");
}

/* 0 when it ended well, else -1 + err with its own first lines. */
static int
judge_end(const struct run *run, const struct script *script,
          const struct helper_report *report, int64_t allowed_ms,
          struct err *err)
{
    CLEANUP_FREE char *title = hook_script_title(run->call, script);
    char words[SAID_MAX];
    const char *colon;

    said(report, words);
    colon = *words ? ": " : "";
    if (report->error)
        return judge_start(title, report, err);
    if (report->timed_out)
        return err_set(err, ERR_HOOK_FAILED,
                       "%s had not ended after %lld ms and was killed with "
                       "all it had started ([hooks] script_timeout_ms, "
                       "point_timeout_ms)%s%s",
                       title, (long long)allowed_ms, colon, words);
    if (report->signum)
        return err_set(err, ERR_HOOK_FAILED, "%s was ended by signal %d%s%s",
                       title, report->signum, colon, words);
    if (report->status)
        return err_set(err, ERR_HOOK_FAILED, "%s failed with exit code %d%s%s",
                       title, report->status, colon, words);
    return 0;
}

static void
tell(const struct run *run, const struct script *script,
     const struct helper_report *report, const struct err *why)
{
    CLEANUP_FREE char *title = hook_script_title(run->call, script);
    char words[SAID_MAX];

    said(report, words);
    if (why->kind)
        log_warning("%s", why->message);
    else if (*words)
        log_info("%s says: %s", title, words);
    if (!why->kind || report->status > EXIT_STOP)
        log_debug("%s ended with %d in %lld us", title, report->status,
                  (long long)report->us);
    if (report->status > EXIT_STOP)
        log_warning("%s: exit code %d has no meaning; it counts as 1", title,
                    report->status);
    if (report->killed && !report->timed_out)
        log_warning("%s left %d processes behind, which were killed", title,
                    report->killed);
    if (report->left)
        log_error("%s left %d processes that cannot be killed", title,
                  report->left);
}

/* --- one script
 * --------------------------------------------------------------- */

static void
note(struct run *run, const struct script *script,
     const struct helper_report *report, json_t *row, const struct err *why)
{
    char words[SAID_MAX], result[64];

    said(report, words);
    result_words(report, result);
    if (why->kind && !strcmp(result, "ok"))
        snprintf(result, sizeof(result), "result refused");
    book_note(run->runner->book, run->point->name, script->path, result,
              why->kind != ERR_NONE, report->us);
    json_put_text(row, "result", result);
    json_put_int(row, "us", report->us);
    json_put_text(row, "stderr", words);
    tell(run, script, report, why);
}

/* Returns whether the next script may run. */
static bool
run_script(struct run *run, const struct script *script, char *const *env)
{
    int64_t left = run->deadline_ms - clock_mono_ms();
    int64_t allowed = run->call->rules->script_ms;
    CLEANUP_HELPER_REPORT struct helper_report report = {.status = -1};
    json_t *row = json_object();
    struct err why = ERR_INIT;
    int rc;

    json_array_append_new(run->out->scripts, row);
    json_put_text(row, "script", script->name);
    json_put_text(row, "path", script->path);
    if (left < allowed)
        allowed = left;
    if (allowed < 1)
        allowed = 1; /* it is ended at once, and named */
    rc = helper_run(&(struct helper_run){.program = run->runner->helper,
                                         .script = script->path,
                                         .env = env,
                                         .cwd = run->payload.dir,
                                         .timeout_ms = allowed,
                                         .has_user = run->has_user,
                                         .uid = run->uid,
                                         .gid = run->gid},
                    &report, &why);
    if (rc == 0)
        rc = judge_end(run, script, &report, allowed, &why);
    if (run->point->result == POINT_USED && report.status >= 0 &&
        (rc == 0 || why.kind == ERR_HOOK_FAILED)) {
        struct err bad = ERR_INIT;

        if (result_take(&run->result, &run->payload, script, row, &bad) < 0 &&
            rc == 0)
            why = bad;
    }
    note(run, script, &report, row, &why);
    if (why.kind && !run->first.kind)
        run->first = why;
    if (report.status == EXIT_STOP)
        return false;
    return !why.kind || report.status > 0 ||
           run->point->on_failure == POINT_IGNORED;
}

/* --- the run
 * -------------------------------------------------------------------- */

static void
take_outcome(struct run *run, struct err *err)
{
    struct hook_outcome *out = run->out;

    out->text = result_text(&run->result);
    out->privileged = run->result.privileged;
    if (run->payload.flags && !run->first.kind) {
        out->flags = payload_flags(&run->payload, &run->first);
        if (out->flags < 0)
            err_wrap(&run->first, "%s", run->point->name);
    }
    if (run->first.kind)
        *err = run->first;
}

int
runner_run(const struct runner *runner, const struct hook_call *call,
           struct hook_outcome *out, struct err *err)
{
    const struct point *point = points_row(call->point);
    int64_t all =
        call->rules->point_ms ? call->rules->point_ms : point->deadline_ms;
    CLEANUP(run_clear)
    struct run run = {.runner = runner,
                      .call = call,
                      .point = point,
                      .out = out,
                      .deadline_ms = clock_mono_ms() + all,
                      .first = ERR_INIT};
    struct err why = ERR_INIT;
    char **env;

    if (call->deadline_ms && call->deadline_ms < run.deadline_ms)
        run.deadline_ms = call->deadline_ms;
    if (check_scripts(call, point, err) < 0 || find_user(&run, err) < 0 ||
        prepare(&run, err) < 0)
        return -1;
    env = environment(&run);
    for (size_t i = 0; i < call->scripts->n; i++)
        if (!call->scripts->items[i].unsafe &&
            !run_script(&run, &call->scripts->items[i], env))
            break;
    environ_free(env);
    take_outcome(&run, &why);
    if (!why.kind)
        return 0;
    *err = why;
    return -1;
}
