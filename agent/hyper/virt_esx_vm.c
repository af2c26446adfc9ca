// SPDX-License-Identifier: Apache-2.0
/*
 * Calls about machines. A flag that this driver does not know is refused by
 * it, so none is given.
 */
#include "agent/hyper/virt_esx_call.h"

#include <libvirt/virterror.h>
#include <stdlib.h>

#include "agent/common/mem.h"

#define MAX_LIST 10000

/* --- machines ------------------------------------------------------------ */

static int
call_look(struct virt_esx_call *call, struct err *err)
{
    (void)err;
    virt_esx_call_put(call->result, call->dom);
    return 0;
}

static int
call_xml(struct virt_esx_call *call, struct err *err)
{
    char *xml = virDomainGetXMLDesc(call->dom, 0);

    if (!xml)
        return virt_esx_call_fail("read the machine's XML", err);
    json_put_text(call->result, "xml", xml);
    free(xml);
    return 0;
}

static int
call_define(struct virt_esx_call *call, struct err *err)
{
    virDomainPtr dom = virDomainDefineXML(call->conn, virt_esx_call_text(call, "xml"));

    if (!dom)
        return virt_esx_call_fail("define the machine", err);
    virt_esx_call_put(call->result, dom);
    virDomainFree(dom);
    return 0;
}

static int
call_undefine(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainUndefine(call->dom), "undefine the machine", err);
}

static int
call_start(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainCreate(call->dom), "start the machine", err);
}

static int
call_shutdown(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainShutdown(call->dom), "shut the machine down", err);
}

static int
call_reboot(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainReboot(call->dom, 0), "reboot the machine", err);
}

static int
call_destroy(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainDestroy(call->dom), "power the machine off", err);
}

static int
call_suspend(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainSuspend(call->dom), "suspend the machine", err);
}

static int
call_resume(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainResume(call->dom), "resume the machine", err);
}

/* virDomainSetMemory of this driver sets a limit, not the size. */
static int
call_memory(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(
        virDomainSetMaxMemory(
            call->dom,
            (unsigned long)(json_get_int(call->args, "bytes", 0) / 1024)),
        "set the machine's memory", err);
}

static int
call_vcpus(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(virDomainSetVcpus(call->dom,
                                     (unsigned)json_get_int(call->args,
                                                            "count", 0)),
                   "set the machine's CPUs", err);
}

static int
call_autostart(struct virt_esx_call *call, struct err *err)
{
    return virt_esx_call_rc(
        virDomainSetAutostart(call->dom, json_get_bool(call->args, "on", 0)),
        "set the machine's autostart", err);
}

static int
call_list(struct virt_esx_call *call, struct err *err)
{
    virDomainPtr *doms = NULL;
    int n = virConnectListAllDomains(call->conn, &doms, 0);
    json_t *list = json_array();

    json_put(call->result, "vms", list);
    if (n < 0)
        return virt_esx_call_fail("list the machines", err);
    for (int i = 0; i < n; i++) {
        if (i < MAX_LIST) {
            json_t *obj = json_object();

            virt_esx_call_put(obj, doms[i]);
            json_array_append_new(list, obj);
        }
        virDomainFree(doms[i]);
    }
    free(doms);
    return 0;
}

/* --- scheduler ----------------------------------------------------------- */

static int
call_get_scheduler(struct virt_esx_call *call, struct err *err)
{
    virTypedParameter params[8];
    int n = 8;

    if (virDomainGetSchedulerParameters(call->dom, params, &n) < 0)
        return virt_esx_call_fail("read the machine's scheduler", err);
    for (int i = 0; i < n; i++) {
        json_int_t value = params[i].type == VIR_TYPED_PARAM_INT
                               ? params[i].value.i
                               : (json_int_t)params[i].value.l;

        json_put_int(call->result, params[i].field, value);
    }
    virTypedParamsClear(params, n);
    return 0;
}

static int
call_set_scheduler(struct virt_esx_call *call, struct err *err)
{
    static const char *const names[] = {"reservation", "limit", "shares"};
    virTypedParameterPtr params = NULL;
    int n = 0, max = 0, rc;

    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_object_get(call->args, names[i]);

        if (!json_is_integer(value))
            continue;
        if (i == 2) /* shares alone is an int */
            virTypedParamsAddInt(&params, &n, &max, names[i],
                                 (int)json_integer_value(value));
        else
            virTypedParamsAddLLong(&params, &n, &max, names[i],
                                   json_integer_value(value));
    }
    rc = virDomainSetSchedulerParameters(call->dom, params, n);
    if (rc < 0)
        virt_esx_call_fail("set the machine's scheduler", err);
    virTypedParamsFree(params, n);
    return rc < 0 ? -1 : 0;
}

/* --- snapshots ----------------------------------------------------------- */

static int
call_snapshot_create(struct virt_esx_call *call, struct err *err)
{
    virDomainSnapshotPtr snapshot =
        virDomainSnapshotCreateXML(call->dom, virt_esx_call_text(call, "xml"), 0);

    if (!snapshot)
        return virt_esx_call_fail("make the snapshot", err);
    json_put_text(call->result, "name", virDomainSnapshotGetName(snapshot));
    virDomainSnapshotFree(snapshot);
    return 0;
}

