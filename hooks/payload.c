// SPDX-License-Identifier: Apache-2.0
/*
 * Files are opened below the directory's descriptor and removed by it: a
 * script that runs as another user could otherwise lead us, as root, to
 * places outside by a link.
 */
#include "hooks/payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

#define FILE_NAME "payload"
#define FLAGS_NAME "launchflags"
#define FLAGS_MAX 32
#define DEPTH_MAX 32

/* --- made ------------------------------------------------------------------
 */

static int
fail(const char *what, const char *path, struct err *err)
{
    return err_set(err, ERR_INTERNAL,
                   "Hook scripts cannot be run: %s %s: %s; [hooks] work_dir "
                   "says where their files are made",
                   what, path, strerror(errno));
}

static int
write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        text += n;
        len -= (size_t)n;
    }
    return 0;
}

static int
make_file(const struct payload_spec *spec, const char *path, const char *text,
          size_t len, struct err *err)
{
    CLEANUP_FD int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || fchown(fd, spec->uid, spec->gid) < 0 ||
        write_all(fd, text, len) < 0)
        return fail("cannot write", path, err);
    return 0;
}

static int
make_flags(const struct payload_spec *spec, struct payload *out,
           struct err *err)
{
    char text[FLAGS_MAX];
    int len;

    if (spec->flags < 0)
        return 0;
    len = snprintf(text, sizeof(text), "%lld\n", (long long)spec->flags);
    out->flags = mem_printf("%s/%s", out->dir, FLAGS_NAME);
    return make_file(spec, out->flags, text, (size_t)len, err);
}

int
payload_make(const struct payload_spec *spec, struct payload *out,
             struct err *err)
{
    CLEANUP_PAYLOAD struct payload made = {NULL, NULL, NULL};

    if (file_mkdirs(spec->work_dir, 0711, err) < 0)
        return -1;
    made.dir = mem_printf("%s/point-XXXXXX", spec->work_dir);
    if (!mkdtemp(made.dir)) {
        free(STEAL(made.dir));
        return fail("cannot make a directory in", spec->work_dir, err);
    }
    made.path = mem_printf("%s/%s", made.dir, FILE_NAME);
    if (make_file(spec, made.path, spec->text ? spec->text : "", spec->len,
                  err) < 0 ||
        make_flags(spec, &made, err) < 0)
        return -1;
    /* Last: from here on the scripts' user could put links in our way. */
    if (chown(made.dir, spec->uid, spec->gid) < 0)
        return fail("cannot give away", made.dir, err);
    *out = made;
    made = (struct payload){NULL, NULL, NULL};
    return 0;
}

/* --- read back -------------------------------------------------------------
 */

static int
open_in(const struct payload *payload, const char *name)
{
    CLEANUP_FD int dir =
        open(payload->dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The file whole; err says what is wrong with it. */
static char *
read_back(const struct payload *payload, const char *name, size_t max,
          size_t *len, struct err *err)
{
    CLEANUP_FD int fd = open_in(payload, name);
    CLEANUP_FREE char *text = NULL;
    struct stat st;
    ssize_t n = 0;

    *len = 0;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_HOOK_FAILED,
                "The file of the payload cannot be read again (%s)",
                fd < 0 ? strerror(errno) : "no regular file");
        return NULL;
    }
    if (st.st_size > (off_t)max) {
        err_set(err, ERR_HOOK_FAILED,
                "The file of the payload has %lld bytes now; at most %zu are "
                "read",
                (long long)st.st_size, max);
        return NULL;
    }
    text = mem_zalloc(1, max < (size_t)st.st_size + 1 ? max + 1
                                                      : (size_t)st.st_size + 1);
    while (*len < (size_t)st.st_size &&
           (n = read(fd, text + *len, (size_t)st.st_size - *len)) > 0)
        *len += (size_t)n;
    if (n < 0) {
        err_set(err, ERR_HOOK_FAILED,
                "The file of the payload cannot be read again: %s",
                strerror(errno));
        return NULL;
    }
    return STEAL(text);
}

char *
payload_read(const struct payload *payload, size_t *len, struct err *err)
{
    return read_back(payload, FILE_NAME, PAYLOAD_MAX, len, err);
}

int64_t
payload_flags(const struct payload *payload, struct err *err)
{
    size_t len;
    CLEANUP_FREE char *text =
        read_back(payload, FLAGS_NAME, FLAGS_MAX, &len, err);
    char *end = NULL;
    long long flags = -1;

    if (!text)
        return -1;
    errno = 0;
    flags = strtoll(text, &end, 10);
    if (end == text || end[strspn(end, " \n")] || errno || flags < 0)
        return err_set(err, ERR_HOOK_FAILED,
                       "The launch flags are \"%.32s\" now; expected a "
                       "decimal number",
                       text);
    return flags;
}

/* --- removed ---------------------------------------------------------------
 */

static void
empty_directory(int fd /* takes */, int depth)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        close(fd);
        return;
    }
    while ((entry = readdir(dir))) {
        int below;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || depth == DEPTH_MAX)
            continue;
        below = openat(dirfd(dir), entry->d_name,
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below >= 0)
            empty_directory(below, depth + 1);
        unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
}

static void
remove_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        empty_directory(fd, 0);
    if (rmdir(path) < 0 && errno != ENOENT)
        log_warning("What a hook script left in %s cannot be removed: %s", path,
                    strerror(errno));
}

void
payload_remove(struct payload *payload)
{
    if (payload->dir)
        remove_directory(payload->dir);
    free(payload->dir);
    free(payload->path);
    free(payload->flags);
    *payload = (struct payload){NULL, NULL, NULL};
}

void
payload_sweep(const char *work_dir)
{
    const struct dirent *entry;
    DIR *dir = opendir(work_dir);

    while (dir && (entry = readdir(dir))) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", work_dir, entry->d_name);

        if (!strncmp(entry->d_name, "point-", 6))
            remove_directory(path);
    }
    if (dir)
        closedir(dir);
}
