// SPDX-License-Identifier: Apache-2.0
/*
 * A transient domain has a live tree and no definition. File systems are
 * frozen by a guest agent that always answers, unless the script says no.
 */
#include "agent/hyper/fake_live.h"

#include <stdio.h>
#include <string.h>

#include "agent/hyper/fake_tree.h"
#include "agent/hyper/fake_vm.h"

/* A definition that does not run may be started by another XML of the same
 * name and UUID; libvirt keeps it as definition. */
static struct fake_vm *
vm_to_start(struct fake *fake, const char *uuid, const char *name,
            struct err *err)
{
    struct fake_vm *same = fake_vm_find(fake, uuid, NULL);
    struct fake_vm *other = fake_vm_find(fake, name, NULL);

    if (same != other) {
        struct fake_vm *clash = other ? other : same;

        err_set(err, ERR_EXISTS, "The VM '%s' already exists with uuid %s",
                clash->facts.name, clash->facts.uuid);
        return NULL;
    }
    if (same && same->live) {
        err_set(err, ERR_BAD_STATE, "The VM '%s' is already running", name);
        return NULL;
    }
    return same ? same : fake_vm_add(fake, uuid, name);
}

int
fake_live_create(void *backend, const char *xml, bool paused, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "create", NULL, FAKE_ANY, err);
    CLEANUP_XML xmlDocPtr doc = NULL;
    char uuid[UUID_TEXT], name[256];
    struct fake_vm *vm;

    if (!call.ok || !(doc = fake_tree_define(xml, uuid, name, err)))
        return -1;
    vm = vm_to_start(call.fake, uuid, name, err);
    if (!vm)
        return -1;
    vm->live = fake_tree_start(doc, ++call.fake->last_id);
    fake_tree_place(vm->live);
    fake_vm_set_state(call.fake, vm, HYPER_RUNNING, "booted", "started");
    if (paused)
        fake_vm_set_state(call.fake, vm, HYPER_PAUSED, "user", "paused");
    return fake_vm_done(&call, err);
}

int
fake_live_metadata(void *backend, const char *uuid,
                   const struct hyper_metadata *metadata, struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "metadata", uuid, FAKE_RUNNING, err);

    if (!call.ok ||
        fake_tree_metadata(call.vm->live, metadata, err) < 0)
        return -1;
    return fake_vm_done(&call, err);
}

int
fake_live_vcpus(void *backend, const char *uuid, unsigned count,
                struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "live_vcpus", uuid, FAKE_RUNNING, err);

    if (!call.ok)
        return -1;
    fake_tree_live_vcpus(call.vm->live, count);
    return fake_vm_done(&call, err);
}

int
fake_live_freeze(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "freeze", uuid, FAKE_RUNNING, err);

    return call.ok ? fake_vm_done(&call, err) : -1;
}

int
fake_live_thaw(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "thaw", uuid, FAKE_RUNNING, err);

    return call.ok ? fake_vm_done(&call, err) : -1;
}

/* It forgets nothing by itself: what the script says. */
int
fake_live_forget(void *backend, const char *uuid, const char *alias,
                 const char *path, int64_t wait_ms, struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "forget_device", uuid, FAKE_RUNNING, err);

    (void)alias;
    (void)path;
    (void)wait_ms;
    return call.ok ? fake_vm_done(&call, err) : -1;
}

int
fake_live_iothread(void *backend, const char *uuid, unsigned id, bool add,
                   struct err *err)
{
    FAKE_CALL call =
        fake_vm_enter(backend, "iothread", uuid, FAKE_RUNNING, err);

    if (!call.ok || fake_tree_iothread(call.vm->live, id, add, err) < 0)
        return -1;
    return fake_vm_done(&call, err);
}

int
fake_live_accepts(void *backend, const char *xml, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "accepts", NULL, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    if (!strstr(xml, "unfiltered") || call.fake->unfiltered)
        return 1;
    err_set(err, ERR_SGIO_UNSUPPORTED,
            "unfiltered sgio is no longer supported");
    return 0;
}
