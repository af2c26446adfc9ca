// SPDX-License-Identifier: Apache-2.0
/*
 * Image files and block devices as facts: opened through a descriptor, read
 * by their own headers (raw, qcow2), never by a tool that would follow what a
 * hostile image names. Worker threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/err.h"

struct image_facts {
    bool exists;
    bool block;            /* a block device */
    char format[16];       /* "qcow2" when its magic is there, else "raw" */
    uint64_t virtual_size; /* what a guest sees, bytes */
    uint64_t file_size;
    char backing[4096];    /* of a qcow2; "" without one */
    char backing_format[16];
    bool external_data;    /* a qcow2 that wants an external data file */
    uint64_t dev, inode;   /* st_dev and st_ino; 0 and st_rdev for a device */
};

/* Facts of an open descriptor. SOURCE_BAD for a header that is damaged. */
int image_read(int fd, struct image_facts *out, struct err *err);

/* Create an image that must not exist (qemu-img; raw and qcow2), owned and
 * readable as libvirt's dynamic ownership will set it. */
int image_create(const char *path, const char *format, uint64_t size,
                 struct err *err);

/* Grow an image that no QEMU has open. Never shrinks: INVALID. */
int image_resize(const char *path, const char *format, uint64_t size,
                 struct err *err);
