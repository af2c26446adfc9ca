// SPDX-License-Identifier: Apache-2.0
/*
 * A device as recorded: a row of the `device` table, the feature page's
 * vm_device. What it holds is kept until the device is removed from the VM,
 * its address above all. Pure; one owner.
 */
#pragma once

#include "agent/spec/controller.h"
#include "agent/spec/disk.h"
#include "agent/state/store.h"

enum device_kind { DEVICE_DISK, DEVICE_CONTROLLER };

struct device {
    enum device_kind kind;
    char id[80];                  /* disk id, or "scsi0" for a controller */
    struct disk *disk;            /* owned, for DEVICE_DISK */
    struct controller controller; /* for DEVICE_CONTROLLER */
};

struct device *device_for_disk(const struct disk *disk); /* copies; owned */
struct device *device_for_controller(const struct controller *controller);
struct device *device_copy(const struct device *device);
void device_free(struct device *device);
void device_free_all(struct device **devices, size_t n);

/* Statements: write or remove the row of a VM's device. */
void device_row(struct store_batch *batch, const char *vm,
                const struct device *device);
void device_row_gone(struct store_batch *batch, const char *vm,
                     const char *id);

/* From columns kind, id and spec; NULL + err when the text is no record. */
struct device *device_from_row(const char *kind, const char *id,
                               const char *spec, struct err *err);

CLEANUP_DEFINE(device_cleanup_, struct device, device_free)
#define CLEANUP_DEVICE CLEANUP(device_cleanup_)
