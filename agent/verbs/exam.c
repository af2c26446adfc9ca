// SPDX-License-Identifier: Apache-2.0
/* Findings: {check, level, what, fix}, in the order in which they are made. */
#include "agent/verbs/exam.h"

#include <stdarg.h>
#include <stdio.h>

#define WHAT 1536 /* bytes of a finding's text, with its NUL */

const char *
exam_level_name(enum exam_level level)
{
    static const char *const names[] = {"ok", "warning", "error"};

    return names[level];
}

static void
add(struct exam *exam, enum exam_level level, const char *fix, const char *fmt,
    va_list ap)
{
    json_t *finding = json_object();
    char what[WHAT];

    vsnprintf(what, sizeof(what), fmt, ap);
    json_put_text(finding, "check", exam->now->name);
    json_put_text(finding, "level", exam_level_name(level));
    json_put_text(finding, "what", what);
    json_put_text(finding, "fix", fix);
    json_array_append_new(exam->findings, finding);
    exam->counts[level]++;
}

void
exam_ok(struct exam *exam, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(exam, EXAM_OK, NULL, fmt, ap);
    va_end(ap);
}

void
exam_find(struct exam *exam, enum exam_level level, const char *fix,
          const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(exam, level, fix ? fix : exam->now->fix, fmt, ap);
    va_end(ap);
}
