// SPDX-License-Identifier: Apache-2.0
/*
 * What is kept of the disks of a machine on a host by proxy: an object per
 * disk, so that it has its place and its file again when it is plugged again.
 * Worker threads: it reads the database.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/state/store.h"

/* Add the row, or replace it; doc NULL: remove it. */
void remote_row_put(struct store_batch *batch, const char *hypervisor,
                     const char *vm, const char *disk_id, const json_t *doc);

/* Those of a machine, an array of docs; *out is owned. */
int remote_row_list(struct store *store, const char *hypervisor,
                     const char *vm, json_t **out, struct err *err);
