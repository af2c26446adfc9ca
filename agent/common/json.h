// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to jansson: only this header includes <jansson.h>. Rooms use
 * jansson's own names for values; parsing and printing go through here, where
 * hostile text is bounded: depth, duplicate keys, invalid UTF-8, numbers out
 * of range, and memory (jansson can need 79 times the text).
 * Values may change threads, but have one owner at a time.
 */
#pragma once

#include <jansson.h>

#include "agent/common/cleanup.h"
#include "agent/common/err.h"

/* Install the counting allocator; once, in main, before any other call. */
void json_init(void);

struct json_limits {
    size_t depth;  /* nesting of arrays and objects */
    size_t memory; /* bytes that this parse may allocate, 0: 8 * len + 1 MiB */
};

/*
 * One JSON value from exactly len bytes: nothing may follow it, keys are
 * unique, text is UTF-8. Returns owned, or NULL + err: PARSE (with line,
 * column and what is wrong), LIMIT (depth, memory).
 */
json_t *json_parse(const char *text, size_t len,
                   const struct json_limits *limits, struct err *err);

/* Compact text, keys in their order; returns owned, length in len if given. */
char *json_text(const json_t *value, size_t *len);

/* Indented text for people; returns owned. */
char *json_pretty(const json_t *value);

/* Same bytes for equal values: compact, keys sorted. For body hashes. */
char *json_canonical(const json_t *value);

/* Field readers for objects made by ourselves: default when absent. */
const char *json_get_text(const json_t *obj, const char *key,
                          const char *fallback);
json_int_t json_get_int(const json_t *obj, const char *key,
                        json_int_t fallback);
int json_get_bool(const json_t *obj, const char *key, int fallback);

/* Field writers; value may be NULL: JSON null. obj is never NULL. */
void json_put_text(json_t *obj, const char *key, const char *value);
void json_put_int(json_t *obj, const char *key, json_int_t value);
void json_put_bool(json_t *obj, const char *key, int value);
void json_put(json_t *obj, const char *key, json_t *value); /* takes value */

static inline void
json_cleanup_(json_t **p)
{
    json_decref(*p);
}
#define CLEANUP_JSON CLEANUP(json_cleanup_)
#define CLEANUP_TEXT CLEANUP_FREE
