// SPDX-License-Identifier: Apache-2.0
/*
 * The processes below this one, which is a subreaper: whoever left its group,
 * session or parent is still found. Single-threaded.
 */
#pragma once

#include <stdint.h>

/* Send a signal to every descendant; how many there were. */
int tree_signal(int signum);

/*
 * SIGKILL and reap until there is no descendant, at most for wait_ms.
 * Returns how many are left (in the kernel's hands). *killed counts those
 * that were there when it began.
 */
int tree_end(int64_t wait_ms, int *killed);
