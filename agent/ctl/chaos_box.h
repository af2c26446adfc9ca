// SPDX-License-Identifier: Apache-2.0
/*
 * A libvirtd that is nobody else's: namespaces of processes and mounts in
 * which /run, /etc/libvirt and libvirt's folders below /var are empty. Their
 * end ends all that runs in them. Needs root.
 */
#pragma once

#include <sys/types.h>

#include "agent/common/err.h"

/* Run fn there in a process of its own (before any thread exists); returns
 * the exit code it returned, -1 + err. */
int chaos_box_run(int (*fn)(void *ctx), void *ctx, struct err *err);

/* In the box: start libvirtd and wait until it answers. log is its output. */
int chaos_box_libvirtd(const char *log, pid_t *pid, struct err *err);
void chaos_box_kill(pid_t *pid); /* -9 */
