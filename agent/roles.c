// SPDX-License-Identifier: Apache-2.0
/*
 * Sections in, rules out. Roles come first, wherever they stand: a peer may
 * be given one that is written below it.
 */
#include "agent/roles.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"

/* Where to look: the key's origin before the message. */
static int
at(struct err *err, const char *origin, const char *section, const char *name)
{
    return err_wrap(err, "%s: [%s%s%s]", origin, section, name ? " " : "",
                    name ? name : "");
}

static int
load_roles(struct access *access, const struct conf *conf, struct err *err)
{
    const char *name;

    for (size_t i = 0; (name = conf_named(conf, "role", i)); i++)
        if (access_add_role(access, name,
                            conf_named_text(conf, CONF_ROLE_GROUPS, name),
                            err) < 0)
            return at(err, conf_named_origin(conf, CONF_ROLE_GROUPS, name),
                      "role", name);
    return 0;
}

/* --- names of users and groups ------------------------------------------- */

static bool
user_number(const char *name, unsigned long *number)
{
    struct passwd entry, *found = NULL;
    char space[16384];

    if (getpwnam_r(name, &entry, space, sizeof(space), &found) != 0 || !found)
        return false;
    *number = found->pw_uid;
    return true;
}

static bool
group_number(const char *name, unsigned long *number)
{
    struct group entry, *found = NULL;
    char space[16384];

    if (getgrnam_r(name, &entry, space, sizeof(space), &found) != 0 || !found)
        return false;
    *number = found->gr_gid;
    return true;
}

/* "gid:berth" as "gid:123", by this host's users and groups now; any other
 * word as it is, an unknown name too: it is refused with the rest. */
static void
add_word(struct buf *out, const char *word)
{
    static const struct {
        const char *prefix;
        bool (*number)(const char *name, unsigned long *number);
    } kinds[] = {{"uid:", user_number}, {"gid:", group_number}};
    unsigned long number;

    for (size_t i = 0; i < 2; i++)
        if (!strncmp(word, kinds[i].prefix, 4) && word[4] &&
            word[4 + strspn(word + 4, "0123456789")] &&
            kinds[i].number(word + 4, &number)) {
            buf_printf(out, "%s%lu ", kinds[i].prefix, number);
            return;
        }
    buf_printf(out, "%s ", word);
}

static char *
match_of(const struct conf *conf, const char *name)
{
    const char *const *words = conf_named_list(conf, CONF_PEER_MATCH, name);
    CLEANUP_BUF struct buf out = BUF_INIT;

    for (; *words; words++)
        add_word(&out, *words);
    return buf_steal(&out);
}

/* --- peers --------------------------------------------------------------- */

static int
load_peers(struct access *access, const struct conf *conf, struct err *err)
{
    const char *name;

    for (size_t i = 0; (name = conf_named(conf, "peer", i)); i++) {
        CLEANUP_FREE char *match = match_of(conf, name);

        if (access_add_peer(access, name, match,
                            conf_named_text(conf, CONF_PEER_ROLES, name),
                            err) < 0)
            return at(err, conf_named_origin(conf, CONF_PEER_MATCH, name),
                      "peer", name);
    }
    return 0;
}

struct access *
roles_load(const struct conf *conf, struct err *err)
{
    CLEANUP_ACCESS struct access *access = access_new(geteuid());
    const enum conf_id deflt = CONF_ACCESS_TLS_DEFAULT_ROLE;

    if (load_roles(access, conf, err) < 0 ||
        load_peers(access, conf, err) < 0)
        return NULL;
    if (access_set_default(access, conf_text(conf, deflt), err) < 0) {
        at(err, conf_origin(conf, deflt), "access", NULL);
        return NULL;
    }
    return STEAL(access);
}

/* --- policy -------------------------------------------------------------- */

static void
put_setting(json_t *policy, const struct conf *conf, enum conf_id id)
{
    static const char *const names[] = {"access.", "paths.", "scsi.", "hooks.",
                                        "tls.ca",  "tls.crl"};
    const struct conf_row *row = conf_row(id);
    CLEANUP_FREE char *name = mem_printf("%s.%s", row->section, row->key);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strncmp(name, names[i], strlen(names[i])) &&
            strcmp(conf_origin(conf, id), "default") != 0)
            json_put_text(policy, name, conf_text(conf, id));
}

static void
put_named(json_t *policy, const struct conf *conf, enum conf_named_id id)
{
    const struct conf_row *row = conf_named_row(id);
    const char *name;

    for (size_t i = 0; (name = conf_named(conf, row->section, i)); i++) {
        CLEANUP_FREE char *key =
            mem_printf("%s %s.%s", row->section, name, row->key);

        json_put_text(policy, key, conf_named_text(conf, id, name));
    }
}

json_t *
roles_policy(const struct conf *conf)
{
    static const enum conf_named_id named[] = {
        CONF_ROLE_GROUPS, CONF_PEER_MATCH, CONF_PEER_ROLES, CONF_HOOK_MAY};
    json_t *policy = json_object();

    for (int id = 0; id < CONF_IDS; id++)
        put_setting(policy, conf, (enum conf_id)id);
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
        put_named(policy, conf, named[i]);
    return policy;
}
