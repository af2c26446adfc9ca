// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a configuration file: refused with file and line, or settings
 * whose dump loads again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file of memory with this content, by the path of its descriptor. */
static int
in_memory(const void *data, size_t size, char path[64])
{
    int fd = memfd_create("conf", MFD_CLOEXEC);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void
must_differ_nowhere(void *ctx, const char *name, bool live)
{
    (void)ctx;
    (void)name;
    (void)live;
    abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], dumped_path[64];
    CLEANUP_FD int fd = -1;
    CLEANUP_FD int dumped_fd = -1;
    CLEANUP_CONF struct conf *conf = NULL;
    CLEANUP_CONF struct conf *again = NULL;
    CLEANUP_FREE char *text = NULL;
    struct err err = ERR_INIT;
    size_t len = 0;
    FILE *to;

    fd = in_memory(data, size, path);
    conf = conf_load(path, NULL, 0, &err);
    if (!conf) {
        if (!strstr(err.message, path))
            abort();
        return 0;
    }
    to = open_memstream(&text, &len);
    conf_dump(conf, to);
    fclose(to);
    dumped_fd = in_memory(text, len, dumped_path);
    again = conf_load(dumped_path, NULL, 0, &err);
    if (again)
        conf_diff(conf, again, must_differ_nowhere, NULL);
    return 0;
}
