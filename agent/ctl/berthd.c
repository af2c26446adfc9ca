// SPDX-License-Identifier: Apache-2.0
/* The places relative to berthctl: build/, and PREFIX/bin with PREFIX/sbin. */
#include "agent/ctl/berthd.h"

#include <string.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

char *
berthd_path(void)
{
    static const char *const places[] = {"berthd", "../sbin/berthd"};
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < 2; i++) {
        CLEANUP_FREE char *path =
            mem_printf("%.*s/%s", (int)(slash - self), self, places[i]);

        if (access(path, X_OK) == 0)
            return STEAL(path);
    }
    return mem_dup("berthd");
}
