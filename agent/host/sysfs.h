// SPDX-License-Identifier: Apache-2.0
/*
 * Small files of /sys, /proc and /etc below a root: "" is the machine's own,
 * a test's folder another. What is not there is NULL or the fallback, never an
 * error: which files a kernel has differs. Any thread; reads may block on a
 * device that is slow to answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/common/cleanup.h"

/* First line without its end and blanks around it; returns owned, NULL when
 * there is no such file or it is empty. */
char *sysfs_line(const char *root, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Whole text, at most 1 MiB; returns owned, NULL when it cannot be read. */
char *sysfs_text(const char *root, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The decimal or 0x… number that the first line begins with. */
long long sysfs_number(const char *root, long long fallback, const char *fmt,
                       ...) __attribute__((format(printf, 3, 4)));

bool sysfs_exists(const char *root, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Last part of where a symbolic link points; returns owned, NULL for none. */
char *sysfs_link(const char *root, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct sysfs_names { /* sorted as numbers and words are: eth2 before eth10 */
    char **names;
    size_t n;
};
/* Entries of a folder without those that begin with a dot; empty when it
 * cannot be read. */
struct sysfs_names sysfs_list(const char *root, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void sysfs_names_free(struct sysfs_names *names);
#define CLEANUP_NAMES CLEANUP(sysfs_names_free)

/* "Name: 123 kB" or "Name 123" of a text of such lines; -1 for none. */
long long sysfs_field(const char *text, const char *name);
