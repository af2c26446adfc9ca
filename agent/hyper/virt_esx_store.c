// SPDX-License-Identifier: Apache-2.0
/*
 * Calls about the host and its storage, and those that join two hosts. The
 * figures of a volume crash the driver where a server leaves them out.
 */
#include "agent/hyper/virt_esx_call.h"

#include <libvirt/virterror.h>
#include <stdlib.h>

#include "agent/common/mem.h"

/* --- the host ------------------------------------------------------------ */

static int
call_info(struct virt_esx_call *call, struct err *err)
{
    unsigned long version = 0, library = 0;
    virNodeInfo node;
    char *host = virConnectGetHostname(call->conn);
    const char *type = virConnectGetType(call->conn);

    if (!host)
        return virt_esx_call_fail("ask for the host's name", err);
    json_put_text(call->result, "hostname", host);
    free(host);
    json_put_text(call->result, "type", type);
    if (virConnectGetVersion(call->conn, &version) == 0)
        json_put(call->result, "version",
                 json_sprintf("%lu.%lu.%lu", version / 1000000,
                              version / 1000 % 1000, version % 1000));
    if (virConnectGetLibVersion(call->conn, &library) == 0)
        json_put(call->result, "libvirt",
                 json_sprintf("%lu.%lu.%lu", library / 1000000,
                              library / 1000 % 1000, library % 1000));
    if (virNodeGetInfo(call->conn, &node) == 0) {
        json_put_text(call->result, "cpu_model", node.model);
        json_put_int(call->result, "cpus", node.cpus);
        json_put_int(call->result, "mhz", node.mhz);
        json_put_int(call->result, "memory", (json_int_t)node.memory * 1024);
    }
    json_put_int(call->result, "free_memory",
                 (json_int_t)virNodeGetFreeMemory(call->conn));
    virResetLastError();
    return 0;
}

static int
call_capabilities(struct virt_esx_call *call, struct err *err)
{
    char *xml = virConnectGetCapabilities(call->conn);

    if (!xml)
        return virt_esx_call_fail("ask for the host's capabilities", err);
    json_put_text(call->result, "xml", xml);
    free(xml);
    return 0;
}

/* --- storage ------------------------------------------------------------- */

static void
put_pool(json_t *list, virConnectPtr conn, const char *name)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(conn, name);
    json_t *obj = json_object();
    virStoragePoolInfo info;

    json_put_text(obj, "name", name);
    if (pool && virStoragePoolGetInfo(pool, &info) == 0) {
        json_put_bool(obj, "active", info.state == VIR_STORAGE_POOL_RUNNING);
        json_put_int(obj, "capacity", (json_int_t)info.capacity);
        json_put_int(obj, "available", (json_int_t)info.available);
    }
    json_array_append_new(list, obj);
    if (pool)
        virStoragePoolFree(pool);
}

/* The driver has none of the calls that list with objects. */
static int
call_pools(struct virt_esx_call *call, struct err *err)
{
    int n = virConnectNumOfStoragePools(call->conn);
    json_t *list = json_array();
    CLEANUP_FREE char **names = NULL;

    json_put(call->result, "pools", list);
    if (n > 0) {
        names = mem_zalloc((size_t)n, sizeof(*names));
        n = virConnectListStoragePools(call->conn, names, n);
    }
    if (n < 0)
        return virt_esx_call_fail("list the storage pools", err);
    for (int i = 0; i < n; i++) {
        put_pool(list, call->conn, names[i]);
        free(names[i]);
    }
    virResetLastError();
    return 0;
}

static int
with_pool(struct virt_esx_call *call, virStoragePoolPtr *pool, struct err *err)
{
    *pool = virStoragePoolLookupByName(call->conn, virt_esx_call_text(call, "pool"));
    return *pool ? 0
                 : err_param(err, ERR_NOT_FOUND, "pool",
                             virt_esx_call_text(call, "pool"),
                             "the name of a storage pool (ListPools)");
}

static void
put_volume(json_t *list, virStoragePoolPtr pool, const char *name)
{
    virStorageVolPtr vol = virStorageVolLookupByName(pool, name);
    char *path = vol ? virStorageVolGetPath(vol) : NULL;
    json_t *obj = json_object();
    virStorageVolInfo info;

    json_put_text(obj, "name", name);
    json_put_text(obj, "path", path);
    if (vol && virStorageVolGetInfo(vol, &info) == 0) {
        json_put_int(obj, "size", (json_int_t)info.capacity);
        json_put_int(obj, "allocation", (json_int_t)info.allocation);
    }
    json_array_append_new(list, obj);
    free(path);
    if (vol)
        virStorageVolFree(vol);
}

