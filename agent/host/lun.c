// SPDX-License-Identifier: Apache-2.0
/*
 * A LUN by SG_IO. The commands only read; they are sent again after a unit
 * attention, with which a device answers the first one after a change.
 */
#include "agent/host/lun.h"

#include <errno.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/host/sysfs.h"

#define TIMEOUT_MS 5000
#define TRIES 3
#define SENSE_MAX 32
#define MAP_PREFIX "mpath-"

/* 0 with *len bytes; 1 when the device declined; -1 when it takes none. */
static int
command(int fd, uint8_t *cdb, unsigned char cdb_len, uint8_t *data, size_t size,
        size_t *len)
{
    uint8_t sense[SENSE_MAX];
    struct sg_io_hdr io = {.interface_id = 'S',
                           .cmd_len = cdb_len,
                           .cmdp = cdb,
                           .mx_sb_len = sizeof(sense),
                           .sbp = sense,
                           .dxfer_direction = SG_DXFER_FROM_DEV,
                           .dxfer_len = (unsigned)size,
                           .dxferp = data,
                           .timeout = TIMEOUT_MS};

    for (int i = 0; i < TRIES; i++) {
        if (ioctl(fd, SG_IO, &io) < 0)
            return -1;
        if ((io.info & SG_INFO_OK_MASK) == SG_INFO_OK) {
            *len = size - (size_t)(io.resid > 0 ? io.resid : 0);
            return 0;
        }
    }
    return 1;
}

static int
no_scsi(const char *path, struct err *err)
{
    return err_set(err, ERR_SOURCE_BAD,
                   "source: \"%s\" takes no SCSI commands (%s), so it cannot "
                   "be a LUN; use kind image for it",
                   path, strerror(errno));
}

static int
page(int fd, int number,
     void (*read)(const uint8_t *, size_t, struct lun_scsi *),
     struct lun_scsi *out)
{
    uint8_t cdb[6], data[LUN_SCSI_PAGE_MAX];
    size_t len = 0,
           size = number < 0 ? LUN_SCSI_INQUIRY_MAX : (size_t)LUN_SCSI_PAGE_MAX;
    int rc;

    lun_scsi_cdb_inquiry(cdb, number, (uint16_t)size);
    rc = command(fd, cdb, sizeof(cdb), data, size, &len);
    if (rc == 0)
        read(data, len, out);
    return rc;
}

static void
capacity(int fd, struct lun_scsi *out)
{
    uint8_t cdb[16], data[32];
    uint64_t bytes = 0;
    int block = 0;
    size_t len;

    lun_scsi_cdb_capacity(cdb, sizeof(data));
    if (command(fd, cdb, sizeof(cdb), data, sizeof(data), &len) == 0)
        lun_scsi_read_capacity(data, len, out);
    /* Below 2 TiB a device need not know the command. */
    if (out->capacity == 0 && ioctl(fd, BLKGETSIZE64, &bytes) == 0 &&
        ioctl(fd, BLKSSZGET, &block) == 0) {
        out->capacity = bytes;
        out->block = (unsigned)block;
    }
}

/* multipathd's WWID of a map: that of its paths by scsi_id, which it took
 * when the map was made. */
static void
map_identity(const char *root, dev_t dev, struct lun_scsi *out)
{
    CLEANUP_FREE char *uuid = sysfs_line(root, "/sys/dev/block/%u:%u/dm/uuid",
                                         major(dev), minor(dev));

    if (uuid && strncmp(uuid, MAP_PREFIX, strlen(MAP_PREFIX)) == 0)
        snprintf(out->id, sizeof(out->id), "%s", uuid + strlen(MAP_PREFIX));
}

int
lun_ask(const char *root, const char *path, int fd, struct lun_facts *out,
        struct err *err)
{
    struct lun_scsi *scsi = &out->scsi;
    struct stat st;
    int version, rc;

    memset(scsi, 0, sizeof(*scsi));
    if (fstat(fd, &st) < 0 || ioctl(fd, SG_GET_VERSION_NUM, &version) < 0)
        return no_scsi(path, err);
    rc = page(fd, -1, lun_scsi_read_inquiry, scsi);
    if (rc < 0)
        return no_scsi(path, err);
    if (rc > 0 || !scsi->disk)
        return err_set(err, ERR_SOURCE_BAD,
                       "source: \"%s\" does not answer INQUIRY as a disk",
                       path);
    page(fd, 0x80, lun_scsi_read_serial, scsi);
    page(fd, 0x83, lun_scsi_read_ids, scsi);
    capacity(fd, scsi);
    map_identity(root, st.st_rdev, scsi);
    lun_scsi_settle(scsi);
    return 0;
}
