// SPDX-License-Identifier: Apache-2.0
/* The fake backend's running domains as a whole, as libvirt would have them:
 * rows of its table as hyper/ops.h describes them. */
#pragma once

#include "agent/hyper/ops.h"

int fake_live_create(void *backend, const char *xml, bool paused,
                     struct err *err);
int fake_live_metadata(void *backend, const char *uuid,
                       const struct hyper_metadata *metadata,
                       struct err *err);
int fake_live_vcpus(void *backend, const char *uuid, unsigned count,
                    struct err *err);
int fake_live_freeze(void *backend, const char *uuid, struct err *err);
int fake_live_thaw(void *backend, const char *uuid, struct err *err);
int fake_live_forget(void *backend, const char *uuid, const char *alias,
                     const char *path, int64_t wait_ms, struct err *err);
int fake_live_iothread(void *backend, const char *uuid, unsigned id, bool add,
                       struct err *err);
int fake_live_accepts(void *backend, const char *xml, struct err *err);
