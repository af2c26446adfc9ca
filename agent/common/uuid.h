// SPDX-License-Identifier: Apache-2.0
/* UUIDs as lower-case text (RFC 9562). Any thread. */
#pragma once

#include <stdbool.h>

#define UUID_TEXT 37 /* 36 characters and the NUL */

/* A random (version 4) UUID from the kernel. */
void uuid_new(char out[UUID_TEXT]);

/* Lower-cased copy of a well-formed UUID; false if text is not one. */
bool uuid_canon(const char *text, char out[UUID_TEXT]);
