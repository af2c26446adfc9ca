// SPDX-License-Identifier: Apache-2.0
/*
 * Settings: rows of params.def, read from INI files (inih) and --set. A
 * struct conf is an immutable snapshot once loaded; a reload makes a new one.
 * Unknown sections and keys, mistyped and out-of-range values are refused
 * with file, line, value and what was expected. Loading: main thread;
 * reading: any.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/common/cleanup.h"
#include "agent/common/err.h"
#include "conf/row.h"

enum conf_id {
#define SETTING(id, ...) CONF_##id,
#include "conf/params.def"
#undef SETTING
    CONF_IDS
};

const struct conf_row *conf_row(enum conf_id id); /* borrowed, static */

struct conf;

struct conf_set { /* one --set section.key=value */
    const char *text;
};

/*
 * Load file (NULL: /etc/berth/berth.conf if it is there, with
 * berth.conf.d/ *.conf beside it in byte order), then the sets.
 * A file that was named must exist. Returns owned, NULL + err (INVALID).
 */
struct conf *conf_load(const char *file, const char *const *sets, size_t nsets,
                       struct err *err);
void conf_free(struct conf *conf); /* takes */

const char *conf_text(const struct conf *conf, enum conf_id id); /* borrowed */
int64_t conf_int(const struct conf *conf, enum conf_id id); /* INT, BOOL, MODE */

/* NULL-terminated words of a CONF_LIST; borrowed. */
const char *const *conf_list(const struct conf *conf, enum conf_id id);

/* Where the value came from: "default", "FILE:LINE" or "--set"; borrowed. */
const char *conf_origin(const struct conf *conf, enum conf_id id);

/* All settings in force as INI, each with its origin (--dump-conf). */
void conf_dump(const struct conf *conf, FILE *to);

/* The sample file, printed from the table alone (conf/berth.conf.sample; the
 * manual's list of settings is made from it too). */
void conf_sample(FILE *to);

/*
 * Ids whose values differ between two snapshots are named to fn, each with
 * whether a reload puts it in force (else it needs a restart).
 */
void conf_diff(const struct conf *from, const struct conf *to,
               void (*fn)(void *ctx, enum conf_id id, bool live), void *ctx);

CLEANUP_DEFINE(conf_cleanup_, struct conf, conf_free)
#define CLEANUP_CONF CLEANUP(conf_cleanup_)
