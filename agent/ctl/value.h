// SPDX-License-Identifier: Apache-2.0
/* Values as people write and read them: sizes, durations, fields. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/buf.h"
#include "agent/common/json.h"

/* "512M", "1GiB", "4096" → bytes, binary multiples. err: INVALID. */
int value_size(const char *text, int64_t *bytes, struct err *err);

/* "500ms", "30s", "5m", "1h" → milliseconds. err: INVALID. */
int value_duration(const char *text, int64_t *ms, struct err *err);

/* A decimal number of 64 bits. err: INVALID. */
int value_int(const char *text, int64_t *number, struct err *err);

/* "yes", "true", "no", "false". err: INVALID. */
int value_bool(const char *text, bool *flag, struct err *err);

/* A JSON string; returns owned. err: INVALID when it is not UTF-8. */
json_t *value_text(const char *text, struct err *err);

/*
 * "field=value" of a disk into obj, typed by the rows of disk_fields.def;
 * "iotune.total_iops_sec=100" sets a member of an object field, "null" gives
 * null. A field that no row has is sent as text: the daemon names it.
 */
int value_field(const char *text, json_t *obj, struct err *err);

/* Set obj's member at a dotted path, making the objects on the way;
 * takes value. */
void value_put(json_t *obj, const char *path, json_t *value);

/* Member at a dotted path, NULL if there is none; borrowed. */
const json_t *value_pick(const json_t *obj, const char *path);

/* "1 GiB", "1.5 MiB", "300 B"; "250 ms", "12.3 s", "3 min 5 s", "2 d 3 h". */
void value_size_text(int64_t bytes, struct buf *out);
void value_ms_text(int64_t ms, struct buf *out);
