// SPDX-License-Identifier: Apache-2.0
/*
 * Sections in, rules out. Roles come first, wherever they stand: a peer may
 * be given one that is written below it.
 */
#include "agent/roles.h"

#include <stdio.h>
#include <unistd.h>

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

static int
load_peers(struct access *access, const struct conf *conf, struct err *err)
{
    const char *name;

    for (size_t i = 0; (name = conf_named(conf, "peer", i)); i++)
        if (access_add_peer(access, name,
                            conf_named_text(conf, CONF_PEER_MATCH, name),
                            conf_named_text(conf, CONF_PEER_ROLES, name),
                            err) < 0)
            return at(err, conf_named_origin(conf, CONF_PEER_MATCH, name),
                      "peer", name);
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
