// SPDX-License-Identifier: Apache-2.0
/*
 * What one peer may do: the rules of a snapshot (access.h) resolved for its
 * identity. Pure; borrows from the snapshot. Any thread.
 */
#pragma once

#include "agent/policy/access.h"

/* What a request is about. Texts are borrowed; NULL or "": not known, or
 * nothing in particular. */
struct access_object {
    const char *vm;      /* UUID */
    const char *vm_name; /* name */
    const char *disk;    /* disk_id */
};

struct rights;

/* who NULL: nobody, who has none. Returns owned. */
struct rights *rights_of(const struct access *access,
                         const struct identity *who);
void rights_free(struct rights *rights);

/* object NULL: nothing in particular, which a role that is limited to some
 * objects does not cover. */
bool rights_allow(const struct rights *rights, enum access_group group,
                  const struct access_object *object);

/* Whether there is any object for which it is allowed. */
bool rights_anywhere(const struct rights *rights, enum access_group group);

/* Whether it may be allowed once the disk is known: as rights_allow, but a
 * role for some disks counts. */
bool rights_possible(const struct rights *rights, enum access_group group,
                     const struct access_object *object);

/* "Monitor, Operator@vm:web-*", or "none". */
void rights_text(const struct rights *rights, struct buf *out);

CLEANUP_DEFINE(rights_cleanup_, struct rights, rights_free)
#define CLEANUP_RIGHTS CLEANUP(rights_cleanup_)
