// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt's ESX driver, call by call, as the process that child.h runs makes
 * them: named calls with JSON arguments and results. One connection, one
 * thread; it may crash or hang, which is why it is not berthd's.
 */
#pragma once

/* Serve calls on CHILD_WIRE_FD until the other side is gone or nothing was
 * asked for CHILD_WIRE_IDLE_MS. Returns the process's exit status. */
int virt_esx_serve(void);
