// SPDX-License-Identifier: Apache-2.0
/*
 * Where things are on a server: the host that a URI names, its datacenter,
 * the machines on it with their quick figures. Worker threads; it blocks.
 */
#pragma once

#include "agent/hyper/esx_uri.h"
#include "agent/hyper/vim_vm.h"

struct vim_place {
    struct vim_ref host;
    struct vim_ref datacenter;
};

/* The host of the URI: the only one, or that at vpx's path. NOT_FOUND names
 * the part of the path that is not there. */
int vim_inventory_place(struct vim *vim, const struct esx_uri *uri,
                        struct vim_place *place, struct err *err);

struct vim_entry { /* a machine of the host */
    struct vim_ref ref;
    char name[256];
    char uuid[UUID_TEXT];
    char power[24];
    char tools[40];       /* guest.toolsRunningStatus */
    char guest_host[256]; /* guest.hostName */
    char guest_ip[64];
    int64_t cpu_mhz, memory_mib, guest_memory_mib, uptime_s;
    int64_t storage; /* bytes committed */
};

/* *out is owned (free). */
int vim_inventory_list(struct vim *vim, const struct vim_ref *host,
                       struct vim_entry **out, size_t *n, struct err *err);
