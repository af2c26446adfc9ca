// SPDX-License-Identifier: Apache-2.0
/*
 * One child at a time per call: spawned, fed, drained, ended, reaped. The
 * child leads a process group of its own and is not reaped before the group
 * is killed, so the group's number cannot have become somebody else's.
 * Phases: running, then (deadline) asked to end, then killed; then reaped.
 */
#include "agent/common/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/common/buf.h"
#include "agent/common/cleanup.h"
#include "agent/common/clock.h"

#define GRACE_MS 1000 /* between SIGTERM and SIGKILL */

enum { IN, OUT, ERROUT, STREAMS };

struct run {
    const struct proc *proc;
    pid_t pid;
    struct pollfd polls[STREAMS + 1]; /* our ends, then the pidfd */
    size_t fed;
    struct buf text[STREAMS]; /* OUT and ERROUT are used */
    int64_t deadline;
    int timed_out;
};

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
run_cleanup(struct run *run)
{
    for (int i = 0; i <= STREAMS; i++)
        close_fd(&run->polls[i].fd);
    for (int i = 0; i < STREAMS; i++)
        buf_free(&run->text[i]);
}

/* Pipes: theirs[] goes to the child, run->polls[] holds our ends. */
static int
make_pipes(struct run *run, int theirs[STREAMS], struct err *err)
{
    for (int i = 0; i < STREAMS; i++) {
        int ends[2];
        int ours = i == IN ? 1 : 0;

        if (i == IN && !run->proc->input)
            continue;
        if (pipe2(ends, O_CLOEXEC) < 0)
            return err_set(err, ERR_INTERNAL, "Cannot make a pipe: %s",
                           strerror(errno));
        fcntl(ends[ours], F_SETFL, O_NONBLOCK);
        run->polls[i].fd = ends[ours];
        run->polls[i].events = i == IN ? POLLOUT : POLLIN;
        theirs[i] = ends[!ours];
    }
    return 0;
}

static int
spawn(struct run *run, const int theirs[STREAMS])
{
    static const char *const plain_env[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C.UTF-8", NULL};
    const char *const *env = run->proc->env ? run->proc->env : plain_env;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    int rc;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
                                        POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_init(&files);
    if (theirs[IN] >= 0)
        posix_spawn_file_actions_adddup2(&files, theirs[IN], 0);
    else
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, theirs[OUT], 1);
    posix_spawn_file_actions_adddup2(&files, theirs[ERROUT], 2);
    /* Libraries open descriptors too, and not all of them close-on-exec. */
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    rc = posix_spawnp(&run->pid, run->proc->argv[0], &files, &attr,
                      (char *const *)run->proc->argv, (char *const *)env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static int
start(struct run *run, struct err *err)
{
    int theirs[STREAMS] = {-1, -1, -1};
    int rc = make_pipes(run, theirs, err);

    if (rc == 0) {
        rc = spawn(run, theirs);
        if (rc)
            err_set(err, rc == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL,
                    "Cannot start '%s': %s", run->proc->argv[0], strerror(rc));
    }
    for (int i = 0; i < STREAMS; i++)
        close_fd(&theirs[i]);
    return rc ? -1 : 0;
}

static void
feed(struct run *run)
{
    const char *input = run->proc->input;
    size_t left = run->proc->input_len - run->fed;
    ssize_t n = write(run->polls[IN].fd, input + run->fed, left);

    if (n > 0)
        run->fed += (size_t)n;
    if ((n < 0 && errno != EAGAIN && errno != EINTR) ||
        run->fed == run->proc->input_len)
        close_fd(&run->polls[IN].fd);
}

/* Returns whether something was read. */
static int
drain(struct run *run, int stream)
{
    char chunk[16384];
    struct buf *text = &run->text[stream];
    size_t room = run->proc->max_output - text->len;
    ssize_t n = read(run->polls[stream].fd, chunk, sizeof(chunk));

    if (n > 0)
        buf_add(text, chunk, (size_t)n < room ? (size_t)n : room);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(&run->polls[stream].fd);
    return n > 0;
}

/* The deadline passed: ask the group to end, the second time make it. */
static void
expire(struct run *run)
{
    kill(-run->pid, run->timed_out ? SIGKILL : SIGTERM);
    run->timed_out = 1;
    run->deadline = clock_mono_ms() + GRACE_MS;
}

static void
serve(struct run *run)
{
    struct pollfd *child = &run->polls[STREAMS];

    while (!(child->revents & POLLIN)) {
        int64_t left = run->deadline - clock_mono_ms();

        if (left <= 0) {
            expire(run);
            continue;
        }
        if (poll(run->polls, STREAMS + 1, left > 60000 ? 60000 : (int)left) < 0)
            continue;
        if (run->polls[IN].fd >= 0 && run->polls[IN].revents)
            feed(run);
        for (int i = OUT; i <= ERROUT; i++)
            if (run->polls[i].fd >= 0 && run->polls[i].revents)
                drain(run, i);
    }
}

/* The child has ended: end what it left behind, take what was written. */
static int
finish(struct run *run)
{
    int status = 0;

    kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    for (int i = OUT; i <= ERROUT; i++)
        /* Bounded: a writer that left the group could go on for ever. */
        for (size_t n = 0; run->polls[i].fd >= 0 && n < 64; n++)
            if (!drain(run, i))
                break;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/*
 * Writing to a child that has closed its stdin raises SIGPIPE in this thread:
 * it is blocked meanwhile, and taken before the old mask comes back.
 */
static void
serve_quietly(struct run *run)
{
    const struct timespec now = {0, 0};
    sigset_t pipe, old, pending;
    int had;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    had = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    serve(run);
    if (!had)
        while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int
proc_run(const struct proc *proc, struct proc_result *result, struct err *err)
{
    CLEANUP(run_cleanup) struct run run = {
        .proc = proc,
        .polls = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}},
        .deadline = clock_mono_ms() + proc->timeout_ms,
    };
    int opened;

    if (start(&run, err) < 0)
        return -1;
    opened = pidfd_open(run.pid, 0);
    if (opened < 0) {
        err_set(err, ERR_INTERNAL, "Cannot watch '%s': %s", proc->argv[0],
                strerror(errno));
        finish(&run);
        return -1;
    }
    run.polls[STREAMS] = (struct pollfd){.fd = opened, .events = POLLIN};
    serve_quietly(&run);
    result->status = finish(&run);
    result->timed_out = run.timed_out;
    result->out = buf_steal(&run.text[OUT]);
    result->errout = buf_steal(&run.text[ERROUT]);
    return 0;
}

void
proc_result_free(struct proc_result *result)
{
    free(result->out);
    free(result->errout);
    *result = (struct proc_result){0};
}
