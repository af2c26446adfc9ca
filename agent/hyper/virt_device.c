// SPDX-License-Identifier: Apache-2.0
/*
 * Live only. Live and persistent in one call would let libvirt add to the
 * definition what only the running VM needs; the definition is written by
 * define.
 */
#include "agent/hyper/virt_device.h"

#include <libvirt/virterror.h>

#include <string.h>

#include "agent/common/xml.h"
#include "agent/hyper/virt.h"
#include "agent/hyper/virt_monitor.h"

int
virt_device_attach(void *backend, const char *uuid, const char *xml,
                   struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainAttachDeviceFlags(handle.dom, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_handle_fail(&handle, "attach the device to", err);
    return 0;
}

int
virt_device_detach(void *backend, const char *uuid, const char *alias,
                   struct err *err)
{
    struct virt_leaving *leaving = virt_leaving(backend);
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (!virt_leaving_begin(leaving, uuid, alias))
        return err_set(err, ERR_BUSY,
                       "The device '%s' of VM '%s' is already being unplugged; "
                       "its guest has not answered yet",
                       alias, handle.name);
    if (virDomainDetachDeviceAlias(handle.dom, alias, VIR_DOMAIN_AFFECT_LIVE) <
        0) {
        virt_leaving_end(leaving, uuid, alias);
        return virt_handle_fail(&handle, "detach the device from", err);
    }
    return 0;
}

/* libvirt lets QEMU take the medium out of a closed tray: it opens none of a
 * drive that was plugged into the running VM. */
static int
update_with_open_tray(const struct virt_handle *handle, const char *xml,
                      unsigned flags, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP_FREE char *alias =
        doc ? xml_attr(xml_child(xml_root(doc), "alias"), "name") : NULL;
    int rc;

    if (!alias || virt_monitor_open_tray(
                      handle, alias,
                      (flags & VIR_DOMAIN_DEVICE_MODIFY_FORCE) != 0, err) < 0)
        return -1;
    rc = virDomainUpdateDeviceFlags(handle->dom, xml, flags);
    if (rc < 0)
        virt_handle_fail(handle, "change the device of", err);
    virt_monitor_close_tray(handle, alias);
    return rc < 0 ? -1 : 0;
}

int
virt_device_update(void *backend, const char *uuid, const char *xml,
                   bool force, struct err *err)
{
    const unsigned flags = VIR_DOMAIN_DEVICE_MODIFY_LIVE |
                           (force ? VIR_DOMAIN_DEVICE_MODIFY_FORCE : 0u);
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainUpdateDeviceFlags(handle.dom, xml, flags) == 0)
        return 0;
    if (strstr(virGetLastErrorMessage(), "is not open"))
        return update_with_open_tray(&handle, xml, flags, err);
    return virt_handle_fail(&handle, "change the device of", err);
}

int
virt_device_resize(void *backend, const char *uuid, const char *target,
                   uint64_t bytes, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainBlockResize(handle.dom, target, bytes,
                             VIR_DOMAIN_BLOCK_RESIZE_BYTES) < 0)
        return virt_handle_fail(&handle, "resize the disk of", err);
    return 0;
}

int
virt_device_iothread(void *backend, const char *uuid, unsigned id, bool add,
                     struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if ((add ? virDomainAddIOThread(handle.dom, id, VIR_DOMAIN_AFFECT_LIVE)
             : virDomainDelIOThread(handle.dom, id, VIR_DOMAIN_AFFECT_LIVE)) <
        0)
        return virt_handle_fail(&handle, "change the I/O threads of", err);
    return 0;
}

struct params {
    virTypedParameterPtr list;
    int n, max;
};

static void
params_free(struct params *params)
{
    virTypedParamsFree(params->list, params->n);
}

int
virt_device_iotune(void *backend, const char *uuid, const char *target,
                   const struct hyper_tune *tune, size_t n, struct err *err)
{
    CLEANUP(params_free) struct params params = {0};
    VIRT_HANDLE handle = {0};
    int rc = 0;

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = virTypedParamsAddULLong(&params.list, &params.n, &params.max,
                                     tune[i].name, tune[i].value);
    if (rc < 0 ||
        virDomainSetBlockIoTune(handle.dom, target, params.list, params.n,
                                VIR_DOMAIN_AFFECT_LIVE) < 0)
        return virt_handle_fail(&handle, "limit the disk of", err);
    return 0;
}
