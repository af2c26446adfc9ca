// SPDX-License-Identifier: Apache-2.0
/*
 * The reserve is a file that holds nothing: its blocks are there so that,
 * once the disk is full, cutting it to zero leaves room for the outcomes of
 * what runs. The lock file is never removed: a lock on a file that was
 * unlinked would lock nothing.
 */
#include "agent/state/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

static int
open_in(const char *dir, const char *name)
{
    CLEANUP_FREE char *path = mem_printf("%s/%s", dir, name);

    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int
refuse_open(const char *dir, const char *name, struct err *err)
{
    return err_set(err, ERR_READ_ONLY,
                   "%s/%s cannot be opened for writing: %s. %s.", dir, name,
                   strerror(errno),
                   errno == EROFS
                       ? "Look at the kernel's log for the reason, and mount "
                         "the file system for writing again"
                   : errno == ENOSPC
                       ? "Free some space on its file system"
                       : "Give the state directory to the user that berthd "
                         "runs as");
}

/* What the holder of the lock wrote into it. */
static pid_t
pid_in(int lock)
{
    char text[32];
    ssize_t n = pread(lock, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return (pid_t)strtol(text, NULL, 10);
}

/* A lock of the open file description (fcntl(2)): unlike that of flock(2) it
 * can be asked about without being taken. */
static int
lock_file(int lock)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(lock, F_OFD_SETLK, &whole) < 0)
        return -1;
    /* For people and for doctor: nobody relies on it, so a full disk may
     * leave it empty. */
    if (ftruncate(lock, 0) == 0)
        dprintf(lock, "%d\n", (int)getpid());
    return 0;
}

pid_t
store_file_holder(const char *dir)
{
    CLEANUP_FREE char *path = mem_printf("%s/berth.lock", dir);
    CLEANUP_FD int lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    pid_t pid;

    if (lock < 0)
        return errno == ENOENT ? 0 : -1;
    if (fcntl(lock, F_OFD_GETLK, &whole) < 0)
        return -1;
    if (whole.l_type == F_UNLCK)
        return 0;
    pid = pid_in(lock);
    return pid > 0 ? pid : -1;
}

int
store_file_claim(const char *dir, struct err *err)
{
    CLEANUP_FD int lock = -1;
    CLEANUP_FD int database = -1;
    int kept;

    if (file_mkdirs(dir, 0700, err) < 0)
        return err_wrap(err, "The state directory cannot be used");
    lock = open_in(dir, "berth.lock");
    if (lock < 0)
        return refuse_open(dir, "berth.lock", err);
    if (lock_file(lock) < 0)
        return err_set(err, ERR_BUSY,
                       "Another berthd (process %d) uses the state directory "
                       "%s: %s/berth.lock is locked. Stop it, or choose "
                       "another directory.",
                       (int)pid_in(lock), dir, dir);
    database = open_in(dir, "berth.db");
    if (database < 0)
        return refuse_open(dir, "berth.db", err);
    kept = lock;
    lock = -1;
    return kept;
}

bool
store_file_reserve(const char *dir)
{
    CLEANUP_FD int fd = open_in(dir, "berth.reserve");

    if (fd < 0)
        return false;
    if (posix_fallocate(fd, 0, STORE_FILE_RESERVE) == 0)
        return true;
    if (ftruncate(fd, 0) < 0) /* half a reserve would only take room */
        log_warning("%s/berth.reserve cannot be emptied.", dir);
    return false;
}

void
store_file_release(const char *dir)
{
    CLEANUP_FD int fd = open_in(dir, "berth.reserve");

    if (fd < 0 || ftruncate(fd, 0) < 0)
        log_warning("%s/berth.reserve cannot be emptied.", dir);
}
