// SPDX-License-Identifier: Apache-2.0
/* Planners of AddDisk and HotPlugDisk on VMware hosts. Worker threads. */
#pragma once

#include "agent/plan/remote.h"

struct remote_disk_wish {
    const json_t *params;  /* of the verb, checked */
    struct vim_spec *spec; /* owned: what is to be sent */
    char *file;            /* owned: a file to delete, of no device */
    struct vim_ref datacenter;
};

int remote_disk_add_plan(struct remote *remote, struct remote_disk_wish *wish,
                         struct remote_plan *plan, struct err *err);
int remote_disk_add_plug(struct remote *remote, struct remote_disk_wish *wish,
                         struct remote_plan *plan, struct err *err);
