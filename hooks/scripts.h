// SPDX-License-Identifier: Apache-2.0
/*
 * Which scripts a point has: executable regular files of DIR/POINT of several
 * directories, merged. A name in a later directory masks the same name in
 * earlier ones, whatever it is there: a link to /dev/null or a file that is
 * not executable takes a packaged script away. Order: bytes of the file name.
 * What is unsafe is listed with the reason, never left out. Any thread; it
 * looks at the file system each time, so nothing is to be reloaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/common/cleanup.h"

struct script {
    char *name;   /* of the file */
    char *path;   /* as found: DIR/POINT/NAME */
    char *unsafe; /* why it may not be run; NULL: it may */
    char *masks;  /* the path that it takes the place of, or NULL */
};

struct scripts {
    struct script *items;
    size_t n;
};

/* The scripts of the point; dirs is NULL-terminated, a missing one is no
 * error. A directory that cannot be read, or that others may write to, makes
 * what is in it unsafe (an entry of the directory's own name). */
void scripts_find(const char *const *dirs, const char *point,
                  struct scripts *out);
void scripts_free(struct scripts *scripts);

#define CLEANUP_SCRIPTS CLEANUP(scripts_free)
