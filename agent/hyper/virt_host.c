// SPDX-License-Identifier: Apache-2.0
/*
 * Over the thread's own connection: the first question about capabilities
 * makes libvirt start a QEMU to see what it can do, which takes seconds.
 */
#include "agent/hyper/virt_host.h"

#include <libvirt/virterror.h>
#include <stdlib.h>

#include "agent/hyper/virt.h"
#include "agent/hyper/virt_error.h"

char *
virt_host_capabilities(void *backend, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_WORK, err);
    char *xml = conn ? virConnectGetCapabilities(conn) : NULL;

    if (conn && !xml)
        virt_error_last(conn, "read the capabilities of the host", err);
    return xml;
}

char *
virt_host_domain_capabilities(void *backend, const char *type, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_WORK, err);
    char *xml =
        conn ? virConnectGetDomainCapabilities(conn, NULL, NULL, NULL, type, 0)
             : NULL;

    if (conn && !xml)
        virt_error_last(conn, "read what domains may have", err);
    return xml;
}

/* One that went since the list was made is left out. */
static json_t *
describe(virNodeDevicePtr *devices, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++) {
        char *xml = virNodeDeviceGetXMLDesc(devices[i], 0);

        if (xml)
            json_array_append_new(list, json_string(xml));
        free(xml);
        virNodeDeviceFree(devices[i]);
    }
    virResetLastError();
    free(devices);
    return list;
}

json_t *
virt_host_devices(void *backend, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_WORK, err);
    virNodeDevicePtr *devices = NULL;
    int n;

    if (!conn)
        return NULL;
    n = virConnectListAllNodeDevices(conn, &devices, 0);
    if (n >= 0)
        return describe(devices, n);
    virt_error_last(conn, "list the devices of the host", err);
    return NULL;
}
