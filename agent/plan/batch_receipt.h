// SPDX-License-Identifier: Apache-2.0
/* What became of each disk of a batch, in the receipt of the whole. Pure. */
#pragma once

#include "agent/plan/plan.h"

/* All went as far as state says: "disks" of the receipt get it. */
void batch_receipt_state(json_t *receipt, const char *state);

/*
 * It failed at step `failed` (SIZE_MAX: at none, it was undone later), before
 * which `steps` had begun. Each of "disks" gets a state: failed, rolled_back,
 * rollback_pending (its guest has not answered), kept (it stays in the VM),
 * undo_failed, or not_begun. Nothing where it was no batch.
 */
void batch_receipt_failed(const struct plan *plan, size_t steps, size_t failed,
                          json_t *receipt);

/* The disk that step i is about, as "disks[3]"; "" where it is none of a
 * batch. */
void batch_receipt_name(const struct plan *plan, size_t i, char out[32]);
