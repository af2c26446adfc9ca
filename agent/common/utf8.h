// SPDX-License-Identifier: Apache-2.0
/* UTF-8 (RFC 3629): one decoder for all who must judge text. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decode the first character of len > 0 bytes into *code. Returns its length
 * in bytes, 0 when the bytes are not UTF-8 (overlong, surrogate, cut short).
 */
size_t utf8_next(const char *text, size_t len, uint32_t *code);

bool utf8_ok(const char *text, size_t len);

/* Shorten NUL-terminated text so that no character is cut in two at its end. */
void utf8_trim(char *text);

/* A copy with every byte that is not UTF-8 replaced by '?'; returns owned. */
char *utf8_clean(const char *text);
