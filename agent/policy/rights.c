// SPDX-License-Identifier: Apache-2.0
/*
 * The rules for one peer: every rule that matches it counts, and where none
 * does and it came over the network, the default of TLS.
 */
#include "agent/policy/rights.h"

#include <fnmatch.h>

#include "agent/common/mem.h"

struct rights {
    const struct access *access;
    const struct access_grant **grants; /* owned vector, borrowed items */
    size_t n;
};

/* --- resolving ----------------------------------------------------------- */

static void
take(struct rights *rights, const struct access_grants *grants)
{
    for (size_t i = 0; i < grants->n; i++) {
        rights->grants =
            mem_more(rights->grants, rights->n, sizeof(*rights->grants));
        rights->grants[rights->n++] = &grants->items[i];
    }
}

static bool
matches(const struct access_peer *peer, const struct identity *who)
{
    for (size_t i = 0; i < peer->nmatches; i++)
        if (identity_has(who, peer->matches[i].kind, peer->matches[i].value))
            return true;
    return false;
}

struct rights *
rights_of(const struct access *access, const struct identity *who)
{
    struct rights *rights = mem_zalloc(1, sizeof(*rights));
    bool known = false;

    rights->access = access;
    if (!who)
        return rights;
    if (identity_has_uid(who, 0) || identity_has_uid(who, access->uid))
        take(rights, &access->own);
    for (size_t i = 0; i < access->npeers; i++) {
        if (!matches(&access->peers[i], who))
            continue;
        known = true;
        take(rights, &access->peers[i].grants);
    }
    if (!known && (identity_has_certificate(who) || identity_is_plain(who)))
        take(rights, &access->fallback);
    return rights;
}

void
rights_free(struct rights *rights)
{
    if (!rights)
        return;
    free(rights->grants);
    free(rights);
}

/* --- asking -------------------------------------------------------------- */

static bool
fits(const char *pattern, const char *text)
{
    return text && text[0] && fnmatch(pattern, text, 0) == 0;
}

static bool
covers(const struct access_grant *grant, const struct access_object *object)
{
    if (grant->limit == ACCESS_ALL)
        return true;
    if (!object)
        return false;
    if (grant->limit == ACCESS_DISK)
        return fits(grant->pattern, object->disk);
    return fits(grant->pattern, object->vm) ||
           fits(grant->pattern, object->vm_name);
}

static bool
has(const struct rights *rights, size_t i, enum access_group group)
{
    const struct access_role *role =
        &rights->access->roles[rights->grants[i]->role];

    return role->groups & (1U << group);
}

bool
rights_allow(const struct rights *rights, enum access_group group,
             const struct access_object *object)
{
    for (size_t i = 0; i < rights->n; i++)
        if (has(rights, i, group) && covers(rights->grants[i], object))
            return true;
    return false;
}

bool
rights_anywhere(const struct rights *rights, enum access_group group)
{
    for (size_t i = 0; i < rights->n; i++)
        if (has(rights, i, group))
            return true;
    return false;
}

bool
rights_possible(const struct rights *rights, enum access_group group,
                const struct access_object *object)
{
    for (size_t i = 0; i < rights->n; i++)
        if (has(rights, i, group) &&
            (rights->grants[i]->limit == ACCESS_DISK ||
             covers(rights->grants[i], object)))
            return true;
    return false;
}

void
rights_text(const struct rights *rights, struct buf *out)
{
    for (size_t i = 0; i < rights->n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", rights->grants[i]->text);
    if (!rights->n)
        buf_add_text(out, "none");
}
