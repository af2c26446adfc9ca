// SPDX-License-Identifier: Apache-2.0
/*
 * Files: bounded reads, writes that survive a crash, and paths resolved
 * without following links out of an allowed directory. Any thread.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "agent/common/err.h"

/* Whole file up to max bytes, NUL-terminated; returns owned, NULL + err
 * (NOT_FOUND, LIMIT, INTERNAL). len may be NULL. */
char *file_read(const char *path, size_t max, size_t *len, struct err *err);

/* Write to a temporary sibling, fsync, rename, fsync the directory. */
int file_write(const char *path, const void *data, size_t len, mode_t mode,
               struct err *err);

/* mkdir -p; an existing directory is fine. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);

/*
 * Open path, which must be absolute and lie below dir, without following
 * any symbolic link below dir and without leaving it (openat2,
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). Returns a descriptor the caller
 * owns, or -1 + err: SOURCE_DENIED when path is not below dir or a link
 * stands in the way, SOURCE_BAD when it does not exist.
 */
int file_open_below(const char *dir, const char *path, int flags,
                    struct err *err);
