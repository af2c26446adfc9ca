// SPDX-License-Identifier: Apache-2.0
/*
 * Files. A write is done when the directory has been synced too; a path that
 * a peer named is resolved by the kernel (openat2), not by comparing text, so
 * a link planted meanwhile cannot lead out of the allowed directory.
 */
#include "agent/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/common/buf.h"
#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

#define CHUNK 65536
#define RACES 16 /* openat2 says EAGAIN when a rename raced with ".." */

static int
fail(struct err *err, const char *doing, const char *path)
{
    int saved = errno;

    return err_set(err, saved == ENOENT ? ERR_NOT_FOUND : ERR_INTERNAL,
                   "Cannot %s '%s': %s", doing, path, strerror(saved));
}

char *
file_read(const char *path, size_t max, size_t *len, struct err *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    CLEANUP_BUF struct buf text = BUF_INIT;
    ssize_t n;

    if (fd < 0) {
        fail(err, "open", path);
        return NULL;
    }
    do { /* /proc and /sys tell no size: read until the end */
        buf_reserve(&text, CHUNK);
        n = read(fd, text.data + text.len, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail(err, "read", path);
            return NULL;
        }
        text.len += (size_t)n;
        if (text.len > max) {
            err_set(err, ERR_LIMIT,
                    "'%s' is larger than the %zu bytes that are read", path,
                    max);
            return NULL;
        }
    } while (n != 0);
    text.data[text.len] = '\0';
    if (len)
        *len = text.len;
    return buf_steal(&text);
}

static int
write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Directory part of path, "." when there is none; returns owned. */
static char *
parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return mem_dup(".");
    return slash == path ? mem_dup("/")
                         : mem_ndup(path, (size_t)(slash - path));
}

static int
put(const char *temp, int fd, const char *path, const void *data, size_t len,
    mode_t mode, struct err *err)
{
    CLEANUP_FREE char *parent = parent_of(path);
    CLEANUP_FD int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return fail(err, "open directory", parent);
    if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0)
        return fail(err, "write", temp);
    if (rename(temp, path) < 0)
        return fail(err, "put in place", path);
    if (fsync(dir) < 0)
        return fail(err, "sync directory", parent);
    return 0;
}

int
file_write(const char *path, const void *data, size_t len, mode_t mode,
           struct err *err)
{
    CLEANUP_FREE char *temp = mem_printf("%s.XXXXXX", path);
    CLEANUP_FD int fd = mkostemp(temp, O_CLOEXEC);

    if (fd < 0)
        return fail(err, "create a temporary file for", path);
    if (put(temp, fd, path, data, len, mode, err) < 0) {
        unlink(temp);
        return -1;
    }
    return 0;
}

int
file_mkdirs(const char *path, mode_t mode, struct err *err)
{
    CLEANUP_FREE char *part = mem_dup(path);
    struct stat st;

    for (char *at = part + 1; *part; at++) {
        char end = *at;

        if (end != '/' && end != '\0')
            continue;
        *at = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST)
            return fail(err, "create directory", part);
        if (end == '\0')
            break;
        *at = '/';
    }
    if (stat(path, &st) < 0)
        return fail(err, "create directory", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INTERNAL,
                       "Cannot create directory '%s': a file has that name",
                       path);
    return 0;
}

/* What of path lies below dir, by text; NULL if it does not. */
static const char *
below(const char *dir, const char *path)
{
    size_t len = strlen(dir);

    while (len && dir[len - 1] == '/')
        len--;
    if (path[0] != '/' || strncmp(dir, path, len) != 0 || path[len] != '/')
        return NULL;
    path += len;
    while (*path == '/')
        path++;
    return *path ? path : NULL;
}

static int
open_beneath(int dir, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOCTTY),
        .mode = flags & O_CREAT ? 0600 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    int fd = -1;

    for (int i = 0; i < RACES && fd < 0; i++) {
        fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    return fd;
}

int
file_open_below(const char *dir, const char *path, int flags, struct err *err)
{
    const char *rest = below(dir, path);
    CLEANUP_FD int base = -1;
    int fd;

    if (!rest)
        return err_set(err, ERR_SOURCE_DENIED, "'%s' does not lie below '%s'",
                       path, dir);
    base = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (base < 0)
        return err_set(err, ERR_SOURCE_BAD,
                       "Cannot open '%s': its allowed directory '%s': %s",
                       path, dir, strerror(errno));
    fd = open_beneath(base, rest, flags);
    if (fd >= 0)
        return fd;
    if (errno == ELOOP || errno == EXDEV)
        return err_set(err, ERR_SOURCE_DENIED,
                       "'%s' leads through a symbolic link or out of '%s'; "
                       "name the file by its own path",
                       path, dir);
    return err_set(err, ERR_SOURCE_BAD, "Cannot open '%s': %s", path,
                   strerror(errno));
}
