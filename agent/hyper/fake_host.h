// SPDX-License-Identifier: Apache-2.0
/* What the fake backend says of its host and counts of its domains: a small
 * machine with the types pc and q35, and figures that grow with each call. */
#pragma once

#include "agent/hyper/ops.h"

char *fake_host_capabilities(void *backend, struct err *err);
char *fake_host_domain_capabilities(void *backend, const char *type,
                                    struct err *err);
json_t *fake_host_devices(void *backend, struct err *err);
json_t *fake_host_stats(void *backend, const struct hyper_whose *whose,
                        struct err *err);
