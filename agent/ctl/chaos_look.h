// SPDX-License-Identifier: Apache-2.0
/*
 * A look at everything that a lab's berthd and its host say of the VM: what
 * the agent answers, libvirt's XML, files, and QEMU itself as the kernel
 * shows it.
 */
#pragma once

#include "agent/ctl/chaos_lab.h"
#include "agent/ctl/chaos_state.h"

/* Into state (empty before). -1 + err: berthd does not answer as it should. */
int chaos_look(struct chaos_lab *lab, struct chaos_state *state,
               struct err *err);
