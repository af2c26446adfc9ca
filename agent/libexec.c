// SPDX-License-Identifier: Apache-2.0
/* Where things are is found by where berthd itself is: no path is compiled
 * in, so the build tree and any prefix work alike. */
#include "agent/libexec.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/hook_env.h"
#include "hooks/payload.h"

#define HELPER "berth-exec"

/* Directory of this program; returns owned. */
static char *
own_directory(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[n > 0 ? n : 0] = '\0';
    if (strrchr(path, '/'))
        *strrchr(path, '/') = '\0';
    return mem_dup(path);
}

static char *
libexec(void)
{
    CLEANUP_FREE char *own = own_directory();
    CLEANUP_FREE char *helper = mem_printf("%s/libexec/" HELPER, own);

    return access(helper, X_OK) == 0 ? mem_printf("%s/libexec", own)
                                     : mem_printf("%s/../libexec/berth", own);
}

struct hooks *
libexec_hooks(const struct conf *conf)
{
    CLEANUP_FREE char *dir = libexec();
    CLEANUP_FREE char *helper = mem_printf("%s/" HELPER, dir);
    CLEANUP_FREE char *python = mem_printf("%s/python", dir);
    const struct hooks_setup setup = {.helper = helper, .python = python};

    if (access(helper, X_OK) < 0)
        log_warning("there is no %s: hook scripts cannot be run, and where "
                    "there are some, what they could refuse is refused",
                    helper);
    payload_sweep(conf_text(conf, CONF_HOOKS_WORK_DIR));
    return hooks_new(&setup);
}

void
libexec_point(struct env *env, enum point_id point)
{
    CLEANUP_OUTCOME struct hook_outcome out = {.flags = -1};

    hook_env_run(env, point, &(struct hook_env_for){.vm = NULL}, NULL, NULL, -1,
                 &out, NULL);
}
