// SPDX-License-Identifier: Apache-2.0
/*
 * One libvirt call each, or two. Questions go over the shared connection,
 * what may wait for a QEMU over the thread's own.
 */
#include "agent/hyper/virt_domain.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/virt.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_names.h"

#define UNDEFINE                                                               \
    (VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |                                        \
     VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |                                  \
     VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM)

/* --- questions ------------------------------------------------------------ */

static char *
version_text(unsigned long v)
{
    return mem_printf("%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

static json_t *
host_info(virConnectPtr conn)
{
    CLEANUP_FREE char *hostname = virConnectGetHostname(conn);
    json_t *host = json_object();
    virNodeInfo node;

    json_put_text(host, "hostname", hostname);
    if (virNodeGetInfo(conn, &node) < 0)
        return host;
    json_put_text(host, "arch", node.model);
    json_put_int(host, "cpus", node.cpus);
    json_put_int(host, "memory", (json_int_t)node.memory * 1024);
    return host;
}

static json_t *
versioned(const char *type, unsigned long version)
{
    CLEANUP_FREE char *text = version_text(version);
    json_t *value = json_object();

    if (type)
        json_put_text(value, "type", type);
    json_put_text(value, "version", text);
    return value;
}

json_t *
virt_domain_info(void *backend, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_ASK, err);
    unsigned long qemu = 0, libvirt = 0;
    json_t *info;

    if (!conn)
        return NULL;
    if (virConnectGetVersion(conn, &qemu) < 0 ||
        virConnectGetLibVersion(conn, &libvirt) < 0) {
        virt_error_last(conn, "read the hypervisor's version", err);
        return NULL;
    }
    info = json_object();
    json_put_text(info, "uri", virt_uri(backend));
    json_put(info, "hypervisor", versioned(virConnectGetType(conn), qemu));
    json_put(info, "libvirt", versioned(NULL, libvirt));
    json_put(info, "host", host_info(conn));
    virResetLastError();
    return info;
}

/* -1 when the domain has gone meanwhile, or the connection. */
static int
describe(virDomainPtr dom, struct hyper_domain *out)
{
    int state, reason, autostart = 0;

    memset(out, 0, sizeof(*out));
    if (virDomainGetUUIDString(dom, out->uuid) < 0 ||
        virDomainGetState(dom, &state, &reason, 0) < 0)
        return -1;
    snprintf(out->name, sizeof(out->name), "%s", virDomainGetName(dom));
    out->state = virt_names_state(state);
    snprintf(out->reason, sizeof(out->reason), "%s",
             virt_names_reason(state, reason));
    out->persistent = virDomainIsPersistent(dom) == 1;
    if (out->persistent && virDomainGetAutostart(dom, &autostart) == 0)
        out->autostart = autostart != 0;
    return 0;
}

int
virt_domain_list(void *backend, struct hyper_domain **out, size_t *n,
                 struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_ASK, err);
    virDomainPtr *doms = NULL;
    int count;

    if (!conn)
        return -1;
    count = virConnectListAllDomains(conn, &doms, 0);
    if (count < 0)
        return virt_error_last(conn, "list the VMs", err);
    *out = mem_zalloc((size_t)count, sizeof(**out));
    *n = 0;
    for (int i = 0; i < count; i++) {
        if (describe(doms[i], &(*out)[*n]) == 0)
            (*n)++;
        virDomainFree(doms[i]);
    }
    free(doms);
    if (virConnectIsAlive(conn) == 1) {
        virResetLastError();
        return 0;
    }
    /* What is not in a list counts as gone: half of one is none. */
    free(STEAL(*out));
    return virt_error_last(conn, "describe the VMs", err);
}

int
virt_domain_find(void *backend, const char *ref, struct hyper_domain *out,
                 struct err *err)
{
    VIRT_HANDLE handle = {.conn = virt_conn(backend, VIRT_ASK, err)};
    char uuid[UUID_TEXT], doing[300];

    if (!handle.conn)
        return -1;
    if (uuid_canon(ref, uuid))
        handle.dom = virDomainLookupByUUIDString(handle.conn, uuid);
    if (!handle.dom)
        handle.dom = virDomainLookupByName(handle.conn, ref);
    if (handle.dom && describe(handle.dom, out) == 0)
        return 0;
    snprintf(doing, sizeof(doing), "find VM '%.255s'", ref);
    return virt_error_last(handle.conn, doing, err);
}

char *
virt_domain_xml(void *backend, const char *uuid, enum hyper_xml which,
                struct err *err)
{
    const unsigned config = VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE;
    VIRT_HANDLE handle = {0};
    char *xml;

    if (virt_handle_open(&handle, backend, VIRT_ASK, uuid, err) < 0)
        return NULL;
    xml = virDomainGetXMLDesc(handle.dom,
                              which == HYPER_XML_CONFIG ? config : 0);
    if (!xml)
        virt_handle_fail(&handle, "read the XML of", err);
    return xml;
}

/* libvirt counts a job that waits for QEMU's answer as occupied, and one of
 * which it cannot tell what it waits for as an error. */
