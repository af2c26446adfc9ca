// SPDX-License-Identifier: Apache-2.0
/*
 * Disks of a machine on a VMware host: what it has and what we keep of it, as
 * one list; where a new one goes. Pure: from a machine as read and our rows.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/hyper/esx_rules.h"
#include "agent/hyper/vim_vm.h"

/*
 * Every disk and CD-ROM, plugged or kept: [{disk_id, kind, source, size, …,
 * address, plugged, key}]. key is the server's, absent where it is not
 * plugged. rows are our docs (state/remote_row.h). Returns owned.
 */
json_t *remote_disks_merge(const struct vim_vm *vm, const json_t *rows);

/* By disk_id, unique beginning of it, or path; borrowed. NULL + err. */
json_t *remote_disks_find(const json_t *disks, const char *ref,
                         struct err *err);

/* Our doc of a merged disk: without what is the server's alone. Owned. */
json_t *remote_disks_doc(const json_t *disk);

struct remote_place {
    int bus, unit;
    int64_t controller; /* key; negative: it is to be added */
    const char *type;   /* of one that is to be added */
};

/* What is asked of a place. */
struct remote_place_wish {
    const char *model; /* "auto", "vmpvscsi" … */
    int bus, unit;     /* -1: any */
    const char *disk_id; /* whose recorded place does not count as taken */
};

/* NO_FREE_UNIT, EXISTS (the place is taken), INVALID (unit 7, beyond). */
int remote_disks_place(const struct vim_vm *vm, const json_t *disks,
                      const struct remote_place_wish *wish,
                      struct remote_place *place, struct err *err);
