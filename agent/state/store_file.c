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
#include <string.h>
#include <sys/file.h>
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
                   "%s/%s cannot be opened for writing: %s. Give the state "
                   "directory to the user that berthd runs as.",
                   dir, name, strerror(errno));
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
    if (flock(lock, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, ERR_BUSY,
                       "Another berthd uses the state directory %s (%s/"
                       "berth.lock is locked). Stop it, or choose another "
                       "directory.",
                       dir, dir);
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
