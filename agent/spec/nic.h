// SPDX-License-Identifier: Apache-2.0
/*
 * An <interface> as an engine sends it, and changes of one that runs. Pure.
 */
#pragma once

#include "agent/spec/address.h"

/* What of a NIC can change while it is plugged; NULL and -1: stays. */
struct nic_change {
    const char *network; /* bridge or network; "": linked to nothing new */
    int link;            /* 1: up, 0: down */
    const char *filter;  /* libvirt's name of a filter; "": none */
};

/* The XML of a NIC with a change; owned, NULL + err when it is no XML. */
char *nic_changed(const char *xml, const struct nic_change *change,
                  struct err *err);

/* The same from a whole <interface> of the engine's: link, source and filter
 * are as there, all else as it is. */
char *nic_merged(const char *xml, const char *wanted, struct err *err);

/* The XML of a NIC at another PCI address (NONE: at none); owned. */
char *nic_placed(const char *xml, const struct address *address,
                 struct err *err);

/* Whether link and source are as planned: what differs in words, or NULL;
 * owned. */
char *nic_mismatch(const char *planned, const char *seen);