enum hyper_at
virt_domain_at(void *backend, const char *uuid, struct err *err)
{
    VIRT_HANDLE handle = {0};
    virDomainControlInfo info;

    if (virt_handle_open(&handle, backend, VIRT_ASK, uuid, err) < 0)
        return HYPER_AT_FAILED;
    if (virDomainGetControlInfo(handle.dom, &info, 0) == 0)
        return info.state == VIR_DOMAIN_CONTROL_OK    ? HYPER_AT_REST
               : info.state == VIR_DOMAIN_CONTROL_JOB ? HYPER_AT_JOB
                                                      : HYPER_AT_QEMU;
    if (virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID) {
        virResetLastError();
        return HYPER_AT_REST; /* it does not run */
    }
    virt_handle_fail(&handle, "see what libvirt is at with", err);
    return HYPER_AT_FAILED;
}

/* --- definitions ---------------------------------------------------------- */

int
virt_domain_define(void *backend, const char *xml, struct err *err)
{
    VIRT_HANDLE handle = {.conn = virt_conn(backend, VIRT_WORK, err)};

    if (!handle.conn)
        return -1;
    handle.dom = virDomainDefineXMLFlags(handle.conn, xml, 0);
    return handle.dom ? 0
                      : virt_error_last(handle.conn, "define the VM", err);
}

/* A call with one flags word, and what it does in words. */
static int
with_flags(void *backend, const char *uuid,
           int (*call)(virDomainPtr dom, unsigned flags), unsigned flags,
           const char *doing, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    return call(handle.dom, flags) < 0 ? virt_handle_fail(&handle, doing, err)
                                       : 0;
}

/* … and with none. */
static int
plain(void *backend, const char *uuid, int (*call)(virDomainPtr dom),
      const char *doing, struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    return call(handle.dom) < 0 ? virt_handle_fail(&handle, doing, err) : 0;
}

int
virt_domain_undefine(void *backend, const char *uuid, struct err *err)
{
    return with_flags(backend, uuid, virDomainUndefineFlags, UNDEFINE,
                      "undefine", err);
}

int
virt_domain_autostart(void *backend, const char *uuid, bool on,
                      struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainSetAutostart(handle.dom, on) < 0)
        return virt_handle_fail(&handle, "set autostart of", err);
    return 0;
}

/* libvirt holds a maximum and a current value: the maximum goes first, and
 * takes a current one that is above it along. */
int
virt_domain_memory(void *backend, const char *uuid, uint64_t bytes,
                   struct err *err)
{
    VIRT_HANDLE handle = {0};
    unsigned long kib = (unsigned long)(bytes / 1024);

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainSetMemoryFlags(
            handle.dom, kib, VIR_DOMAIN_MEM_CONFIG | VIR_DOMAIN_MEM_MAXIMUM) ||
        virDomainSetMemoryFlags(handle.dom, kib, VIR_DOMAIN_MEM_CONFIG))
        return virt_handle_fail(&handle, "set the memory of", err);
    return 0;
}

int
virt_domain_vcpus(void *backend, const char *uuid, unsigned count,
                  struct err *err)
{
    VIRT_HANDLE handle = {0};

    if (virt_handle_open(&handle, backend, VIRT_WORK, uuid, err) < 0)
        return -1;
    if (virDomainSetVcpusFlags(handle.dom, count,
                               VIR_DOMAIN_VCPU_CONFIG |
                                   VIR_DOMAIN_VCPU_MAXIMUM) ||
        virDomainSetVcpusFlags(handle.dom, count, VIR_DOMAIN_VCPU_CONFIG))
        return virt_handle_fail(&handle, "set the vCPUs of", err);
    return 0;
}

/* --- life cycle ----------------------------------------------------------- */

int
virt_domain_start(void *backend, const char *uuid, bool paused,
                  struct err *err)
{
    return with_flags(backend, uuid, virDomainCreateWithFlags,
                      paused ? VIR_DOMAIN_START_PAUSED : 0, "start", err);
}

int
virt_domain_shutdown(void *backend, const char *uuid, struct err *err)
{
    return plain(backend, uuid, virDomainShutdown, "shut down", err);
}

int
virt_domain_destroy(void *backend, const char *uuid, struct err *err)
{
    return plain(backend, uuid, virDomainDestroy, "destroy", err);
}

int
virt_domain_reboot(void *backend, const char *uuid, bool reset,
                   struct err *err)
{
    return with_flags(backend, uuid, reset ? virDomainReset : virDomainReboot,
                      0, reset ? "reset" : "reboot", err);
}

int
virt_domain_suspend(void *backend, const char *uuid, struct err *err)
{
    return plain(backend, uuid, virDomainSuspend, "suspend", err);
}

int
virt_domain_resume(void *backend, const char *uuid, struct err *err)
{
    return plain(backend, uuid, virDomainResume, "resume", err);
}

int
virt_domain_accepts(void *backend, const char *xml, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_WORK, err);
    CLEANUP_FREE char *native = NULL;
    struct err why = ERR_INIT;

    if (!conn)
        return -1;
    native = virConnectDomainXMLToNative(conn, "qemu-argv", xml, 0);
    if (native)
        return 1;
    virt_error_last(conn, "make a VM of this XML", &why);
    if (err)
        *err = why;
    return why.kind == ERR_UNREACHABLE ? -1 : 0;
}
