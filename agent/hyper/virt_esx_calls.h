// SPDX-License-Identifier: Apache-2.0
/*
 * The calls themselves, a table by name. vm is a UUID in every one that takes
 * it; sizes are bytes. In the child's only thread.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/json.h"

struct virt_esx;

/* {uri, credentials, user (may be null)}; nothing is opened yet. */
struct virt_esx *virt_esx_calls_new(const json_t *open);
void virt_esx_calls_free(struct virt_esx *esx);

/* 0 with *result (owned, may stay NULL); -1 + err. *unsure: it may have taken
 * effect. */
int virt_esx_calls_run(struct virt_esx *esx, const char *name,
                       const json_t *args, json_t **result, bool *unsure,
                       struct err *err);
