// SPDX-License-Identifier: Apache-2.0
/* libvirt's errors as ours. Its codes carry little, so that some texts are
 * matched too, in one table. Any thread. */
#pragma once

#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "agent/common/err.h"

/*
 * Kind and explanation of one error of libvirt's (VIR_ERR_…, VIR_FROM_…).
 * alive: whether the connection still is. doing begins the message: "Cannot
 * <doing>: …". libvirt's text is bounded and escaped. Returns -1.
 */
int virt_error_map(int code, int domain, const char *text, bool alive,
                   const char *doing, struct err *err);

/* The same with the last error of this thread, which is cleared. conn may be
 * NULL. Nothing of libvirt's may be called in between: it forgets. */
int virt_error_last(virConnectPtr conn, const char *doing, struct err *err);

/* Nothing of libvirt's goes to stderr; once, before the first connection. */
void virt_error_silence(void);
