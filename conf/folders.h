// SPDX-License-Identifier: Apache-2.0
/*
 * Where state, sockets and settings lie when nobody says: the system's
 * folders as root, those of the XDG base directory specification otherwise.
 */
#pragma once

#include <stdbool.h>

enum folders_who {
    FOLDERS_OURS,  /* of the user this process runs as */
    FOLDERS_SYSTEM /* root's, for printed pages */
};

/* text with a leading $STATE, $RUN or $CONF replaced; returns owned. */
char *folders_expand(const char *text, enum folders_who who);
