// SPDX-License-Identifier: Apache-2.0
/* VDSM's clock and the form of its events. Any thread. */
#pragma once

#include <stdint.h>

#include "agent/common/json.h"

/*
 * Milliseconds of CLOCK_MONOTONIC, moved above 2^31, which old engines could
 * not read otherwise: notify_time of events, and statusTime (a text there) in
 * statistics, which an engine compares with each other.
 */
int64_t vdsm_time(void);

/*
 * The notification "|component|operation|id" with params (taken) and their
 * notify_time. id NULL: "no_id". Returns owned.
 */
char *vdsm_event_text(const char *component, const char *operation,
                      const char *id, json_t *params, size_t *len);
