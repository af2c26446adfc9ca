// SPDX-License-Identifier: Apache-2.0
/* Running domains as a whole over libvirt: transient ones, metadata, vCPUs in
 * use, the guest's file systems. Rows of a backend's table as hyper/ops.h
 * describes them; backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

int virt_live_create(void *backend, const char *xml, bool paused,
                     struct err *err);
int virt_live_metadata(void *backend, const char *uuid,
                       const struct hyper_metadata *metadata,
                       struct err *err);
int virt_live_vcpus(void *backend, const char *uuid, unsigned count,
                    struct err *err);
int virt_live_freeze(void *backend, const char *uuid, struct err *err);
int virt_live_thaw(void *backend, const char *uuid, struct err *err);
