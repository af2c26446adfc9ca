// SPDX-License-Identifier: Apache-2.0
/* libvirt's secrets and the volumes of its storage pools; rows of a backend's
 * table as hyper/ops.h describes them. backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

char *virt_storage_secret(void *backend, const char *kind, const char *ref,
                          struct err *err);
int virt_storage_volume(void *backend, const char *pool, const char *name,
                        struct hyper_volume *out, struct err *err);
int virt_storage_create(void *backend, const char *pool, const char *name,
                        const char *format, uint64_t bytes, struct err *err);
int virt_storage_resize(void *backend, const char *pool, const char *name,
                        uint64_t bytes, struct err *err);
int virt_storage_delete(void *backend, const char *pool, const char *name,
                        struct err *err);
