// SPDX-License-Identifier: Apache-2.0
/*
 * berth-exec: runs one hook script for berthd and ends all that came of it.
 * It alone is subreaper: berthd must not be (libvirt's QEMUs are its children
 * too). Phases: started → deadline: SIGTERM → grace over: SIGKILL → no
 * descendant is left → report on stdout, one JSON object. Single-threaded.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/common/buf.h"
#include "agent/common/clock.h"
#include "agent/common/json.h"
#include "agent/common/utf8.h"
#include "hooks/exec/child.h"
#include "hooks/exec/tree.h"

#define END_MS 2000 /* what SIGKILL does not end by then is the kernel's */
#define CHUNK 65536

enum { OUT, ERROUT, SIGNALS, POLLS };

struct watch {
    const struct options *options;
    struct child child;
    struct pollfd polls[POLLS];
    int64_t seen[2]; /* bytes of OUT and ERROUT */
    struct buf text; /* the beginning of ERROUT */
    int64_t deadline;
    int status; /* of waitpid; -1: it has not ended */
    bool timed_out, asked, cancelled;
};

/* --- output ----------------------------------------------------------------
 */

/* False when there is no more for now. What is over the cap is read all the
 * same: a full pipe would hold the script up. */
static bool
drain(struct watch *w, int stream)
{
    char chunk[CHUNK];
    ssize_t n = read(w->polls[stream].fd, chunk, sizeof(chunk));
    size_t room = (size_t)w->options->output_max - w->text.len;

    if (n > 0) {
        w->seen[stream] += n;
        if (stream == ERROUT)
            buf_add(&w->text, chunk, (size_t)n < room ? (size_t)n : room);
        return true;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        w->polls[stream].fd = -1;
    return false;
}

/* --- the script's life ------------------------------------------------------
 */

static void
reap(struct watch *w)
{
    int status;
    pid_t pid;

    while (w->status < 0 && (pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == w->child.pid)
            w->status = status;
}

static void
on_signal(struct watch *w)
{
    struct signalfd_siginfo info;

    while (read(w->polls[SIGNALS].fd, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo != SIGCHLD)
            w->cancelled = true;
    reap(w);
}

/* Ask first; the second time there is nothing more to ask. */
static bool
expired(struct watch *w)
{
    w->timed_out = true;
    if (w->asked)
        return true;
    w->asked = true;
    tree_signal(SIGTERM);
    w->deadline = clock_mono_ms() + w->options->grace_ms;
    return false;
}

static void
watch_run(struct watch *w)
{
    while (w->status < 0 && !w->cancelled) {
        int64_t left = w->deadline - clock_mono_ms();

        if (left <= 0) {
            if (expired(w))
                return;
            continue;
        }
        if (poll(w->polls, POLLS, left > 60000 ? 60000 : (int)left) < 0)
            continue;
        for (int i = OUT; i <= ERROUT; i++)
            if (w->polls[i].fd >= 0 && w->polls[i].revents)
                drain(w, i);
        if (w->polls[SIGNALS].revents)
            on_signal(w);
    }
}

/* --- the report -------------------------------------------------------------
 */

static void
put_status(const struct watch *w, json_t *report)
{
    bool known = w->status >= 0;

    if (known && WIFEXITED(w->status))
        json_put_int(report, "exit", WEXITSTATUS(w->status));
    if (known && WIFSIGNALED(w->status))
        json_put_int(report, "signal", WTERMSIG(w->status));
    if (w->child.failed) {
        json_put_int(report, "errno", w->child.failed);
        json_put_text(report, "step", w->child.step);
    }
    json_put_bool(report, "timed_out", w->timed_out);
}

static void
print_report(struct watch *w, int killed, int left, int64_t us)
{
    CLEANUP_FREE char *raw = buf_steal(&w->text);
    CLEANUP_FREE char *clean = utf8_clean(raw);
    CLEANUP_JSON json_t *report = json_object();
    CLEANUP_FREE char *text = NULL;

    put_status(w, report);
    json_put_int(report, "killed", killed);
    json_put_int(report, "left", left);
    json_put_int(report, "us", us);
    json_put_int(report, "stdout_bytes", w->seen[OUT]);
    json_put_int(report, "stderr_bytes", w->seen[ERROUT]);
    json_put_text(report, "stderr", clean);
    text = json_text(report, NULL);
    puts(text);
}

/* --- main -------------------------------------------------------------------
 */

static int
open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int
run(struct watch *w)
{
    int64_t from = clock_mono_us();
    int killed, left;

    if (child_start(w->options, &w->child) < 0) {
        perror("berth-exec: no process can be made");
        return 1;
    }
    w->deadline = clock_mono_ms() + w->options->timeout_ms;
    w->polls[OUT] = (struct pollfd){w->child.out, POLLIN, 0};
    w->polls[ERROUT] = (struct pollfd){w->child.errout, POLLIN, 0};
    watch_run(w);
    left = tree_end(END_MS, &killed);
    for (int i = OUT; i <= ERROUT; i++)
        for (int n = 0; w->polls[i].fd >= 0 && n < 64 && drain(w, i); n++)
            ;
    print_report(w, killed, left, clock_mono_us() - from);
    return 0;
}

int
main(int argc, char **argv)
{
    struct options options;
    struct watch w = {.options = &options, .status = -1};
    int rc;

    if (options_read(argc, argv, &options) < 0)
        return 2;
    w.polls[SIGNALS] = (struct pollfd){open_signals(), POLLIN, 0};
    if (w.polls[SIGNALS].fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
        prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) {
        perror("berth-exec");
        return 1;
    }
    if (getppid() != options.parent) /* it died before we could be told */
        return 1;
    rc = run(&w);
    buf_free(&w.text);
    return rc;
}
