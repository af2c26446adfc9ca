// SPDX-License-Identifier: Apache-2.0
/*
 * What the verbs under VDSM's names share: how an operation's end is told at
 * that border, and which drive is meant.
 */
#pragma once

#include "agent/verbs/verb.h"

/*
 * The answer of an operation (takes both): warnings go to the log, since
 * nobody reads them in the answer. An unplug that waits for its guest is an
 * error here (the verb's own code), though it will complete by itself.
 * NULL + err where there is no receipt.
 */
json_t *vdsm_call_end(struct verb_call *call, json_t *receipt,
                      json_t *answer, struct err *err);

/* operation_run and vdsm_call_end; it waits for an unplug as [vdsm] says. */
json_t *vdsm_call_run(struct verb_call *call, const struct planner *planner,
                      void *wish, json_t *answer, struct err *err);

/* The failure has no code of its own: it is the verb's. */
void vdsm_call_own(struct err *err);

/* The VM's views and rows, fresh, into info (vm_info_clear it). */
int vdsm_call_info(struct verb_call *call, struct vm_info *info,
                   struct err *err);

/*
 * Which drive is meant: by name ("sda") or path; by GUID or the four ids of
 * an image in the engine's metadata. Returns an owned copy of the live disk,
 * NULL + NOT_FOUND.
 */
struct disk *vdsm_call_drive(const struct vm_info *info, const json_t *spec,
                             struct err *err);

/* Its row, which plans go by: owned. */
struct disk *vdsm_call_row(struct verb_call *call, const struct disk *live,
                           struct err *err);

/* Where a drive's ids lead to: its path, /dev/mapper/GUID, or below [vdsm]
 * repository. Returns owned; INVALID. */
char *vdsm_call_path(const struct conf *conf, const json_t *spec,
                     struct err *err);
