// SPDX-License-Identifier: Apache-2.0
/*
 * SCSI controllers of an engine's domain. The engine makes them anew at each
 * edit of a VM, with other ids, in another order and without addresses; the
 * index is what they are known by here. Pure.
 */
#pragma once

#include "agent/spec/engine.h"

/* Give each an index of its own; give each virtio-scsi one the iothread and,
 * where the engine shuffled them, the address that its index had before. */
void engine_scsi_settle(xmlNodePtr devices, const struct engine_known *known,
                        json_t *warnings);

/* The address that the <controller> had before; NONE when not known. */
struct address engine_scsi_had(xmlNodePtr node,
                               const struct engine_known *known);

/* Index of the lowest virtio-scsi controller; 0 when there is none. */
unsigned engine_scsi_lowest(xmlNodePtr devices);

/* Add a virtio-scsi controller of that index; false where there is one. */
bool engine_scsi_add(xmlNodePtr devices, unsigned index);
