// SPDX-License-Identifier: Apache-2.0
/*
 * Facts of a peer in one canonical form each, so that comparing them is
 * comparing texts, and a counter.
 */
#include "agent/policy/identity.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

#define SHA256_DIGITS 64

static const char *const kind_names[] = {
    [IDENTITY_CN] = "cn",         [IDENTITY_DNS] = "dns",
    [IDENTITY_URI] = "uri",       [IDENTITY_SHA256] = "sha256",
    [IDENTITY_UID] = "uid",       [IDENTITY_GID] = "gid",
};

struct fact {
    enum identity_kind kind;
    char *value; /* owned, canonical */
};

struct identity {
    atomic_uint refs;
    char name[IDENTITY_NAME];
    struct fact *facts; /* owned */
    size_t nfacts;
};

const char *
identity_kind_name(enum identity_kind kind)
{
    return kind_names[kind];
}

int
identity_kind_parse(const char *name, size_t len)
{
    for (int i = 0; i < IDENTITY_KINDS; i++)
        if (strlen(kind_names[i]) == len &&
            strncmp(kind_names[i], name, len) == 0)
            return i;
    return -1;
}

/* --- one form ------------------------------------------------------------ */

static char *
lower(const char *value)
{
    char *out = mem_dup(value);

    for (char *p = out; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return out;
}

static char *
canon_hash(const char *value)
{
    CLEANUP_FREE char *out = lower(value);
    size_t n = 0;

    for (const char *p = out; *p; p++)
        if (*p != ':')
            out[n++] = *p;
    out[n] = '\0';
    if (n != SHA256_DIGITS || out[strspn(out, "0123456789abcdef")])
        return NULL;
    return STEAL(out);
}

static char *
canon_number(const char *value)
{
    unsigned long long number;

    if (!value[0] || value[strspn(value, "0123456789")] || strlen(value) > 10)
        return NULL;
    number = strtoull(value, NULL, 10);
    /* The last one is no id: the kernel's own "unchanged". */
    return number < UINT32_MAX ? mem_printf("%llu", number) : NULL;
}

char *
identity_canon(enum identity_kind kind, const char *value)
{
    if (!value[0])
        return NULL;
    if (kind == IDENTITY_SHA256)
        return canon_hash(value);
    if (kind == IDENTITY_UID || kind == IDENTITY_GID)
        return canon_number(value);
    return kind == IDENTITY_DNS ? lower(value) : mem_dup(value);
}

/* --- a peer -------------------------------------------------------------- */

struct identity *
identity_new(const char *name)
{
    struct identity *identity = mem_zalloc(1, sizeof(*identity));

    atomic_init(&identity->refs, 1);
    snprintf(identity->name, sizeof(identity->name), "%s", name);
    return identity;
}

void
identity_add(struct identity *identity, enum identity_kind kind,
             const char *value)
{
    char *canonical = identity_canon(kind, value);

    if (!canonical)
        return;
    identity->facts = mem_more(identity->facts, identity->nfacts,
                               sizeof(*identity->facts));
    identity->facts[identity->nfacts++] = (struct fact){kind, canonical};
}

void
identity_add_number(struct identity *identity, enum identity_kind kind,
                    unsigned long value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", value);
    identity_add(identity, kind, text);
}

struct identity *
identity_ref(const struct identity *identity)
{
    struct identity *same = (struct identity *)identity;

    if (same)
        atomic_fetch_add(&same->refs, 1);
    return same;
}

void
identity_unref(struct identity *identity)
{
    if (!identity || atomic_fetch_sub(&identity->refs, 1) > 1)
        return;
    for (size_t i = 0; i < identity->nfacts; i++)
        free(identity->facts[i].value);
    free(identity->facts);
    free(identity);
}

const char *
identity_name(const struct identity *identity)
{
    return identity->name;
}

bool
identity_has(const struct identity *identity, enum identity_kind kind,
             const char *canonical)
{
    for (size_t i = 0; i < identity->nfacts; i++)
        if (identity->facts[i].kind == kind &&
            strcmp(identity->facts[i].value, canonical) == 0)
            return true;
    return false;
}

bool
identity_has_uid(const struct identity *identity, uid_t uid)
{
    char text[24];

    snprintf(text, sizeof(text), "%lu", (unsigned long)uid);
    return identity_has(identity, IDENTITY_UID, text);
}

bool
identity_is_plain(const struct identity *identity)
{
    return identity->nfacts == 0;
}

bool
identity_has_certificate(const struct identity *identity)
{
    for (size_t i = 0; i < identity->nfacts; i++)
        if (identity->facts[i].kind == IDENTITY_SHA256)
            return true;
    return false;
}
