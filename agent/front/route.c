// SPDX-License-Identifier: Apache-2.0
/* A name finds a row twice: among the local verbs, and among those by proxy. */
#include "agent/front/route.h"

#include <stdio.h>
#include <string.h>

#include "agent/verbs/table.h"

#define LOCAL "local"

static int
no_such_hypervisor(struct env *env, const char *name, struct err *err)
{
    char expected[256] = "one of " LOCAL;
    size_t used = strlen(expected);
    const struct esx *esx;

    for (size_t i = 0; (esx = esx_set_at(env->esx, i)); i++)
        if (used < sizeof(expected))
            used += (size_t)snprintf(expected + used, sizeof(expected) - used,
                                     " %s", esx_name(esx));
    return err_param(err, ERR_NOT_FOUND, "hypervisor", name, expected);
}

/* The host that the parameters name, or that has their VM; NULL: the local
 * one, or -1 + err in *rc. */
static struct esx *
find_host(struct env *env, json_t *params, int *rc, struct err *err)
{
    const char *name = json_get_text(params, "hypervisor", NULL);
    const char *vm = json_get_text(params, "vm", NULL);
    char uuid[UUID_TEXT];
    struct esx *esx;

    *rc = 0;
    if (name && strcmp(name, LOCAL) == 0) {
        json_object_del(params, "hypervisor");
        return NULL;
    }
    if (name) {
        esx = esx_set_find(env->esx, name);
        if (!esx)
            *rc = no_such_hypervisor(env, name, err);
        return esx;
    }
    if (!vm || !esx_set_at(env->esx, 0) ||
        vm_table_find(env->vms, vm, uuid, NULL) == 0)
        return NULL;
    return esx_set_holder(env->esx, vm);
}

static const struct verb *
refuse(const struct jsonrpc_request *request, const char *backend,
       const char *advice, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "%s is not supported by %s%s",
            request->method, backend, advice);
    return NULL;
}

/* What the local row takes and this one does not is told as what it is. */
static const struct verb *
check_fields(const struct verb *local, const struct verb *remote,
             const json_t *params, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)params, key, value)
        if (local && field_find(local->params, local->nparams, key) &&
            !field_find(remote->params, remote->nparams, key)) {
            err_set(err, ERR_UNSUPPORTED, "%s is not supported by esx", key);
            snprintf(err->param, sizeof(err->param), "%s", key);
            return NULL;
        }
    return remote;
}

const struct verb *
route_find(struct env *env, struct jsonrpc_request *request, struct esx **esx,
           struct err *err)
{
    const struct verb *local = table_find(request->method);
    const struct verb *remote = table_find_remote(request->method);
    int rc = 0;

    *esx = NULL;
    if (!local && !remote) {
        err_set(err, ERR_NO_METHOD,
                "There is no verb \"%s\"; berthd --dump-verbs lists them.",
                request->method);
        return NULL;
    }
    if (local && verb_is_vdsm(local))
        return local;
    if (json_is_object(request->params))
        *esx = find_host(env, request->params, &rc, err);
    if (rc < 0)
        return NULL;
    if (*esx)
        return remote ? check_fields(local, remote, request->params, err)
                      : refuse(request, "esx", "", err);
    return local ? local
                 : refuse(request, "kvm",
                          ", the local hypervisor; name another one in "
                          "hypervisor",
                          err);
}
