// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt locks QEMU's pidfile on its behalf: who holds the lock is the
 * process, whatever number the file says. Its /proc directory is opened
 * before anything is believed, and everything is read through it.
 */
#include "agent/host/qemu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/buf.h"
#include "agent/common/cleanup.h"

#define MAX_CMDLINE (4u << 20) /* 1,000 disks make some 400 KB */

/* The pid that holds a write lock on the file, 0 if nobody does. */
static pid_t
lock_holder(const char *pidfile)
{
    CLEANUP_FD int fd = open(pidfile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
        return 0;
    return lock.l_pid > 0 ? lock.l_pid : 0;
}

static bool
read_cmdline(int dir, struct buf *out)
{
    CLEANUP_FD int fd = openat(dir, "cmdline", O_RDONLY | O_CLOEXEC);
    char chunk[16384];
    ssize_t n;

    if (fd < 0)
        return false;
    while ((n = read(fd, chunk, sizeof(chunk))) > 0 && out->len < MAX_CMDLINE)
        buf_add(out, chunk, (size_t)n);
    return n == 0 && out->len > 0;
}

/* Whether two words that follow each other are "-uuid" and this UUID. */
static bool
has_uuid(int dir, const char *uuid)
{
    CLEANUP_BUF struct buf words = BUF_INIT;
    bool next = false;

    if (!read_cmdline(dir, &words))
        return false;
    for (size_t at = 0; at < words.len; at += strlen(words.data + at) + 1) {
        if (next)
            return strcmp(words.data + at, uuid) == 0;
        next = strcmp(words.data + at, "-uuid") == 0;
    }
    return false;
}

int
qemu_find(const char *pidfile, const char *uuid, struct qemu_proc *out,
          struct err *err)
{
    pid_t pid = lock_holder(pidfile);
    char path[32];
    int dir;

    if (pid == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "No process holds the pidfile '%s'; the VM does not "
                       "run, or not on this host",
                       pidfile);
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0 || !has_uuid(dir, uuid)) {
        if (dir >= 0)
            close(dir);
        return err_set(err, ERR_NOT_FOUND,
                       "Process %d, which holds '%s', is not the QEMU of VM "
                       "%s",
                       (int)pid, pidfile, uuid);
    }
    out->dir = dir;
    out->pid = pid;
    return 0;
}

void
qemu_close(struct qemu_proc *proc)
{
    if (proc->dir >= 0)
        close(proc->dir);
    proc->dir = -1;
}

static void
close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

static DIR *
open_fds(const struct qemu_proc *proc)
{
    int fd = openat(proc->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *fds = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !fds)
        close(fd);
    return fds;
}

int
qemu_holds(const struct qemu_proc *proc, uint64_t dev, uint64_t inode,
           struct err *err)
{
    CLEANUP(close_dir) DIR *fds = open_fds(proc);
    struct dirent *entry;
    struct stat st;

    if (!fds)
        return err_set(err, ERR_INTERNAL,
                       "The open files of QEMU (process %d) cannot be read: "
                       "%s; berthd must be root for that",
                       (int)proc->pid, strerror(errno));
    while ((entry = readdir(fds))) {
        if (entry->d_name[0] == '.' ||
            fstatat(dirfd(fds), entry->d_name, &st, 0) < 0)
            continue; /* closed meanwhile */
        if (dev ? st.st_dev == dev && st.st_ino == inode
                : S_ISBLK(st.st_mode) && st.st_rdev == inode)
            return 1;
    }
    return 0;
}

/* proc(5): "CapEff:" and a mask in hexadecimal. */
int
qemu_has_cap(const struct qemu_proc *proc, int cap, struct err *err)
{
    CLEANUP_FD int fd = openat(proc->dir, "status", O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *line;
    unsigned long long mask;

    text[n > 0 ? n : 0] = '\0';
    line = strstr(text, "\nCapEff:");
    if (!line || sscanf(line, "\nCapEff: %llx", &mask) != 1)
        return err_set(err, ERR_INTERNAL,
                       "The capabilities of QEMU (process %d) cannot be read",
                       (int)proc->pid);
    return (int)(mask >> cap & 1);
}

/* "Max open files            1024                 524288               files" */
static bool
read_limit(const struct qemu_proc *proc, uint64_t *limit)
{
    static const char label[] = "Max open files";
    CLEANUP_FD int fd = openat(proc->dir, "limits", O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *line;

    if (n <= 0)
        return false;
    text[n] = '\0';
    line = strstr(text, label);
    if (!line)
        return false;
    line += strlen(label);
    line += strspn(line, " ");
    *limit = strncmp(line, "unlimited", 9) == 0 ? UINT64_MAX
                                                : strtoull(line, NULL, 10);
    return *limit > 0;
}

int
qemu_files(const struct qemu_proc *proc, uint64_t *used, uint64_t *limit,
           struct err *err)
{
    CLEANUP(close_dir) DIR *fds = open_fds(proc);
    struct dirent *entry;

    if (!fds || !read_limit(proc, limit))
        return err_set(err, ERR_INTERNAL,
                       "The descriptors of QEMU (process %d) cannot be counted: "
                       "%s; berthd must be root for that",
                       (int)proc->pid, strerror(errno));
    for (*used = 0; (entry = readdir(fds));)
        *used += entry->d_name[0] != '.';
    return 0;
}
