// SPDX-License-Identifier: Apache-2.0
/*
 * Two doors. A file is opened below one of the allowed directories by the
 * kernel's own resolution, which follows no link. A device is opened by a
 * name that an administrator's pattern allows: such names are links to
 * /dev/sdX by design, so what counts is that a block device is behind it.
 */
#include "agent/policy/source.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/buf.h"
#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"

#define PATH_LIMIT 4095

/* Words with ", " between them; "nothing" for an empty list. */
static void
list_words(const char *const *words, struct buf *out)
{
    for (size_t i = 0; words[i]; i++)
        buf_printf(out, "%s%s", i ? ", " : "", words[i]);
    if (!out->len)
        buf_add_text(out, "nothing");
}

static int
deny(const char *path, const char *what, const char *setting,
     const char *const *allowed, struct err *err)
{
    CLEANUP_BUF struct buf words = BUF_INIT;

    list_words(allowed, &words);
    return err_set(err, ERR_SOURCE_DENIED,
                   "'%s' is not an allowed %s: [paths] %s allows %s. Use a "
                   "path among them, or have the setting extended",
                   path, what, setting, words.data);
}

static int
check_path(const char *path, struct err *err)
{
    if (path[0] != '/' || strlen(path) > PATH_LIMIT)
        return err_param(err, ERR_SOURCE_DENIED, "path", path,
                         "an absolute path of at most 4095 bytes");
    return 0;
}

static int
check_type(int fd, const char *path, bool block, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_set(err, ERR_SOURCE_BAD, "Cannot read '%s': %s", path,
                       strerror(errno));
    if (block ? S_ISBLK(st.st_mode) : S_ISREG(st.st_mode))
        return 0;
    return err_set(err, ERR_SOURCE_BAD, "'%s' is not a %s", path,
                   block ? "block device; for an image use source type 'file'"
                         : "file; for a device use source type 'block'");
}

/* Each allowed directory is tried; the error of the one that holds the path
 * is kept, since it says what is wrong with it. */
static int
open_file(const struct source_rules *rules, const char *path, struct err *err)
{
    struct err why = ERR_INIT;
    int fd;

    for (size_t i = 0; rules->images[i]; i++) {
        fd = file_open_below(rules->images[i], path,
                             O_RDONLY | O_NONBLOCK | O_NOCTTY, &why);
        if (fd >= 0)
            return fd;
        if (why.kind == ERR_SOURCE_BAD)
            break;
    }
    if (why.kind != ERR_SOURCE_BAD)
        return deny(path, "image path", "images", rules->images, err);
    if (err)
        *err = why;
    return -1;
}

static bool
matches(const char *const *patterns, const char *path)
{
    for (size_t i = 0; patterns[i]; i++)
        if (fnmatch(patterns[i], path, FNM_PATHNAME | FNM_PERIOD) == 0)
            return true;
    return false;
}

static int
open_device(const struct source_rules *rules, const char *path,
            struct err *err)
{
    struct stat st;
    int fd;

    if (!matches(rules->devices, path) || strstr(path, "/../"))
        return deny(path, "device", "devices", rules->devices, err);
    /* Looked at before it is opened: opening a tape or a tty has effects. */
    if (stat(path, &st) < 0)
        return err_set(err, ERR_SOURCE_BAD, "Cannot find '%s': %s", path,
                       strerror(errno));
    if (!S_ISBLK(st.st_mode))
        return err_set(err, ERR_SOURCE_BAD, "'%s' is not a block device",
                       path);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_set(err, ERR_SOURCE_BAD, "Cannot open '%s': %s", path,
                       strerror(errno));
    return fd;
}

int
source_open(const struct source_rules *rules, const char *path, bool block,
            struct err *err)
{
    int fd;

    if (check_path(path, err) < 0)
        return -1;
    fd = block ? open_device(rules, path, err) : open_file(rules, path, err);
    if (fd < 0)
        return -1;
    if (check_type(fd, path, block, err) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The directory of path, opened below an allowed one (or that one itself);
 * -1 when it lies in none. */
static int
open_parent(const struct source_rules *rules, const char *parent,
            struct err *why)
{
    for (size_t i = 0; rules->images[i]; i++) {
        const char *dir = rules->images[i];
        size_t len = strlen(dir);
        int fd;

        while (len > 1 && dir[len - 1] == '/')
            len--;
        if (strncmp(dir, parent, len) == 0 && parent[len] == '\0')
            fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        else
            fd = file_open_below(dir, parent, O_RDONLY | O_DIRECTORY, why);
        if (fd >= 0)
            return fd;
        if (why->kind == ERR_SOURCE_BAD)
            return -1;
    }
    return -1;
}

int
source_may_create(const struct source_rules *rules, const char *path,
                  struct err *err)
{
    const char *slash = strrchr(path, '/');
    struct err why = ERR_INIT;
    CLEANUP_FREE char *parent = NULL;
    CLEANUP_FD int dir = -1;
    struct stat st;

    if (check_path(path, err) < 0)
        return -1;
    if (!slash[1] || strcmp(slash + 1, ".") == 0 ||
        strcmp(slash + 1, "..") == 0)
        return err_param(err, ERR_SOURCE_BAD, "path", path,
                         "the path of a file");
    parent = mem_ndup(path, slash == path ? 1 : (size_t)(slash - path));
    dir = open_parent(rules, parent, &why);
    if (dir < 0 && why.kind == ERR_SOURCE_BAD)
        return err_set(err, ERR_SOURCE_BAD,
                       "'%s' cannot be created: %s", path, why.message);
    if (dir < 0)
        return deny(path, "image path", "images", rules->images, err);
    if (fstatat(dir, slash + 1, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(err, ERR_EXISTS, "'%s' exists already", path);
    return 0;
}

int
source_host(const char *const *hosts, const char *host, unsigned port,
            struct err *err)
{
    CLEANUP_BUF struct buf words = BUF_INIT;
    CLEANUP_FREE char *both = mem_printf("%s:%u", host, port);

    for (size_t i = 0; hosts[i]; i++)
        if (fnmatch(hosts[i], host, 0) == 0 || fnmatch(hosts[i], both, 0) == 0)
            return 0;
    list_words(hosts, &words);
    return err_set(err, ERR_SOURCE_DENIED,
                   "source: '%s' is not an allowed host: [paths] hosts allows "
                   "%s. Use one of them, or have the setting extended",
                   both, words.data);
}
