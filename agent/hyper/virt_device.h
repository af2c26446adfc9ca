// SPDX-License-Identifier: Apache-2.0
/* Devices of a running domain over libvirt; rows of a backend's table as
 * hyper/ops.h describes them. backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

int virt_device_attach(void *backend, const char *uuid, const char *xml,
                       struct err *err);
int virt_device_detach(void *backend, const char *uuid, const char *alias,
                       struct err *err);
int virt_device_update(void *backend, const char *uuid, const char *xml,
                       bool force, struct err *err);
int virt_device_resize(void *backend, const char *uuid, const char *target,
                       uint64_t bytes, struct err *err);
int virt_device_iothread(void *backend, const char *uuid, unsigned id, bool add,
                         struct err *err);
int virt_device_iotune(void *backend, const char *uuid, const char *target,
                       const struct hyper_tune *tune, size_t n,
                       struct err *err);
