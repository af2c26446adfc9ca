// SPDX-License-Identifier: Apache-2.0
/*
 * The table of disk_rules.def: which fields a disk of a kind and an interface
 * may have, and with which values. disk_check and the defaults ask it, so
 * that what is cold-plugged and what is hot-plugged meet one judge. Pure.
 */
#pragma once

#include "agent/spec/disk.h"

#define DISK_RULE_ANY (-1)

struct disk_rule {
    const char *field; /* as in JSON; "source.format" for a part */
    int kind;          /* enum disk_kind, or DISK_RULE_ANY */
    int interface;     /* enum disk_interface, or DISK_RULE_ANY */
    const char *words; /* "a|b"; NULL: may not be set */
    const char *expected;
};

extern const struct disk_rule disk_rules[];
extern const size_t disk_nrules;

/* The row that forbids this value (text; NULL: of no word, such as a number)
 * of a field, or NULL when it may be. Borrowed. */
const struct disk_rule *disk_rule_against(const struct disk *disk,
                                          const char *field,
                                          const char *value);
