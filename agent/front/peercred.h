// SPDX-License-Identifier: Apache-2.0
/* Who is behind a unix socket, as the kernel says. Any thread. */
#pragma once

#include "agent/policy/identity.h"

/* "uid:N" with its uid, gid and supplementary groups as they were when it
 * connected. Returns owned; without a fact where the kernel does not tell. */
struct identity *peercred_identity(int fd);
