// SPDX-License-Identifier: Apache-2.0
/*
 * The rules, read from the texts of the settings. Everything that could be
 * meant otherwise is refused: a rule that silently matched nobody, or too
 * many, would be found out by the wrong person.
 */
#include "agent/policy/access.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

#define NAME_MAX_BYTES 64
#define NAME_CHARS                                                             \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static const char *const group_names[] = {
    [ACCESS_VM_READ] = "VM_READ",
    [ACCESS_VM_OPERATE] = "VM_OPERATE",
    [ACCESS_VM_CREATE] = "VM_CREATE",
    [ACCESS_DISK_ATTACH] = "DISK_ATTACH",
    [ACCESS_DISK_CREATE] = "DISK_CREATE",
    [ACCESS_CONFIGURE_SCSI_GENERIC_IO] = "CONFIGURE_SCSI_GENERIC_IO",
    [ACCESS_HOST_READ] = "HOST_READ",
    [ACCESS_HOST_ADMIN] = "HOST_ADMIN",
    [ACCESS_AUDIT_READ] = "AUDIT_READ",
};

#define BIT(group) (1U << ACCESS_##group)
#define MONITOR (BIT(VM_READ) | BIT(HOST_READ))
#define OPERATOR (MONITOR | BIT(VM_OPERATE) | BIT(DISK_ATTACH))
#define ALL ((1U << ACCESS_GROUPS) - 1)

static const struct {
    const char *name;
    unsigned groups;
} shipped[] = {
    {"SuperUser", ALL},
    {"DataCenterAdmin", ALL & ~BIT(HOST_ADMIN)},
    {"Operator", OPERATOR},
    {"Monitor", MONITOR},
};
#define NSHIPPED (sizeof(shipped) / sizeof(shipped[0]))

const char *
access_group_name(enum access_group group)
{
    return group_names[group];
}

int
access_group_parse(const char *name)
{
    for (int i = 0; name && i < ACCESS_GROUPS; i++)
        if (strcmp(name, group_names[i]) == 0)
            return i;
    return -1;
}

/* --- words --------------------------------------------------------------- */

/* The next word of *at, by commas or blanks; returns owned, NULL when there is
 * none left. */
static char *
next_word(const char **at)
{
    static const char gaps[] = ", \t";
    const char *from = *at + strspn(*at, gaps);
    size_t len = strcspn(from, gaps);

    *at = from + len;
    return len ? mem_ndup(from, len) : NULL;
}

/* --- roles --------------------------------------------------------------- */

static int
find_role(const struct access *access, const char *name, size_t len)
{
    for (size_t i = 0; i < access->nroles; i++)
        if (strlen(access->roles[i].name) == len &&
            strncmp(access->roles[i].name, name, len) == 0)
            return (int)i;
    return -1;
}

static void
add_role(struct access *access, const char *name, unsigned groups)
{
    access->roles =
        mem_more(access->roles, access->nroles, sizeof(*access->roles));
    access->roles[access->nroles++] =
        (struct access_role){mem_dup(name), groups};
}

int
access_add_role(struct access *access, const char *name, const char *groups,
                struct err *err)
{
    unsigned bits = 0;

    if (!name[0] || strlen(name) > NAME_MAX_BYTES ||
        name[strspn(name, NAME_CHARS)])
        return err_param(err, ERR_INVALID, "role", name,
                         "a name of 1..64 letters, digits, '_', '.' or '-'");
    if (find_role(access, name, strlen(name)) >= 0)
        return err_param(err, ERR_INVALID, "role", name,
                         "a name that no other role has; SuperUser, "
                         "DataCenterAdmin, Operator and Monitor are given");
    for (;;) {
        CLEANUP_FREE char *word = next_word(&groups);
        int group;

        if (!word)
            break;
        group = access_group_parse(word);
        if (group < 0)
            return err_param(err, ERR_INVALID, "groups", word,
                             "VM_READ, VM_OPERATE, VM_CREATE, DISK_ATTACH, "
                             "DISK_CREATE, CONFIGURE_SCSI_GENERIC_IO, "
                             "HOST_READ, HOST_ADMIN or AUDIT_READ");
        bits |= 1U << group;
    }
    add_role(access, name, bits);
    return 0;
}

/* --- grants -------------------------------------------------------------- */

static void
grants_clear(struct access_grants *grants)
{
    for (size_t i = 0; i < grants->n; i++) {
        free(grants->items[i].pattern);
        free(grants->items[i].text);
    }
    free(grants->items);
    *grants = (struct access_grants){NULL, 0};
}

static void
add_grant(struct access_grants *grants, size_t role, enum access_limit limit,
          const char *pattern, const char *text)
{
    grants->items = mem_more(grants->items, grants->n, sizeof(*grants->items));
    grants->items[grants->n++] = (struct access_grant){
        role, limit, mem_dup(pattern), mem_dup(text)};
}

/* "ROLE", "ROLE@vm:PATTERN", "ROLE@disk:PATTERN". */
static int
read_grant(const struct access *access, struct access_grants *grants,
           const char *word, struct err *err)
{
    const char *at = strchr(word, '@');
    int role = find_role(access, word, at ? (size_t)(at - word) : strlen(word));
    enum access_limit limit = ACCESS_ALL;
    const char *pattern = NULL;

    if (role < 0)
        return err_param(err, ERR_INVALID, "roles", word,
                         "roles: SuperUser, DataCenterAdmin, "
                         "Operator, Monitor or one of a [role NAME]");
    if (at && strncmp(at, "@vm:", 4) == 0) {
        limit = ACCESS_VM;
        pattern = at + 4;
    } else if (at && strncmp(at, "@disk:", 6) == 0) {
        limit = ACCESS_DISK;
        pattern = at + 6;
    }
    if (at && (!pattern || !pattern[0]))
        return err_param(err, ERR_INVALID, "roles", word,
                         "ROLE, ROLE@vm:NAME-OR-UUID or ROLE@disk:UUID (with "
                         "* and ? as wildcards)");
    add_grant(grants, (size_t)role, limit, pattern, word);
    return 0;
}