static void
put_snapshot(json_t *array, virDomainPtr dom, const char *name)
{
    virDomainSnapshotPtr snapshot =
        virDomainSnapshotLookupByName(dom, name, 0);
    char *xml = snapshot ? virDomainSnapshotGetXMLDesc(snapshot, 0) : NULL;
    json_t *obj = json_object();

    json_put_text(obj, "name", name);
    json_put_text(obj, "xml", xml);
    json_array_append_new(array, obj);
    free(xml);
    if (snapshot)
        virDomainSnapshotFree(snapshot);
}

/* The driver has no virDomainListAllSnapshots. */
static int
call_snapshot_list(struct virt_esx_call *call, struct err *err)
{
    int n = virDomainSnapshotNum(call->dom, 0);
    json_t *array = json_array();
    CLEANUP_FREE char **names = NULL;

    json_put(call->result, "snapshots", array);
    if (n > MAX_LIST)
        n = MAX_LIST;
    if (n > 0) {
        names = mem_zalloc((size_t)n, sizeof(*names));
        n = virDomainSnapshotListNames(call->dom, names, n, 0);
    }
    if (n < 0)
        return virt_esx_call_fail("list the snapshots", err);
    for (int i = 0; i < n; i++) {
        put_snapshot(array, call->dom, names[i]);
        free(names[i]);
    }
    virResetLastError();
    return 0;
}

static int
with_snapshot(struct virt_esx_call *call, int (*fn)(virDomainSnapshotPtr, unsigned),
              unsigned flags, const char *doing, struct err *err)
{
    virDomainSnapshotPtr snapshot =
        virDomainSnapshotLookupByName(call->dom, virt_esx_call_text(call, "name"), 0);
    int rc;

    if (!snapshot)
        return err_param(err, ERR_NOT_FOUND, "name", virt_esx_call_text(call, "name"),
                         "the name of a snapshot of this VM (ListSnapshots)");
    rc = fn(snapshot, flags);
    if (rc < 0)
        virt_esx_call_fail(doing, err);
    virDomainSnapshotFree(snapshot);
    return rc < 0 ? -1 : 0;
}

static int
call_snapshot_revert(struct virt_esx_call *call, struct err *err)
{
    return with_snapshot(call, virDomainRevertToSnapshot, 0,
                         "revert to the snapshot", err);
}

static int
call_snapshot_delete(struct virt_esx_call *call, struct err *err)
{
    unsigned flags = json_get_bool(call->args, "children", 0)
                         ? VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN
                         : 0;

    return with_snapshot(call, virDomainSnapshotDelete, flags,
                         "delete the snapshot", err);
}

/* --- the guest ----------------------------------------------------------- */

static void
put_interface(json_t *list, const virDomainInterface *from)
{
    json_t *obj = json_object(), *addresses = json_array();

    json_put_text(obj, "name", from->name);
    json_put_text(obj, "mac", from->hwaddr);
    for (unsigned i = 0; i < from->naddrs; i++) {
        json_t *address = json_object();

        json_put_text(address, "address", from->addrs[i].addr);
        json_put_int(address, "prefix", from->addrs[i].prefix);
        json_array_append_new(addresses, address);
    }
    json_put(obj, "addresses", addresses);
    json_array_append_new(list, obj);
}

/* What tools tell; both are absent where they do not run. */
static int
call_guest(struct virt_esx_call *call, struct err *err)
{
    virDomainInterfacePtr *list = NULL;
    char *host = virDomainGetHostname(call->dom, 0);
    json_t *array = json_array();
    int n = virDomainInterfaceAddresses(
        call->dom, &list, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0);

    (void)err;
    json_put_text(call->result, "hostname", host);
    free(host);
    json_put(call->result, "interfaces", array);
    for (int i = 0; i < n; i++) {
        put_interface(array, list[i]);
        virDomainInterfaceFree(list[i]);
    }
    free(list);
    virResetLastError();
    return 0;
}

/* --- the rows ------------------------------------------------------------ */

const struct virt_esx_row virt_esx_vm_rows[] = {
    {"list", false, false, call_list},
    {"look", true, false, call_look},
    {"xml", true, false, call_xml},
    {"define", false, true, call_define},
    {"undefine", true, true, call_undefine},
    {"start", true, true, call_start},
    {"shutdown", true, true, call_shutdown},
    {"reboot", true, true, call_reboot},
    {"destroy", true, true, call_destroy},
    {"suspend", true, true, call_suspend},
    {"resume", true, true, call_resume},
    {"memory", true, true, call_memory},
    {"vcpus", true, true, call_vcpus},
    {"autostart", true, true, call_autostart},
    {"get_scheduler", true, false, call_get_scheduler},
    {"set_scheduler", true, true, call_set_scheduler},
    {"snapshot_create", true, true, call_snapshot_create},
    {"snapshot_list", true, false, call_snapshot_list},
    {"snapshot_revert", true, true, call_snapshot_revert},
    {"snapshot_delete", true, true, call_snapshot_delete},
    {"guest", true, false, call_guest},
    {.name = NULL},
};
