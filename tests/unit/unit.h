// SPDX-License-Identifier: Apache-2.0
/*
 * What every unit test needs: cmocka with its headers in the order it wants,
 * and a folder of the test's own (the runner removes it).
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/common/err.h"

#define CASES(cases) cmocka_run_group_tests(cases, NULL, NULL)

/* A fresh folder below TMPDIR in path. */
static inline void
unit_folder(char path[256])
{
    const char *tmp = getenv("TMPDIR");

    snprintf(path, 256, "%s/unit-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(path));
}

static inline void
unit_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The error has this kind and its message holds part. */
static inline void
unit_err(const struct err *err, enum err_kind kind, const char *part)
{
    assert_string_equal(err_kind_name(err->kind), err_kind_name(kind));
    if (!strstr(err->message, part))
        fail_msg("'%s' does not mention '%s'", err->message, part);
}
