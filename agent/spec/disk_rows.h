// SPDX-License-Identifier: Apache-2.0
/*
 * The rows of disk_fields.def as struct field, for the disk object itself and
 * for verbs that take its fields at top level: inside an array, define FIELD
 * as DISK_ROW and include the table. Limits that rows of one type share stand
 * here (disk_check knows serial and wwn closer).
 */
#pragma once

#include "agent/spec/field.h"

#define DISK_ROW_LIMITS_INT .min = 1, .max = 1000
#define DISK_ROW_LIMITS_TEXT .max = 64
#define DISK_ROW_LIMITS_UUID .max = 0
#define DISK_ROW_LIMITS_ENUM .max = 0
#define DISK_ROW_LIMITS_OBJECT .max = 0
#define DISK_ROW_LIMITS_SIZE .max = 0
#define DISK_ROW_LIMITS_BOOL .max = 0

#define DISK_ROW(field_name, field_type, words, when, text)                    \
    {.name = #field_name,                                                      \
     .type = FIELD_##field_type,                                               \
     DISK_ROW_LIMITS_##field_type,                                             \
     .range = words,                                                           \
     .live = FIELD_##when,                                                     \
     .doc = text},
