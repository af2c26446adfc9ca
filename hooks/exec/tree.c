// SPDX-License-Identifier: Apache-2.0
/*
 * /proc/PID/task/TID/children names a thread's children (proc(5)); it may
 * miss one while they come and go, so the end is a loop until waitpid says
 * that there is none: every pass makes orphans ours, and the next finds them.
 */
#include "hooks/exec/tree.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/common/clock.h"

#define PASS_MS 2
#define DEPTH_MAX 256

static int signal_below(pid_t pid, int signum, int depth);

static int
signal_children(pid_t pid, const char *tid, int signum, int depth)
{
    char path[64];
    FILE *file;
    int child, n = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children", pid, tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (fscanf(file, "%d", &child) == 1) {
        n += 1 + signal_below(child, signum, depth + 1);
        if (signum)
            kill(child, signum);
    }
    fclose(file);
    return n;
}

/* Children first: a parent that is gone has none to be found by. */
static int
signal_below(pid_t pid, int signum, int depth)
{
    const struct dirent *entry;
    char path[64];
    DIR *tasks;
    int n = 0;

    if (depth > DEPTH_MAX)
        return 0;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    if (!tasks)
        return 0;
    while ((entry = readdir(tasks)))
        if (entry->d_name[0] != '.')
            n += signal_children(pid, entry->d_name, signum, depth);
    closedir(tasks);
    return n;
}

int
tree_signal(int signum)
{
    return signal_below(getpid(), signum, 0);
}

int
tree_end(int64_t wait_ms, int *killed)
{
    int64_t until = clock_mono_ms() + wait_ms;

    for (*killed = 0;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        int n;

        if (pid > 0)
            continue;
        if (pid < 0 && errno == ECHILD)
            return 0;
        if (clock_mono_ms() >= until)
            return tree_signal(0);
        tree_signal(SIGSTOP); /* who forks all the time stands still first */
        n = tree_signal(SIGKILL);
        if (!*killed)
            *killed = n;
        poll(NULL, 0, PASS_MS);
    }
}
