// SPDX-License-Identifier: Apache-2.0
/*
 * Between fork and execve the child gives up all it was born with:
 * descriptors, session, limits, user. What fails there comes back over a pipe
 * that a successful execve closes.
 */
#include "hooks/exec/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define UMASK 077
#define FILES_MAX 1024

extern char **environ;

enum step { STEP_SETUP, STEP_USER, STEP_CWD, STEP_EXEC };
static const char *const steps[] = {
    [STEP_SETUP] = "set up its process",
    [STEP_USER] = "change to its user",
    [STEP_CWD] = "enter its working directory",
    [STEP_EXEC] = "start",
};

struct fault {
    int error;
    enum step step;
};

static int
limit(void)
{
    const struct rlimit core = {0, 0}, files = {FILES_MAX, FILES_MAX};

    return setrlimit(RLIMIT_CORE, &core) < 0 ||
                   setrlimit(RLIMIT_NOFILE, &files) < 0
               ? -1
               : 0;
}

static int
become(const struct options *options)
{
    if (!options->has_user)
        return 0;
    if (setgroups(1, &options->gid) < 0 ||
        setresgid(options->gid, options->gid, options->gid) < 0)
        return -1;
    return setresuid(options->uid, options->uid, options->uid);
}

/* Returns the step that failed. */
static enum step
turn_into_script(const struct options *options, const int pipes[2])
{
    char *const argv[] = {(char *)options->path, NULL};
    sigset_t none;

    sigemptyset(&none);
    umask(UMASK);
    if (setsid() < 0 || dup2(pipes[0], 1) < 0 || dup2(pipes[1], 2) < 0 ||
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 || limit() < 0 ||
        sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return STEP_SETUP;
    if (become(options) < 0)
        return STEP_USER;
    /* After the change of user, which would forget it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return STEP_SETUP;
    if (chdir(options->cwd) < 0)
        return STEP_CWD;
    execve(options->path, argv, environ);
    return STEP_EXEC;
}

static int
run_child(const struct options *options, const int pipes[2], int tell)
{
    struct fault fault = {.step = turn_into_script(options, pipes)};

    fault.error = errno;
    return write(tell, &fault, sizeof(fault)) == sizeof(fault) ? 127 : 126;
}

int
child_start(const struct options *options, struct child *out)
{
    int outs[2], errs[2], tell[2], theirs[2];
    struct fault fault = {0, STEP_SETUP};

    if (pipe2(outs, O_CLOEXEC) < 0 || pipe2(errs, O_CLOEXEC) < 0 ||
        pipe2(tell, O_CLOEXEC) < 0)
        return -1;
    theirs[0] = outs[1];
    theirs[1] = errs[1];
    out->pid = fork();
    if (out->pid == 0)
        _exit(run_child(options, theirs, tell[1]));
    close(outs[1]);
    close(errs[1]);
    close(tell[1]);
    if (out->pid < 0)
        return -1;
    out->out = outs[0];
    out->errout = errs[0];
    fcntl(out->out, F_SETFL, O_NONBLOCK);
    fcntl(out->errout, F_SETFL, O_NONBLOCK);
    if (read(tell[0], &fault, sizeof(fault)) != sizeof(fault))
        fault.error = 0;
    close(tell[0]);
    out->failed = fault.error;
    out->step = steps[fault.step];
    return 0;
}
