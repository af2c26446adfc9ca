// SPDX-License-Identifier: Apache-2.0
/*
 * The door to libiscsi: a trial login to a LUN, made by us before QEMU makes
 * its own. A portal that is mute would stop the whole VM, guest and monitor;
 * here it costs a worker until the deadline. Nothing is written to the LUN.
 * Worker threads.
 */
#pragma once

#include "agent/host/lun_scsi.h"

struct iscsi_login {
    const char *host;
    unsigned port;
    const char *iqn;
    unsigned lun;
    const char *initiator;
    const char *user, *password; /* CHAP; NULL: none */
};

/*
 * Log in, ask the LUN for its identity and capacity, log out; all of it
 * before deadline_ms (CLOCK_MONOTONIC). err: SOURCE_BAD, saying how far it
 * came and what the target answered.
 */
int iscsi_try(const struct iscsi_login *login, int64_t deadline_ms,
              struct lun_scsi *out, struct err *err);
