// SPDX-License-Identifier: Apache-2.0
/*
 * QEMUs outlive the berthd that started them and are nobody's children: they
 * are found in /proc, by the folder in their command line, which is ours
 * alone. The guard leaves the terminal's process group, so that an interrupt
 * reaches its parent only, and waits for the end of a pipe.
 */
#include "agent/ctl/chaos_sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"

#define CMDLINE_MAX (1u << 20)
#define ROUNDS 500 /* of 10 ms, until what was killed must be gone */

/* Whether it is a QEMU, qemu-img or berthd; a viewer of the log is spared. */
static bool
runs_ours(const char *pid, const char *berthd)
{
    CLEANUP_FREE char *file = mem_printf("/proc/%s/exe", pid);
    char exe[512];
    ssize_t n = readlink(file, exe, sizeof(exe) - 1);
    const char *base;

    exe[n < 0 ? 0 : n] = '\0';
    base = strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe;
    return strncmp(base, "qemu-", 5) == 0 ||
           (berthd && strncmp(base, berthd, strlen(berthd)) == 0);
}

static bool
names(const char *pid, const char *dir)
{
    CLEANUP_FREE char *file = mem_printf("/proc/%s/cmdline", pid);
    CLEANUP_FREE char *below = mem_printf("%s/", dir);
    size_t len;
    CLEANUP_FREE char *line = file_read(file, CMDLINE_MAX, &len, NULL);

    return line && memmem(line, len, below, strlen(below));
}

pid_t *
chaos_sweep_find(const char *dir, const char *berthd, size_t *n)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t *pids = NULL;

    *n = 0;
    while (proc && (entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid <= 1 || pid == getpid() || !runs_ours(entry->d_name, berthd) ||
            !names(entry->d_name, dir))
            continue;
        pids = mem_more(pids, *n, sizeof(*pids));
        pids[(*n)++] = pid;
    }
    if (proc)
        closedir(proc);
    return pids;
}

void
chaos_sweep_kill(const char *dir, const char *berthd)
{
    const char *slash = strrchr(berthd, '/');
    struct timespec pause = {0, 10000000};

    for (int i = 0; i < ROUNDS; i++) {
        size_t n;
        CLEANUP_FREE pid_t *pids =
            chaos_sweep_find(dir, slash ? slash + 1 : berthd, &n);

        if (!n)
            return;
        for (size_t k = 0; k < n; k++)
            kill(pids[k], SIGKILL);
        nanosleep(&pause, NULL);
    }
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    remove(path);
    return 0;
}

void
chaos_sweep_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* --- the guard ------------------------------------------------------------ */

static void
guard_main(int fd, const char *dir, const char *berthd, bool keep)
{
    sigset_t all;
    char byte;

    setsid();
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    while (read(fd, &byte, 1) != 0)
        continue; /* nothing is ever written: EINTR only */
    chaos_sweep_kill(dir, berthd);
    if (!keep)
        chaos_sweep_remove(dir);
    _exit(0);
}

int
chaos_sweep_guard(const char *dir, const char *berthd, bool keep,
                  struct chaos_guard *guard, struct err *err)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_INTERNAL, "Cannot make a pipe: %s",
                       strerror(errno));
    guard->pid = fork();
    if (guard->pid == 0) {
        close(ends[1]);
        guard_main(ends[0], dir, berthd, keep);
    }
    close(ends[0]);
    guard->fd = ends[1];
    if (guard->pid > 0)
        return 0;
    close(guard->fd);
    return err_set(err, ERR_INTERNAL, "Cannot start a process: %s",
                   strerror(errno));
}

void
chaos_sweep_end(struct chaos_guard *guard)
{
    close(guard->fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
