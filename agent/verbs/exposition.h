// SPDX-License-Identifier: Apache-2.0
/*
 * Everything that can be counted, in Prometheus' text format 0.0.4: domains
 * and disks under the names of libvirt's exporters, the rest under our own.
 * From memory, but for the count of pending operations; any thread that may
 * read the database.
 */
#pragma once

#include "agent/common/buf.h"
#include "agent/plan/env.h"

void exposition_write(struct env *env, struct buf *out);
