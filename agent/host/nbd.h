// SPDX-License-Identifier: Apache-2.0
/*
 * Whether an NBD server is there and talks: QEMU waits for a mute one with
 * guest and monitor standing still. Nothing is negotiated. Worker threads.
 */
#pragma once

#include <stdint.h>

#include "agent/common/err.h"

/* Connect and read the server's greeting, all before deadline_ms
 * (CLOCK_MONOTONIC). err: SOURCE_BAD. */
int nbd_try(const char *host, unsigned port, int64_t deadline_ms,
            struct err *err);
