// SPDX-License-Identifier: Apache-2.0
/* libvirt's numbers for states, reasons and events as ours. Pure. */
#pragma once

#include "agent/hyper/ops.h"

enum hyper_state virt_names_state(int state);

/* Why it is in that state: "user", "ioerror" …; "" when libvirt says none.
 * Static. */
const char *virt_names_reason(int state, int reason);

struct virt_names_event {
    const char *word;   /* "started", "paused" … */
    const char *reason; /* "user", "ioerror" … or "" */
    enum hyper_state state;
};

/* A lifecycle event (VIR_DOMAIN_EVENT_…) and its detail. */
struct virt_names_event virt_names_lifecycle(int event, int detail);
