// SPDX-License-Identifier: Apache-2.0
/*
 * What every call shares: the way in with credentials, libvirt's words for a
 * failure as ours, a machine in short. No handle outlives a call.
 */
#include "agent/hyper/virt_esx_call.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/esx_cred.h"
#include "agent/hyper/virt_error.h"

/* --- the connection ------------------------------------------------------ */

/* libvirt frees the results. */
static int
give_credentials(virConnectCredentialPtr wanted, unsigned n, void *ctx)
{
    const struct esx_cred *cred = ctx;

    for (unsigned i = 0; i < n; i++) {
        const char *text = wanted[i].type == VIR_CRED_AUTHNAME
                               ? cred->user
                               : cred->password;

        wanted[i].result = mem_dup(text);
        wanted[i].resultlen = (unsigned)strlen(text);
    }
    return 0;
}

static const struct {
    const char *has; /* in the driver's text */
    enum err_kind kind;
    const char *advice;
} texts[] = {
    {"server certificate verification failed", ERR_TLS_UNTRUSTED,
     "libvirt's ESX driver verifies against the system's store alone: copy "
     "the CA to /usr/local/share/ca-certificates/NAME.crt and run "
     "update-ca-certificates"},
    {"certificate", ERR_TLS_UNTRUSTED,
     "the certificate must be of the name in the URI and of a CA of the "
     "system's store (update-ca-certificates)"},
    {"call to 'Login'", ERR_DENIED,
     "check the user and the password of this hypervisor's credentials"},
    {"Could not resolve host", ERR_UNREACHABLE, "check the host's name"},
    {"Failed to connect", ERR_UNREACHABLE, "nothing listens there"},
    {"Couldn't connect", ERR_UNREACHABLE, "nothing listens there"},
    {"Could not connect", ERR_UNREACHABLE, "nothing listens there"},
    {"Other tasks are pending", ERR_BUSY, "try again"},
    {"InvalidPowerState", ERR_BAD_STATE, "it is in that state already"},
    {"ToolsUnavailable", ERR_BAD_STATE,
     "VMware tools do not run in the guest"},
};

int
virt_esx_call_fail(const char *doing, struct err *err)
{
    virt_error_last(NULL, doing, err);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strstr(err->virt_message, texts[i].has)) {
            struct err was = *err;

            err_set(err, texts[i].kind, "%s; %s", was.message,
                    texts[i].advice);
            err->virt_code = was.virt_code;
            err->virt_domain = was.virt_domain;
            memcpy(err->virt_message, was.virt_message,
                   sizeof(err->virt_message));
            break;
        }
    return -1;
}

virConnectPtr
virt_esx_call_open(const char *uri, const char *credentials, const char *user,
         struct err *err)
{
    int types[] = {VIR_CRED_AUTHNAME, VIR_CRED_NOECHOPROMPT,
                   VIR_CRED_PASSPHRASE};
    CLEANUP_CRED struct esx_cred cred;
    virConnectAuth auth = {types, 3, give_credentials, &cred};
    virConnectPtr conn;

    if (esx_cred_read(credentials, user, &cred, err) < 0)
        return NULL;
    conn = virConnectOpenAuth(uri, &auth, 0);
    if (!conn)
        virt_esx_call_fail("connect to the hypervisor", err);
    return conn;
}

/* --- helpers ------------------------------------------------------------- */

const char *
virt_esx_call_text(const struct virt_esx_call *call, const char *name)
{
    return json_get_text(call->args, name, "");
}

int
virt_esx_call_rc(int rc, const char *doing, struct err *err)
{
    return rc < 0 ? virt_esx_call_fail(doing, err) : 0;
}

static const char *const states[] = {
    [VIR_DOMAIN_NOSTATE] = "unknown",
    [VIR_DOMAIN_RUNNING] = "running",
    [VIR_DOMAIN_BLOCKED] = "running",
    [VIR_DOMAIN_PAUSED] = "paused",
    [VIR_DOMAIN_SHUTDOWN] = "shutting_down",
    [VIR_DOMAIN_SHUTOFF] = "shut_off",
    [VIR_DOMAIN_CRASHED] = "crashed",
    [VIR_DOMAIN_PMSUSPENDED] = "pm_suspended",
};

void
virt_esx_call_put(json_t *obj, virDomainPtr dom)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainInfo info;
    int on = 0;

    virDomainGetUUIDString(dom, uuid);
    json_put_text(obj, "vm_id", uuid);
    json_put_text(obj, "name", virDomainGetName(dom));
    if (virDomainGetInfo(dom, &info) == 0) {
        size_t state = info.state;

        json_put_text(obj, "state",
                      state < sizeof(states) / sizeof(states[0])
                          ? states[state]
                          : "unknown");
        json_put_int(obj, "memory", (json_int_t)info.maxMem * 1024);
        json_put_int(obj, "vcpus", info.nrVirtCpu);
        json_put_int(obj, "cpu_time_ns", (json_int_t)info.cpuTime);
    }
    if (virDomainGetAutostart(dom, &on) == 0)
        json_put_bool(obj, "autostart", on);
    virResetLastError();
}
