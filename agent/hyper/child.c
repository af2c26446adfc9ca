// SPDX-License-Identifier: Apache-2.0
/*
 * The parent's side. Phases of a child: none → started → has the lock's
 * owner's call → idle (ends by itself with status 0: a call that meets that
 * was not read, and goes to a new one) or ended by us or by a crash.
 */
#include "agent/hyper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/child_wire.h"

#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000

struct child {
    char *name;
    char *program;
    json_t *open;
    struct lock lock; /* LOCK_LEAF: all below */
    pthread_cond_t freed;
    bool busy; /* a thread has the call; pid and fd are that thread's */
    bool stopping;
    pid_t pid; /* 0: none */
    int fd;
    unsigned starts, crashes;
    unsigned in_a_row; /* crashes since an answer */
    int64_t not_before_ms;
    char last_end[200];
};

struct child *
child_new(const char *name, const char *program, const json_t *open)
{
    struct child *child = mem_zalloc(1, sizeof(*child));

    child->name = mem_dup(name);
    child->program = mem_dup(program);
    child->open = json_deep_copy(open);
    child->fd = -1;
    lock_init(&child->lock, LOCK_LEAF);
    lock_cond_init(&child->freed);
    return child;
}

/* --- start and end ------------------------------------------------------- */

/* Its status in words. */
static void
tell_end(int status, char *to, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(to, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(to, size, "exited with status %d", WEXITSTATUS(status));
}

/* Wait for the end of it, which has come or was sent. */
static void
reap(struct child *child, pid_t pid)
{
    int status = 0;
    siginfo_t info;

    /* Its number stays its own until child_stop cannot meet it any more. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR)
        ;
    lock_take(&child->lock);
    waitpid(pid, &status, 0);
    tell_end(status, child->last_end, sizeof(child->last_end));
    child->pid = 0;
    close(child->fd);
    child->fd = -1;
    lock_drop(&child->lock);
}

static void
count_crash(struct child *child)
{
    int64_t wait = BACKOFF_MS;

    LOCK_SCOPE(&child->lock);
    for (unsigned i = 0; i < child->in_a_row && wait < BACKOFF_MAX_MS; i++)
        wait *= 2;
    child->crashes++;
    child->in_a_row++;
    child->not_before_ms =
        clock_mono_ms() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
}

static int
spawn(struct child *child, int theirs, pid_t *pid)
{
    char mode[] = "--hypervisor-child";
    char *argv[] = {child->program, mode, NULL};
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    CLEANUP_FREE char *folder = NULL;
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    char *envp[] = {path, NULL, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int rc;

    if (credentials) {
        folder = mem_printf("CREDENTIALS_DIRECTORY=%s", credentials);
        envp[1] = folder;
    }
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs, CHILD_WIRE_FD);
    rc = posix_spawn(pid, child->program, &actions, &attr, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static int
start(struct child *child, struct err *err)
{
    int64_t wait = child->not_before_ms - clock_mono_ms();
    CLEANUP_FD int theirs = -1;
    int pair[2], rc;
    pid_t pid;

    if (wait > 0) {
        err_set(err, ERR_UNREACHABLE,
                "The process for hypervisor %s %s; it is not started again "
                "for %lld ms",
                child->name, child->last_end, (long long)wait);
        err->retry_after_ms = wait;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_INTERNAL, "No socket for hypervisor %s: %s",
                       child->name, strerror(errno));
    theirs = pair[1];
    /* dup2 onto itself would leave close-on-exec set. */
    if (theirs == CHILD_WIRE_FD)
        fcntl(theirs, F_SETFD, 0);
    rc = spawn(child, theirs, &pid);
    if (rc != 0) {
        close(pair[0]);
        return err_set(err, ERR_INTERNAL,
                       "The process for hypervisor %s cannot start: %s",
                       child->name, strerror(rc));
    }
    lock_take(&child->lock);
    child->pid = pid;
    child->fd = pair[0];
    child->starts++;
    lock_drop(&child->lock);
    log_info("hypervisor %s: process %d was started", child->name, (int)pid);
    return child_wire_send(pair[0], child->open, clock_mono_ms() + 1000) == 0
               ? 0
               : err_set(err, ERR_UNREACHABLE,
                         "The process for hypervisor %s does not listen",
                         child->name);
}

static void
end(struct child *child)
{
    pid_t pid = child->pid;

    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    reap(child, pid);
}

/* --- one call ------------------------------------------------------------ */

static int
take_turn(struct child *child, int64_t deadline_ms, struct err *err)
{
    LOCK_SCOPE(&child->lock);
    while (child->busy && !child->stopping)
        if (lock_wait(&child->lock, &child->freed, deadline_ms) < 0)
            return err_set(err, ERR_TIMEOUT,
                           "Hypervisor %s is busy with earlier calls until "
                           "the deadline; nothing was asked of it",
                           child->name);
    if (child->stopping)
        return err_set(err, ERR_STOPPING, "berthd is stopping");
    child->busy = true;
    return 0;
}

static void
give_turn(struct child *child)
{
    LOCK_SCOPE(&child->lock);
    child->busy = false;
    pthread_cond_signal(&child->freed);
}

/* The child's error as ours. */
static int
take_error(const json_t *error, struct err *err)
{
    enum err_kind kind =
        err_kind_parse(json_get_text(error, "kind", "INTERNAL"));

    err_set(err, kind ? kind : ERR_INTERNAL, "%s",
            json_get_text(error, "message", "it failed"));
    err->virt_code = (int)json_get_int(error, "virt_code", 0);
    err->virt_domain = (int)json_get_int(error, "virt_domain", 0);
    snprintf(err->virt_message, sizeof(err->virt_message), "%s",
             json_get_text(error, "virt_message", ""));
    return -1;
}

static int
lost(struct child *child, const char *call, int why, struct err *err)
{
    bool late = why == ETIMEDOUT;

    end(child);
    if (child->stopping)
        return err_set(err, ERR_STOPPING, "berthd is stopping");
    if (late) {
        log_warning("hypervisor %s: %s did not end by its deadline; its "
                    "process was ended",
                    child->name, call);
        return err_set(err, ERR_TIMEOUT,
                       "Hypervisor %s did not answer %s by the deadline",
                       child->name, call);
    }
    count_crash(child);
    log_error("hypervisor %s: its process %s in %s", child->name,
              child->last_end, call);
    return err_set(err, ERR_UNREACHABLE,
                   "The process for hypervisor %s %s while it was at %s",
                   child->name, child->last_end, call);
}

/* An idle one may have ended just now. */
static bool
is_gone(const struct child *child)
{
    struct pollfd poller = {.fd = child->fd, .events = POLLIN};

    return poll(&poller, 1, 0) > 0;
}

static int
make_call(struct child *child, const json_t *message, const char *call,
          int64_t deadline_ms, json_t **result, bool *sent, struct err *err)
{
    CLEANUP_JSON json_t *reply = NULL;
    json_t *value;

    if (child->pid && is_gone(child))
        end(child);
    if (!child->pid && start(child, err) < 0) {
        end(child);
        return -1;
    }
    *sent = true;
    if (child_wire_send(child->fd, message, deadline_ms) < 0 ||
        !(reply = child_wire_receive(child->fd, deadline_ms)))
        return lost(child, call, errno, err);
    child->in_a_row = 0;
    value = json_object_get(reply, "error");
    if (value) {
        *sent = json_get_bool(reply, "unsure", 0);
        return take_error(value, err);
    }
    *result = json_incref(json_object_get(reply, "result"));
    return 0;
}

int
child_call(struct child *child, const char *call, const json_t *args,
           int64_t deadline_ms, json_t **result, bool *sent, struct err *err)
{
    CLEANUP_JSON json_t *message = json_object();
    bool maybe = false;
    int rc;

    json_put_text(message, "call", call);
    if (args)
        json_put(message, "args", json_incref((json_t *)args));
    if (take_turn(child, deadline_ms, err) < 0)
        return -1;
    rc = make_call(child, message, call, deadline_ms, result, &maybe, err);
    give_turn(child);
    if (sent)
        *sent = maybe;
    return rc;
}

void
child_look(struct child *child, struct child_state *state)
{
    LOCK_SCOPE(&child->lock);
    *state = (struct child_state){.pid = child->pid,
                                  .starts = child->starts,
                                  .crashes = child->crashes};
    memcpy(state->last_end, child->last_end, sizeof(state->last_end));
}

void
child_stop(struct child *child)
{
    LOCK_SCOPE(&child->lock);
    child->stopping = true;
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
    pthread_cond_broadcast(&child->freed);
}

void
child_free(struct child *child)
{
    if (!child)
        return;
    end(child);
    pthread_cond_destroy(&child->freed);
    lock_destroy(&child->lock);
    json_decref(child->open);
    free(child->program);
    free(child->name);
    free(child);
}
