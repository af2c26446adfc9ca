// SPDX-License-Identifier: Apache-2.0
/*
 * One call of libvirt's ESX driver: what its function gets, and what all of
 * them share. In the child's only thread.
 */
#pragma once

#include <libvirt/libvirt.h>
#include <stdbool.h>

#include "agent/common/json.h"

struct virt_esx_call {
    virConnectPtr conn;
    virDomainPtr dom; /* of calls that take vm */
    const json_t *args;
    json_t *result; /* an object to fill */
};

/* A call by its name. */
struct virt_esx_row {
    const char *name;
    bool domain;  /* takes vm */
    bool changes; /* a failure of it may still have taken effect */
    int (*run)(struct virt_esx_call *call, struct err *err);
};

/* Rows of the files beside this one; each ends with a NULL name. */
extern const struct virt_esx_row virt_esx_vm_rows[], virt_esx_store_rows[];

/* A connection with those credentials; NULL + err. */
virConnectPtr virt_esx_call_open(const char *uri, const char *credentials,
                                 const char *user, struct err *err);

/* libvirt's last error as ours. Returns -1. */
int virt_esx_call_fail(const char *doing, struct err *err);
int virt_esx_call_rc(int rc, const char *doing, struct err *err);

const char *virt_esx_call_text(const struct virt_esx_call *call,
                               const char *name);

/* {vm_id, name, state, memory, vcpus, cpu_time_ns, autostart} into obj. */
void virt_esx_call_put(json_t *obj, virDomainPtr dom);
