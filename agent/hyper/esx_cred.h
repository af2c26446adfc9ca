// SPDX-License-Identifier: Apache-2.0
/*
 * The user and password of a hypervisor, read when they are needed from a
 * file that only root and the agent can read, or from a credential that the
 * service manager hands over; wiped after use. Never part of a URI, of argv,
 * of a log line, of a record. Any thread.
 */
#pragma once

#include "agent/common/cleanup.h"
#include "agent/common/err.h"

struct esx_cred {
    char user[256];
    char password[256];
};

/*
 * path: an absolute path, or the name of a credential below
 * $CREDENTIALS_DIRECTORY. The file holds lines user=… and password=…; a file
 * that others may read is refused. user (may be NULL) of a URI goes before
 * that of the file. Returns 0, -1 + err (NOT_FOUND, DENIED, INVALID); *cred is
 * wiped then.
 */
int esx_cred_read(const char *path, const char *user, struct esx_cred *cred,
                  struct err *err);
void esx_cred_wipe(struct esx_cred *cred);
#define CLEANUP_CRED CLEANUP(esx_cred_wipe)
