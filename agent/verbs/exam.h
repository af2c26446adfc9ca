// SPDX-License-Identifier: Apache-2.0
/*
 * One examination of this host by the doctor: what it looks at, and what it
 * has found so far. Checks (exam_*.c) borrow it and add findings; doctor.c
 * has their table. One thread.
 */
#pragma once

#include "agent/plan/env.h"

enum exam_level { EXAM_OK, EXAM_WARNING, EXAM_ERROR, EXAM_LEVELS };

struct exam_check;

struct exam {
    const struct conf *conf; /* NULL: the settings cannot be read */
    const char *conf_why;    /* why not, as the files are now; "" */
    const struct access *rules; /* of conf */
    struct env *env;         /* NULL: berthd is looked at from outside */
    struct store *record;    /* may be NULL: record_why */
    struct err record_why;
    bool kvm;                /* whether KVM runs a guest */
    json_t *(*tls_examine)(const struct conf *conf);
    const struct exam_check *now;
    json_t *findings; /* array */
    size_t counts[EXAM_LEVELS];
};

struct exam_check { /* a row of the doctor's table */
    const char *name;
    const char *doc; /* what is looked at */
    bool live;       /* only where berthd runs */
    bool needs_conf;
    void (*run)(struct exam *exam);
    const char *fix; /* where a finding has none of its own */
};

void exam_ok(struct exam *exam, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* fix NULL: that of the check's row. */
void exam_find(struct exam *exam, enum exam_level level, const char *fix,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

const char *exam_level_name(enum exam_level level);
