// SPDX-License-Identifier: Apache-2.0
/*
 * A call by its name: the connection is made when the first call needs it,
 * what needs a domain gets it looked up by UUID, and it is put back.
 */
#include "agent/hyper/virt_esx_calls.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_esx_call.h"

struct virt_esx {
    char *uri, *credentials, *user;
    virConnectPtr conn; /* NULL: not open */
};

struct virt_esx *
virt_esx_calls_new(const json_t *open)
{
    struct virt_esx *esx = mem_zalloc(1, sizeof(*esx));

    virt_error_silence();
    virInitialize();
    esx->uri = mem_dup(json_get_text(open, "uri", ""));
    esx->credentials = mem_dup(json_get_text(open, "credentials", ""));
    esx->user = mem_dup(json_get_text(open, "user", NULL));
    return esx;
}

void
virt_esx_calls_free(struct virt_esx *esx)
{
    if (esx->conn)
        virConnectClose(esx->conn);
    free(esx->uri);
    free(esx->credentials);
    free(esx->user);
    free(esx);
}

static int
find_domain(struct virt_esx_call *call, struct err *err)
{
    const char *uuid = virt_esx_call_text(call, "vm");

    call->dom = virDomainLookupByUUIDString(call->conn, uuid);
    if (call->dom)
        return 0;
    virt_esx_call_fail("look the machine up", err);
    if (err->kind == ERR_NOT_FOUND)
        err_param(err, ERR_NOT_FOUND, "vm", uuid,
                  "the UUID of a machine of this hypervisor");
    return -1;
}

static int
connect_it(struct virt_esx *esx, struct err *err)
{
    if (!esx->conn)
        esx->conn = virt_esx_call_open(esx->uri, esx->credentials, esx->user, err);
    return esx->conn ? 0 : -1;
}

/* After any failure the next call begins with a new connection: this driver
 * does not tell when it has lost its own. */
static void
forget_connection(struct virt_esx *esx, const struct err *err)
{
    if (err->kind != ERR_UNREACHABLE && err->kind != ERR_HYPERVISOR_FAILED)
        return;
    if (esx->conn)
        virConnectClose(esx->conn);
    esx->conn = NULL;
}

static const struct virt_esx_row *
find_row(const char *name)
{
    static const struct virt_esx_row *const tables[] = {virt_esx_vm_rows,
                                                        virt_esx_store_rows};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct virt_esx_row *row = tables[i]; row->name; row++)
            if (strcmp(row->name, name) == 0)
                return row;
    return NULL;
}

int
virt_esx_calls_run(struct virt_esx *esx, const char *name, const json_t *args,
                   json_t **result, bool *unsure, struct err *err)
{
    const struct virt_esx_row *row = find_row(name);
    struct virt_esx_call call = {.args = args};
    int rc;

    if (!row)
        return err_set(err, ERR_INTERNAL, "There is no call \"%s\"", name);
    if (connect_it(esx, err) < 0)
        return -1;
    call.conn = esx->conn;
    if (row->domain && find_domain(&call, err) < 0) {
        forget_connection(esx, err);
        return -1;
    }
    call.result = json_object();
    rc = row->run(&call, err);
    if (call.dom)
        virDomainFree(call.dom);
    if (rc == 0) {
        *result = call.result;
        return 0;
    }
    json_decref(call.result);
    *unsure = row->changes;
    forget_connection(esx, err);
    return -1;
}
