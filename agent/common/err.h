// SPDX-License-Identifier: Apache-2.0
/*
 * What went wrong, carried upwards by value. A function that can fail takes
 * a last parameter `struct err *err` and returns -1 (or NULL); err is
 * untouched on success. err may be NULL where the caller does not care.
 * Numbers are given at the border only (protocol/codes.h). Any thread.
 */
#pragma once

#include <stdarg.h>
#include <stdint.h>

enum err_kind {
    ERR_NONE = 0,
#define CODE(kind, number, vdsm, class, text) ERR_##kind,
#include "protocol/codes.def"
#undef CODE
    ERR_KINDS
};

struct err {
    enum err_kind kind;
    char message[1024]; /* whole sentences for the user */
    char param[64];     /* the parameter at fault, "" if none */
    char value[128];    /* what it held, cut to fit */
    char expected[256]; /* what would be accepted */
    char step[64];      /* the plan step that failed, "" if none */
    int virt_code;      /* libvirt's error, 0 if none */
    int virt_domain;
    char virt_message[512];
    int64_t retry_after_ms; /* hint for retry_after classes, 0 if none */
    int queue_depth;        /* with BUSY from a queue */
};

#define ERR_INIT {.kind = ERR_NONE}

/* Set kind and message, clear every other field; returns -1. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * A parameter was refused: sets kind, param, value, expected and a message
 * "<param>: <value> ... ; expected <expected>" unless fmt gives one of its
 * own. value may be NULL (missing). Returns -1.
 */
int err_param(struct err *err, enum err_kind kind, const char *param,
              const char *value, const char *expected);

/* Put "context: " before the message; keeps the kind. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Name of the kind as on the wire, "NOT_FOUND"; borrowed static text. */
const char *err_kind_name(enum err_kind kind);

/* Kind by its wire name; ERR_NONE if unknown. */
enum err_kind err_kind_parse(const char *name);
