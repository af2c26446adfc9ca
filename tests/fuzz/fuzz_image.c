// SPDX-License-Identifier: Apache-2.0
/* Any bytes as an image: refused, or facts whose texts are bounded. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/host/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FD int fd = memfd_create("image", 0);
    struct err err = ERR_INIT;
    struct image_facts facts;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        return 0;
    if (image_read(fd, &facts, &err) < 0) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return 0;
    }
    if (strnlen(facts.backing, sizeof(facts.backing)) ==
            sizeof(facts.backing) ||
        facts.file_size != size)
        abort();
    return 0;
}
