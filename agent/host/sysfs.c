// SPDX-License-Identifier: Apache-2.0
/*
 * Bounded reads. Bytes that are no UTF-8 (firmware strings, serial numbers)
 * become '?', so that nobody above has to ask.
 */
#include "agent/host/sysfs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"

#define MAX_LINE 65536u
#define MAX_TEXT (1u << 20)
#define PATH_BYTES 1024

/* path holds root and what fmt says behind it. */
#define PATH_OF(path, root, fmt)         \
    do {                                 \
        va_list args_;                   \
                                         \
        va_start(args_, fmt);            \
        path_of(path, root, fmt, args_); \
        va_end(args_);                   \
    } while (0)

static void path_of(char path[PATH_BYTES], const char *root, const char *fmt,
                    va_list args) __attribute__((format(printf, 3, 0)));

static void
path_of(char path[PATH_BYTES], const char *root, const char *fmt, va_list args)
{
    int n = snprintf(path, PATH_BYTES, "%s", root);

    if (n >= 0 && n < PATH_BYTES)
        vsnprintf(path + n, (size_t)(PATH_BYTES - n), fmt, args);
}

/* The first line of the file, cut in place, or NULL. */
static char *
line_of(const char *path)
{
    CLEANUP_FREE char *text = file_read(path, MAX_LINE, NULL, NULL);
    char *at = text, *end;

    if (!text)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    while (isspace((unsigned char)*at))
        at++;
    end = at + strlen(at);
    while (end > at && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return *at ? utf8_clean(at) : NULL;
}

char *
sysfs_line(const char *root, const char *fmt, ...)
{
    char path[PATH_BYTES];

    PATH_OF(path, root, fmt);
    return line_of(path);
}

char *
sysfs_text(const char *root, const char *fmt, ...)
{
    CLEANUP_FREE char *text = NULL;
    char path[PATH_BYTES];

    PATH_OF(path, root, fmt);
    text = file_read(path, MAX_TEXT, NULL, NULL);
    return text ? utf8_clean(text) : NULL;
}

long long
sysfs_number(const char *root, long long fallback, const char *fmt, ...)
{
    CLEANUP_FREE char *line = NULL;
    char path[PATH_BYTES], *end;
    long long value;

    PATH_OF(path, root, fmt);
    line = line_of(path);
    if (!line)
        return fallback;
    value = strtoll(line, &end, strncmp(line, "0x", 2) == 0 ? 16 : 10);
    return end == line ? fallback : value;
}

bool
sysfs_exists(const char *root, const char *fmt, ...)
{
    char path[PATH_BYTES];

    PATH_OF(path, root, fmt);
    return access(path, F_OK) == 0;
}

char *
sysfs_link(const char *root, const char *fmt, ...)
{
    char path[PATH_BYTES], target[PATH_BYTES];
    const char *slash;
    ssize_t n;

    PATH_OF(path, root, fmt);
    n = readlink(path, target, sizeof(target) - 1);
    if (n <= 0)
        return NULL;
    target[n] = '\0';
    slash = strrchr(target, '/');
    return utf8_clean(slash ? slash + 1 : target);
}

/* --- folders ------------------------------------------------------------- */

static int
by_version(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static inline void
close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

struct sysfs_names
sysfs_list(const char *root, const char *fmt, ...)
{
    __attribute__((cleanup(close_dir))) DIR *dir = NULL;
    struct sysfs_names list = {NULL, 0};
    const struct dirent *entry;
    char path[PATH_BYTES];

    PATH_OF(path, root, fmt);
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        list.names = mem_more(list.names, list.n, sizeof(char *));
        list.names[list.n++] = mem_dup(entry->d_name);
    }
    if (list.n)
        qsort(list.names, list.n, sizeof(char *), by_version);
    return list;
}

void
sysfs_names_free(struct sysfs_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct sysfs_names){NULL, 0};
}

/* --- texts --------------------------------------------------------------- */

long long
sysfs_field(const char *text, const char *name)
{
    size_t len = strlen(name);
    long long value;

    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, len) == 0 && (at[len] == ':' || at[len] == ' ') &&
            sscanf(at + len + 1, "%lld", &value) == 1)
            return value;
    }
    return -1;
}
