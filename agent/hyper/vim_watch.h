// SPDX-License-Identifier: Apache-2.0
/*
 * What happens to the machines of a host: a collector of its own that is
 * asked, without waiting, what changed since it was asked last. That keeps the
 * session alive, too. One thread at a time per watch; it blocks.
 */
#pragma once

#include "agent/hyper/vim_inventory.h"

struct vim_watch;

struct vim_watch_change {
    struct vim_ref vm;
    bool gone;
    const char *power; /* "poweredOn" …, NULL: it did not change */
    const char *question; /* text of one that is open now, or NULL */
};
typedef void (*vim_watch_fn)(void *ctx, const struct vim_watch_change *change);

struct vim_watch *vim_watch_new(void);
void vim_watch_free(struct vim_watch *watch); /* the server forgets it alone */

/* fn for each change. The first time after a (re)connection each machine is
 * one, *first is true then. -1 + err: it begins anew the next time. */
int vim_watch_poll(struct vim *vim, struct vim_watch *watch,
                   const struct vim_ref *host, bool *first, vim_watch_fn fn,
                   void *ctx, struct err *err);
