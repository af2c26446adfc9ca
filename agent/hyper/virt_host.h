// SPDX-License-Identifier: Apache-2.0
/* What libvirt says of its host, as its own XML. backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

char *virt_host_capabilities(void *backend, struct err *err);
char *virt_host_domain_capabilities(void *backend, const char *type,
                                    struct err *err);
json_t *virt_host_devices(void *backend, struct err *err);
