// SPDX-License-Identifier: Apache-2.0
/*
 * One libvirt call each, live only. Nothing is validated against libvirt's
 * schema: what an engine sends is not valid, and works.
 */
#include "agent/hyper/virt_live.h"

#include <libvirt/virterror.h>

#include "agent/hyper/virt.h"
#include "agent/hyper/virt_error.h"

int
virt_live_create(void *backend, const char *xml, bool paused, struct err *err)
{
    VIRT_HANDLE handle = {.conn = virt_conn(backend, VIRT_WORK, err)};

    if (!handle.conn)
        return -1;
    handle.dom = virDomainCreateXML(handle.conn, xml,
                                    paused ? VIR_DOMAIN_START_PAUSED : 0);
    return handle.dom ? 0 : virt_error_last(handle.conn, "start the VM", err);
}

int
virt_live_metadata(void *backend, const char *uuid,
                   const struct hyper_metadata *metadata, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainSetMetadata(handle.dom, VIR_DOMAIN_METADATA_ELEMENT,
                             metadata->text, metadata->prefix, metadata->uri,
                             VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_handle_fail(&handle, "write the metadata of", err);
    return 0;
}

int
virt_live_vcpus(void *backend, const char *uuid, unsigned count,
                struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainSetVcpusFlags(handle.dom, count, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_handle_fail(&handle, "set the vCPUs of", err);
    return 0;
}

/* Both answer how many file systems it was. */
int
virt_live_freeze(void *backend, const char *uuid, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainFSFreeze(handle.dom, NULL, 0, 0) < 0)
        return virt_handle_fail(&handle, "freeze the file systems of", err);
    return 0;
}

int
virt_live_thaw(void *backend, const char *uuid, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainFSThaw(handle.dom, NULL, 0, 0) < 0)
        return virt_handle_fail(&handle, "thaw the file systems of", err);
    return 0;
}
