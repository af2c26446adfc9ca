// SPDX-License-Identifier: Apache-2.0
/*
 * berth-exec keeps the deadline; ours is later and for the case that it hangs
 * itself. Its environment is the script's.
 */
#include "hooks/helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/json.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"

#define GRACE_MS 500
#define STDERR_MAX 8192
#define REPORT_MAX 131072 /* every byte of stderr may become six */
#define MARGIN_MS 10000

void
helper_clear(struct helper_report *report)
{
    free(report->step);
    free(report->errout);
    *report = (struct helper_report){.status = -1};
}

static int
read_report(const struct proc_result *result, struct helper_report *out,
            struct err *err)
{
    struct err why = ERR_INIT;
    CLEANUP_JSON json_t *report =
        json_parse(result->out, strlen(result->out), NULL, &why);

    if (!json_is_object(report))
        return err_set(err, ERR_INTERNAL,
                       "berth-exec gave no report of the script (status %d): "
                       "%.200s",
                       result->status,
                       result->errout[0] ? result->errout : why.message);
    out->status = (int)json_get_int(report, "exit", -1);
    out->signum = (int)json_get_int(report, "signal", 0);
    out->error = (int)json_get_int(report, "errno", 0);
    if (out->error)
        out->status = -1; /* that of the process it did not become */
    out->step = mem_dup(json_get_text(report, "step", NULL));
    out->timed_out = json_get_bool(report, "timed_out", 0) != 0;
    out->killed = (int)json_get_int(report, "killed", 0);
    out->left = (int)json_get_int(report, "left", 0);
    out->us = json_get_int(report, "us", 0);
    out->errout = mem_dup(json_get_text(report, "stderr", ""));
    return 0;
}

int
helper_run(const struct helper_run *run, struct helper_report *out,
           struct err *err)
{
    char parent[16], timeout[24], grace[24], output[24], uid[16], gid[16];
    const char *argv[20] = {run->program, "--parent",   parent,  "--timeout-ms",
                            timeout,      "--grace-ms", grace,   "--output-max",
                            output,       "--cwd",      run->cwd};
    const struct proc proc = {.argv = argv,
                              .env = (const char *const *)run->env,
                              .timeout_ms =
                                  run->timeout_ms + GRACE_MS + MARGIN_MS,
                              .max_output = REPORT_MAX};
    struct proc_result result;
    size_t n = 11;
    int rc;

    *out = (struct helper_report){.status = -1};
    snprintf(parent, sizeof(parent), "%d", getpid());
    snprintf(timeout, sizeof(timeout), "%lld", (long long)run->timeout_ms);
    snprintf(grace, sizeof(grace), "%d", GRACE_MS);
    snprintf(output, sizeof(output), "%d", STDERR_MAX);
    snprintf(uid, sizeof(uid), "%u", run->uid);
    snprintf(gid, sizeof(gid), "%u", run->gid);
    if (run->has_user) {
        const char *const user[] = {"--uid", uid, "--gid", gid};

        memcpy(&argv[n], user, sizeof(user));
        n += 4;
    }
    argv[n++] = "--";
    argv[n] = run->script;
    if (proc_run(&proc, &result, err) < 0)
        return -1;
    rc = read_report(&result, out, err);
    proc_result_free(&result);
    return rc;
}
