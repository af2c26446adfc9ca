// SPDX-License-Identifier: Apache-2.0
/*
 * Which child of one element became which child of another: paired by what
 * identifies them (alias, target, MAC, index, name), then by being equal, then
 * by their order. Who has no partner was taken away or is new. Pure.
 */
#pragma once

#include "agent/common/xml.h"

struct pairing_pair {
    xmlNodePtr before, after;
};

struct pairing {                /* owned vectors of borrowed nodes */
    struct pairing_pair *pairs; /* but for those that are equal */
    size_t npairs;
    xmlNodePtr *removed;
    size_t nremoved;
    xmlNodePtr *added;
    size_t nadded;
};
void pairing_make(xmlNodePtr before, xmlNodePtr after, struct pairing *out);
void pairing_clear(struct pairing *pairing);
#define CLEANUP_PAIRING CLEANUP(pairing_clear)

/* "disk|alias|ua-…": what identifies the element, behind the last | for
 * people; NULL when nothing does. Returns owned. */
char *pairing_identity(xmlNodePtr node);

/* "qemu:", "berth:", or "" for every other namespace and none. */
const char *pairing_prefix(xmlNodePtr node);

const char *pairing_uri(const xmlNs *ns); /* "" for none */
