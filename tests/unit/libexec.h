// SPDX-License-Identifier: Apache-2.0
/* Where the build keeps berth-exec and the Python modules: beside tests/. */
#pragma once

#include "tests/unit/unit.h"

static inline void
libexec_paths(char helper[512], char python[512])
{
    char self[400];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    assert_true(n > 0);
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(helper, 512, "%s/libexec/berth-exec", self);
    snprintf(python, 512, "%s/libexec/python", self);
}