static int
call_volumes(struct virt_esx_call *call, struct err *err)
{
    virStoragePoolPtr pool = NULL;
    CLEANUP_FREE char **names = NULL;
    json_t *list = json_array();
    int n;

    json_put(call->result, "volumes", list);
    if (with_pool(call, &pool, err) < 0)
        return -1;
    n = virStoragePoolNumOfVolumes(pool);
    if (n > 0) {
        names = mem_zalloc((size_t)n, sizeof(*names));
        n = virStoragePoolListVolumes(pool, names, n);
    }
    if (n < 0)
        virt_esx_call_fail("list the volumes", err);
    for (int i = 0; i < n; i++) {
        put_volume(list, pool, names[i]);
        free(names[i]);
    }
    virStoragePoolFree(pool);
    if (n >= 0)
        virResetLastError();
    return n < 0 ? -1 : 0;
}

static int
call_volume_create(struct virt_esx_call *call, struct err *err)
{
    virStoragePoolPtr pool = NULL;
    virStorageVolPtr vol;
    char *path = NULL;

    if (with_pool(call, &pool, err) < 0)
        return -1;
    vol = virStorageVolCreateXML(pool, virt_esx_call_text(call, "xml"), 0);
    if (!vol) {
        virt_esx_call_fail("make the volume", err);
        virStoragePoolFree(pool);
        return -1;
    }
    path = virStorageVolGetPath(vol);
    json_put_text(call->result, "path", path);
    free(path);
    virStorageVolFree(vol);
    virStoragePoolFree(pool);
    return 0;
}

static int
call_volume_delete(struct virt_esx_call *call, struct err *err)
{
    virStoragePoolPtr pool = NULL;
    virStorageVolPtr vol;
    int rc = -1;

    if (with_pool(call, &pool, err) < 0)
        return -1;
    vol = virStorageVolLookupByName(pool, virt_esx_call_text(call, "name"));
    if (!vol)
        err_param(err, ERR_NOT_FOUND, "name", virt_esx_call_text(call, "name"),
                  "the name of a volume of that pool (ListVolumes)");
    else
        rc = virt_esx_call_rc(virStorageVolDelete(vol, 0), "delete the volume", err);
    if (vol)
        virStorageVolFree(vol);
    virStoragePoolFree(pool);
    return rc;
}

/* --- .vmx ---------------------------------------------------------------- */

#define VMX "vmware-vmx"

static int
call_from_vmx(struct virt_esx_call *call, struct err *err)
{
    char *xml = virConnectDomainXMLFromNative(call->conn, VMX,
                                              virt_esx_call_text(call, "text"), 0);

    if (!xml)
        return virt_esx_call_fail("read the .vmx", err);
    json_put_text(call->result, "text", xml);
    free(xml);
    return 0;
}

static int
call_to_vmx(struct virt_esx_call *call, struct err *err)
{
    char *vmx = virConnectDomainXMLToNative(call->conn, VMX,
                                            virt_esx_call_text(call, "text"), 0);

    if (!vmx)
        return virt_esx_call_fail("write a .vmx", err);
    json_put_text(call->result, "text", vmx);
    free(vmx);
    return 0;
}

/* --- migration ----------------------------------------------------------- */

static int
call_migrate(struct virt_esx_call *call, struct err *err)
{
    const json_t *to = json_object_get(call->args, "to");
    virConnectPtr target =
        virt_esx_call_open(json_get_text(to, "uri", ""),
                 json_get_text(to, "credentials", ""),
                 json_get_text(to, "user", NULL), err);
    unsigned long flags =
        json_get_bool(call->args, "live", 0) ? VIR_MIGRATE_LIVE : 0;
    virDomainPtr there;

    if (!target)
        return err_wrap(err, "the target");
    there = virDomainMigrate(call->dom, target, flags, NULL, NULL, 0);
    if (!there)
        virt_esx_call_fail("migrate the machine", err);
    else
        virDomainFree(there);
    virConnectClose(target);
    return there ? 0 : -1;
}

/* --- the rows ------------------------------------------------------------ */

const struct virt_esx_row virt_esx_store_rows[] = {
    {"info", false, false, call_info},
    {"capabilities", false, false, call_capabilities},
    {"pools", false, false, call_pools},
    {"volumes", false, false, call_volumes},
    {"volume_create", false, true, call_volume_create},
    {"volume_delete", false, true, call_volume_delete},
    {"from_vmx", false, false, call_from_vmx},
    {"to_vmx", false, false, call_to_vmx},
    {"migrate", true, true, call_migrate},
    {.name = NULL},
};
