// SPDX-License-Identifier: Apache-2.0
/*
 * The rules of who may do what: action groups, roles (sets of them), and
 * which peers have which roles, for everything or for some VMs or disks.
 * Pure: made once from the settings, immutable from then on, read by any
 * thread. What a peer may is asked of rights.h; what verbs and plans ask is
 * plan/permit.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/common/buf.h"
#include "agent/common/err.h"
#include "agent/policy/identity.h"

enum access_group {
    ACCESS_VM_READ,
    ACCESS_VM_OPERATE,
    ACCESS_VM_CREATE,
    ACCESS_DISK_ATTACH,
    ACCESS_DISK_CREATE,
    ACCESS_CONFIGURE_SCSI_GENERIC_IO,
    ACCESS_HOST_READ,
    ACCESS_HOST_ADMIN,
    ACCESS_AUDIT_READ,
    ACCESS_GROUPS
};
const char *access_group_name(enum access_group group); /* "VM_READ" … */
int access_group_parse(const char *name);               /* -1: none */

struct access_role {
    char *name;      /* owned */
    unsigned groups; /* bits 1 << enum access_group */
};

enum access_limit { ACCESS_ALL, ACCESS_VM, ACCESS_DISK };

/* A role as given to a peer. */
struct access_grant {
    size_t role;             /* index of access.roles */
    enum access_limit limit; /* ALL: of no object in particular, too */
    char *pattern;           /* owned; fnmatch; NULL with ALL */
    char *text;              /* owned; as written: "Operator@vm:web-*" */
};

struct access_grants {
    struct access_grant *items; /* owned */
    size_t n;
};

struct access_match {
    enum identity_kind kind;
    char *value; /* owned, canonical */
};

struct access_peer {
    char *name; /* owned */
    struct access_match *matches; /* owned; any one is enough */
    size_t nmatches;
    struct access_grants grants;
};

struct access {
    struct access_role *roles; /* owned; the shipped ones come first */
    size_t nroles;
    struct access_peer *peers; /* owned */
    size_t npeers;
    struct access_grants own;      /* SuperUser: of root and berthd's uid */
    struct access_grants fallback; /* of certificates that no rule matches */
    uid_t uid;                     /* berthd's */
};

/* The shipped roles and no rule, but that uid 0 and own (berthd's uid, which
 * could read its memory anyway) are SuperUser. Returns owned. */
struct access *access_new(uid_t own);
void access_free(struct access *access);

/* [role NAME] groups=: action groups, by commas or spaces. err: INVALID (a
 * shipped or known name, an unknown group). */
int access_add_role(struct access *access, const char *name,
                    const char *groups, struct err *err);

/*
 * [peer NAME]: match is "cn:…, dns:…, uri:…, sha256:…, uid:…, gid:…", of
 * which any one is enough; roles is "ROLE, ROLE@vm:PATTERN, ROLE@disk:PATTERN"
 * (fnmatch; of a VM's name or UUID, of a disk_id); words by commas or blanks.
 * A peer that several rules match has all their roles. err: INVALID.
 */
int access_add_peer(struct access *access, const char *name, const char *match,
                    const char *roles, struct err *err);

/* [access] tls_default_role=: what a verified certificate that no rule
 * matches has; "": nothing. err: INVALID. */
int access_set_default(struct access *access, const char *roles,
                       struct err *err);

/* Whether any peer with a certificate can have a role at all. */
bool access_serves_tls(const struct access *access);

/* The roles that have the group: "DataCenterAdmin, SuperUser". */
void access_roles_with(const struct access *access, enum access_group group,
                       struct buf *out);

CLEANUP_DEFINE(access_cleanup_, struct access, access_free)
#define CLEANUP_ACCESS CLEANUP(access_cleanup_)
