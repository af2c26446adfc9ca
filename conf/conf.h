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
#include "conf/sections.h"

enum conf_id {
#define SETTING(id, ...) CONF_##id,
#include "conf/params.def"
#undef SETTING
    CONF_IDS
};

/* Both borrowed, static; the section of a named row is its kind. */
const struct conf_row *conf_row(enum conf_id id);
const struct conf_row *conf_named_row(enum conf_named_id id);

struct conf;

struct conf_set { /* one --set section.key=value */
    const char *text;
};

/* The folder whose *.conf files are read after file, "FILE.d"; owned. */
char *conf_folder(const char *file);

/*
 * Load file (NULL: /etc/berth/berth.conf if it is there), then FILE.d/ *.conf
 * in byte order, then the sets.
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

/*
 * The sections of a kind ("role"), in the order they were first set: the name
 * of the n-th, NULL behind the last; borrowed.
 */
const char *conf_named(const struct conf *conf, const char *kind, size_t n);

/* As conf_text and its like, of the section with that name: the default where
 * it does not set the key, NULL (0) where there is no such section. */
const char *conf_named_text(const struct conf *conf, enum conf_named_id id,
                            const char *name);
int64_t conf_named_int(const struct conf *conf, enum conf_named_id id,
                       const char *name);
const char *const *conf_named_list(const struct conf *conf,
                                   enum conf_named_id id, const char *name);
const char *conf_named_origin(const struct conf *conf, enum conf_named_id id,
                              const char *name);

/* All settings in force as INI, each with its origin (--dump-conf). */
void conf_dump(const struct conf *conf, FILE *to);

/* The sample file, printed from the table alone (conf/berth.conf.sample; the
 * manual's list of settings is made from it too). */
void conf_sample(FILE *to);

/*
 * Settings whose values differ between two snapshots are named to fn
 * ("ops.workers", "role Watcher.groups"), each with whether a reload puts it
 * in force (else it needs a restart).
 */
void conf_diff(const struct conf *from, const struct conf *to,
               void (*fn)(void *ctx, const char *name, bool live), void *ctx);

CLEANUP_DEFINE(conf_cleanup_, struct conf, conf_free)
#define CLEANUP_CONF CLEANUP(conf_cleanup_)