static int
read_grants(const struct access *access, const char *roles,
            struct access_grants *grants, struct err *err)
{
    for (;;) {
        CLEANUP_FREE char *word = next_word(&roles);

        if (!word)
            return 0;
        if (read_grant(access, grants, word, err) < 0)
            return -1;
    }
}

/* --- peers --------------------------------------------------------------- */

static int
hex_digit(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)((at - digits) % 16) : -1;
}

/* A common name may hold blanks and commas, which part words here: %20, %2C
 * (and %25) stand for them. In place; -1 when it is no such text. */
static int
unescape(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        int high, low;

        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        high = hex_digit(p[1]);
        low = high < 0 ? -1 : hex_digit(p[2]);
        if (low < 0 || high * 16 + low == 0)
            return -1;
        *to++ = (char)(high * 16 + low);
        p += 2;
    }
    *to = '\0';
    return 0;
}

static int
read_match(struct access_peer *peer, const char *word, struct err *err)
{
    const char *colon = strchr(word, ':');
    int kind =
        colon ? identity_kind_parse(word, (size_t)(colon - word)) : -1;
    CLEANUP_FREE char *text = colon ? mem_dup(colon + 1) : NULL;
    char *value = NULL;

    if (kind >= 0 && (kind != IDENTITY_CN || unescape(text) == 0))
        value = identity_canon((enum identity_kind)kind, text);
    if (!value)
        return err_param(err, ERR_INVALID, "match", word,
                         "cn:NAME (%20 for a blank), dns:NAME, uri:URI, "
                         "sha256:64 DIGITS, uid:USER or gid:GROUP of this host");
    peer->matches =
        mem_more(peer->matches, peer->nmatches, sizeof(*peer->matches));
    peer->matches[peer->nmatches++] =
        (struct access_match){(enum identity_kind)kind, value};
    return 0;
}

static int
read_matches(struct access_peer *peer, const char *match, struct err *err)
{
    for (;;) {
        CLEANUP_FREE char *word = next_word(&match);

        if (!word)
            break;
        if (read_match(peer, word, err) < 0)
            return -1;
    }
    if (peer->nmatches)
        return 0;
    return err_param(err, ERR_INVALID, "match", "",
                     "who it is: cn:NAME, dns:NAME, uri:URI, sha256:DIGITS, "
                     "uid:USER or gid:GROUP");
}

static void
peer_clear(struct access_peer *peer)
{
    for (size_t i = 0; i < peer->nmatches; i++)
        free(peer->matches[i].value);
    free(peer->matches);
    free(peer->name);
    grants_clear(&peer->grants);
}

int
access_add_peer(struct access *access, const char *name, const char *match,
                const char *roles, struct err *err)
{
    CLEANUP(peer_clear) struct access_peer peer = {.name = mem_dup(name)};

    if (read_matches(&peer, match, err) < 0 ||
        read_grants(access, roles, &peer.grants, err) < 0)
        return -1;
    access->peers =
        mem_more(access->peers, access->npeers, sizeof(*access->peers));
    access->peers[access->npeers++] = peer;
    peer = (struct access_peer){.name = NULL};
    return 0;
}

int
access_set_default(struct access *access, const char *roles, struct err *err)
{
    CLEANUP(grants_clear) struct access_grants grants = {NULL, 0};

    if (read_grants(access, roles, &grants, err) < 0)
        return err_wrap(err, "tls_default_role");
    grants_clear(&access->fallback);
    access->fallback = grants;
    grants = (struct access_grants){NULL, 0};
    return 0;
}

/* --- the whole ----------------------------------------------------------- */

struct access *
access_new(uid_t own)
{
    struct access *access = mem_zalloc(1, sizeof(*access));

    access->uid = own;
    for (size_t i = 0; i < NSHIPPED; i++)
        add_role(access, shipped[i].name, shipped[i].groups);
    add_grant(&access->own, 0, ACCESS_ALL, NULL, shipped[0].name);
    return access;
}

void
access_free(struct access *access)
{
    if (!access)
        return;
    for (size_t i = 0; i < access->nroles; i++)
        free(access->roles[i].name);
    for (size_t i = 0; i < access->npeers; i++)
        peer_clear(&access->peers[i]);
    free(access->roles);
    free(access->peers);
    grants_clear(&access->own);
    grants_clear(&access->fallback);
    free(access);
}

bool
access_serves_tls(const struct access *access)
{
    if (access->fallback.n)
        return true;
    for (size_t i = 0; i < access->npeers; i++)
        for (size_t k = 0; k < access->peers[i].nmatches; k++)
            if (access->peers[i].grants.n &&
                access->peers[i].matches[k].kind < IDENTITY_UID)
                return true;
    return false;
}

void
access_roles_with(const struct access *access, enum access_group group,
                  struct buf *out)
{
    const char *between = "";

    for (size_t i = 0; i < access->nroles; i++)
        if (access->roles[i].groups & (1U << group)) {
            buf_printf(out, "%s%s", between, access->roles[i].name);
            between = ", ";
        }
}
