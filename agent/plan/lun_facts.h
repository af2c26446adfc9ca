// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of the host about LUNs: who answers at a source, whether it is the
 * one that was recorded, who uses it, and what SCSI generic I/O this host can
 * give. Changes nothing. Worker threads; a mute device or portal costs the
 * worker up to [scsi] trial_ms.
 */
#pragma once

#include "agent/plan/disk_plan.h"
#include "agent/plan/env.h"

/* Whether a disk's source is a LUN that can be asked who it is: every disk of
 * kind lun, and an image on iSCSI. */
bool lun_facts_concern(const struct disk *disk);

/* Ask libvirt what it accepts, into env->accepts. After each connect. */
void lun_facts_probe(struct env *env);

/* What grant_decide wants to know, for a disk of a VM (vm NULL: none yet). */
void lun_facts_host(struct env *env, const struct known *known,
                    const struct disk *disk, struct grant_host *out);

/* Whether QEMU of a VM has CAP_SYS_RAWIO: 1, 0, -1 when it cannot be told. */
int lun_facts_rawio(struct env *env, const struct vm_info *vm);

/*
 * Identity and capacity of the source of a disk that VM uuid is to have, into
 * out (replaced), and what a caller should be warned of. err: SOURCE_*,
 * LUN_IN_USE naming what holds it.
 */
int lun_facts_look(struct env *env, const struct disk *disk, const char *uuid,
                   int64_t deadline_ms, struct disk_lun *out,
                   char warning[256], struct err *err);

/* LUN_IDENTITY_CHANGED unless now is who the disk's record says. */
int lun_facts_compare(const struct disk *disk, const struct disk_lun *now,
                      struct err *err);

/* Whether who serves an NBD source talks at all: SOURCE_BAD. */
int lun_facts_answers(struct env *env, const struct disk *disk,
                      int64_t deadline_ms, struct err *err);

/* Right before a plug or a start: the same LUN still, or a server that talks;
 * what is neither is as it was. */
int lun_facts_same(struct env *env, const struct disk *disk, const char *uuid,
                   struct err *err);

/* The LUN is for this VM's operation until that ends (BUSY), and no running
 * VM has it that does not share it: LUN_IN_USE. */
int lun_facts_free(struct env *env, const struct disk *disk,
                   const struct disk_lun *lun, const char *uuid,
                   struct err *err);
