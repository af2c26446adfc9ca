// SPDX-License-Identifier: Apache-2.0
/* The places relative to berthctl: build/, and PREFIX/bin with PREFIX/sbin.
 * What berthd prints is bounded, and it has a deadline. */
#include "agent/ctl/berthd.h"

#include <string.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"

#define WAIT_MS 60000
#define MAX_REPORT (1u << 20)
#define MAX_ARGS 8

char *
berthd_path(void)
{
    static const char *const places[] = {"berthd", "../sbin/berthd"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < 2; i++) {
        CLEANUP_FREE char *path =
            mem_printf("%.*s/%s", (int)(slash - self), self, places[i]);

        if (access(path, X_OK) == 0)
            return STEAL(path);
    }
    return mem_dup("berthd");
}

json_t *
berthd_report(const char *const *args, struct err *err)
{
    static const struct json_limits limits = {.depth = 8};
    CLEANUP_FREE char *berthd = berthd_path();
    const char *argv[MAX_ARGS + 2] = {berthd};
    const struct proc proc = {.argv = argv,
                              .env = (const char *const *)environ,
                              .timeout_ms = WAIT_MS,
                              .max_output = MAX_REPORT};
    struct proc_result result;
    json_t *report = NULL;

    for (size_t i = 0; args[i] && i < MAX_ARGS; i++)
        argv[i + 1] = args[i];
    if (proc_run(&proc, &result, err) < 0)
        return NULL;
    if (result.timed_out)
        err_set(err, ERR_TIMEOUT, "%s %s does not end", berthd, args[0]);
    else if (!result.out[0])
        err_set(err, ERR_INTERNAL, "%s %s failed: %s", berthd, args[0],
                result.errout);
    else
        report = json_parse(result.out, strlen(result.out), &limits, err);
    proc_result_free(&result);
    return report;
}
