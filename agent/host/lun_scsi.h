// SPDX-License-Identifier: Apache-2.0
/*
 * What a LUN says of itself, read from the answers to INQUIRY and READ
 * CAPACITY (SPC-4, SBC-3), whoever sent them: SG_IO (host/lun.h) or QEMU's
 * own initiator's twin (host/iscsi.h). The bytes come from a device: every
 * length in them is held against what arrived. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"

#define LUN_SCSI_INQUIRY_MAX 252 /* old devices dislike to be asked for more \
                                  */
#define LUN_SCSI_PAGE_MAX 1024

struct lun_scsi {
    bool disk; /* peripheral device type 0, and connected */
    /* Its identity as scsi_id and /dev/disk/by-id write it: "36001405…" by
     * NAA, "2…" by EUI-64, "1…" by T10 vendor, "8…" by name, else "S…" by
     * serial number; "" when it has none. */
    char id[256];
    char vendor[9], product[17], serial[128];
    uint64_t capacity; /* bytes */
    unsigned block;    /* bytes */
};

/* The commands, as CDBs; size of the answer wanted. */
void lun_scsi_cdb_inquiry(uint8_t cdb[6], int page /* -1: standard */,
                          uint16_t size);
void lun_scsi_cdb_capacity(uint8_t cdb[16], uint32_t size);

/* Their answers. A page that is short or another one changes nothing. */
void lun_scsi_read_inquiry(const uint8_t *data, size_t len,
                           struct lun_scsi *out);
void lun_scsi_read_serial(const uint8_t *data, size_t len,
                          struct lun_scsi *out);
void lun_scsi_read_ids(const uint8_t *data, size_t len, struct lun_scsi *out);
void lun_scsi_read_capacity(const uint8_t *data, size_t len,
                            struct lun_scsi *out);

/* After all pages: an id by the serial number where there is no other. */
void lun_scsi_settle(struct lun_scsi *facts);
