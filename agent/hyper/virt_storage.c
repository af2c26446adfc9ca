// SPDX-License-Identifier: Apache-2.0
/*
 * Secrets and volumes over libvirt. What a volume is comes from its XML: its
 * path, its format as libvirt probed it, what it names below it. Calls go
 * over the thread's own connection, since a pool may be on slow storage.
 */
#include "agent/hyper/virt_storage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/hyper/virt.h"
#include "agent/hyper/virt_error.h"

/* --- secrets -------------------------------------------------------------- */

static void
secret_free(virSecretPtr *secret)
{
    if (*secret)
        virSecretFree(*secret);
}

static const struct usage {
    const char *kind;
    int type;
} usages[] = {
    {"iscsi", VIR_SECRET_USAGE_TYPE_ISCSI},
    {"ceph", VIR_SECRET_USAGE_TYPE_CEPH},
};

static virSecretPtr
find_secret(virConnectPtr conn, const char *kind, const char *ref)
{
    char uuid[UUID_TEXT];

    if (uuid_canon(ref, uuid))
        return virSecretLookupByUUIDString(conn, uuid);
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++)
        if (strcmp(usages[i].kind, kind) == 0)
            return virSecretLookupByUsage(conn, usages[i].type, ref);
    return NULL;
}

char *
virt_storage_secret(void *backend, const char *kind, const char *ref,
                    struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_WORK, err);
    CLEANUP(secret_free) virSecretPtr secret = NULL;
    unsigned char *value = NULL;
    size_t size = 0;
    char *text;

    if (!conn)
        return NULL;
    secret = find_secret(conn, kind, ref);
    if (secret)
        value = virSecretGetValue(secret, &size, 0);
    if (!value) {
        virt_error_last(conn, "read the secret", err);
        err_wrap(err, "source.secret: \"%s\"", ref);
        return NULL;
    }
    text = mem_ndup((const char *)value, size);
    explicit_bzero(value, size);
    free(value);
    return text;
}

/* --- volumes -------------------------------------------------------------- */

/* A volume for the length of one call. */
struct handle {
    virConnectPtr conn;
    virStoragePoolPtr pool;
    virStorageVolPtr volume;
};

static void
handle_close(struct handle *handle)
{
    if (handle->volume)
        virStorageVolFree(handle->volume);
    if (handle->pool)
        virStoragePoolFree(handle->pool);
    if (handle->conn)
        virConnectClose(handle->conn);
}
#define HANDLE CLEANUP(handle_close) struct handle

static int
open_pool(struct handle *handle, void *backend, const char *pool,
          struct err *err)
{
    handle->conn = virt_conn(backend, VIRT_WORK, err);
    if (!handle->conn)
        return -1;
    handle->pool = virStoragePoolLookupByName(handle->conn, pool);
    if (!handle->pool)
        return virt_error_last(handle->conn, "find the storage pool", err);
    if (virStoragePoolIsActive(handle->pool) != 1)
        return err_set(err, ERR_BAD_STATE,
                       "source.pool: the storage pool \"%s\" is not running; "
                       "start it first (virsh pool-start)",
                       pool);
    return 0;
}

static int
open_volume(struct handle *handle, void *backend, const char *pool,
            const char *name, struct err *err)
{
    if (open_pool(handle, backend, pool, err) < 0)
        return -1;
    handle->volume = virStorageVolLookupByName(handle->pool, name);
    if (!handle->volume)
        return virt_error_last(handle->conn, "find the volume", err);
    return 0;
}

/* libvirt leaves type out where it is a file. */
static void
read_volume(xmlNodePtr root, struct hyper_volume *out)
{
    CLEANUP_FREE char *capacity = xml_content(xml_child(root, "capacity"));

    memset(out, 0, sizeof(*out));
    out->path = xml_content(xml_path(root, "target/path"));
    out->format = xml_attr(xml_path(root, "target/format"), "type");
    out->backing = xml_content(xml_path(root, "backingStore/path"));
    out->block = xml_attr_is(root, "type", "block");
    out->bytes = capacity ? strtoull(capacity, NULL, 10) : 0;
}

int
virt_storage_volume(void *backend, const char *pool, const char *name,
                    struct hyper_volume *out, struct err *err)
{
    HANDLE handle = {.conn = NULL};
    CLEANUP_FREE char *xml = NULL;
    CLEANUP_XML xmlDocPtr doc = NULL;

    if (open_volume(&handle, backend, pool, name, err) < 0)
        return -1;
    xml = virStorageVolGetXMLDesc(handle.volume, 0);
    if (!xml)
        return virt_error_last(handle.conn, "read the volume", err);
    doc = xml_parse(xml, strlen(xml), err);
    if (!doc)
        return -1;
    read_volume(xml_root(doc), out);
    return 0;
}

int
virt_storage_create(void *backend, const char *pool, const char *name,
                    const char *format, uint64_t bytes, struct err *err)
{
    HANDLE handle = {.conn = NULL};
    CLEANUP_XML xmlDocPtr doc = xml_new("volume");
    xmlNodePtr root = xml_root(doc);
    CLEANUP_FREE char *xml = NULL;
    char size[24];

    if (open_pool(&handle, backend, pool, err) < 0)
        return -1;
    snprintf(size, sizeof(size), "%llu", (unsigned long long)bytes);
    xml_add(root, "name", name);
    xml_set(xml_add(root, "capacity", size), "unit", "bytes");
    /* As an image file: what is not written takes no room. */
    xml_set(xml_add(root, "allocation", "0"), "unit", "bytes");
    xml_set(xml_add(xml_add(root, "target", NULL), "format", NULL), "type",
            format);
    xml = xml_text(root);
    handle.volume = virStorageVolCreateXML(handle.pool, xml, 0);
    if (!handle.volume)
        return virt_error_last(handle.conn, "make the volume", err);
    return 0;
}

int
virt_storage_resize(void *backend, const char *pool, const char *name,
                    uint64_t bytes, struct err *err)
{
    HANDLE handle = {.conn = NULL};

    if (open_volume(&handle, backend, pool, name, err) < 0)
        return -1;
    if (virStorageVolResize(handle.volume, bytes, 0) < 0)
        return virt_error_last(handle.conn, "grow the volume", err);
    return 0;
}

/* One that is not there is as good as deleted. */
int
virt_storage_delete(void *backend, const char *pool, const char *name,
                    struct err *err)
{
    HANDLE handle = {.conn = NULL};
    struct err why = ERR_INIT;

    if (open_volume(&handle, backend, pool, name, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND && handle.pool)
            return 0;
        if (err)
            *err = why;
        return -1;
    }
    if (virStorageVolDelete(handle.volume, 0) < 0)
        return virt_error_last(handle.conn, "delete the volume", err);
    return 0;
}
