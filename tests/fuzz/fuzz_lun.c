// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a LUN answers to INQUIRY and READ CAPACITY: texts end, and
 * an identity is printable.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/host/lun_scsi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const char *text, size_t size)
{
    if (!memchr(text, '\0', size))
        abort();
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lun_scsi facts = {.disk = false};

    lun_scsi_read_inquiry(data, size, &facts);
    lun_scsi_read_serial(data, size, &facts);
    lun_scsi_read_ids(data, size, &facts);
    lun_scsi_read_capacity(data, size, &facts);
    lun_scsi_settle(&facts);
    check_text(facts.id, sizeof(facts.id));
    check_text(facts.vendor, sizeof(facts.vendor));
    check_text(facts.product, sizeof(facts.product));
    check_text(facts.serial, sizeof(facts.serial));
    return 0;
}
