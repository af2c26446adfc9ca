// SPDX-License-Identifier: Apache-2.0
/*
 * Domains in a vector, found by looking at each: tests have few. A device
 * that leaves does so in the event thread, after the call that asked for it
 * has returned, and its event comes after it has gone.
 */
#include "agent/hyper/fake_vm.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/hyper/fake_tree.h"

struct fake_vm *
fake_vm_find(struct fake *fake, const char *ref, struct err *err)
{
    for (size_t i = 0; i < fake->n; i++)
        if (strcmp(fake->vms[i]->facts.uuid, ref) == 0 ||
            strcmp(fake->vms[i]->facts.name, ref) == 0)
            return fake->vms[i];
    err_set(err, ERR_NOT_FOUND, "There is no VM '%s'", ref);
    return NULL;
}

struct fake_vm *
fake_vm_add(struct fake *fake, const char *uuid, const char *name)
{
    struct fake_vm *vm = mem_zalloc(1, sizeof(*vm));

    memcpy(vm->facts.uuid, uuid, UUID_TEXT);
    snprintf(vm->facts.name, sizeof(vm->facts.name), "%s", name);
    vm->facts.state = HYPER_SHUT_OFF;
    fake->vms = mem_more(fake->vms, fake->n, sizeof(struct fake_vm *));
    fake->vms[fake->n++] = vm;
    return vm;
}

void
fake_vm_drop(struct fake *fake, struct fake_vm *vm)
{
    size_t at = 0;

    while (fake->vms[at] != vm)
        at++;
    /* The order stays: lists are compared by tests. */
    memmove(fake->vms + at, fake->vms + at + 1,
            (--fake->n - at) * sizeof(vm));
    xmlFreeDoc(vm->config);
    xmlFreeDoc(vm->live);
    xmlFreeDoc(vm->frozen);
    while (vm->nleaving)
        free(vm->leaving[--vm->nleaving]);
    free(vm->leaving);
    free(vm);
}

void
fake_vm_freeze(struct fake_vm *vm, bool frozen)
{
    xmlFreeDoc(vm->frozen);
    vm->frozen = frozen && vm->live ? xmlCopyDoc(vm->live, 1) : NULL;
}

void
fake_vm_connect(struct fake *fake, bool connected)
{
    struct fake_item item = {
        .type = connected ? HYPER_EVENT_BACK : HYPER_EVENT_LOST};

    if (fake->lost != connected)
        return;
    fake->lost = !connected;
    fake->since_ms = clock_wall_ms();
    fake_post_add(fake->post, &item);
}

int
fake_vm_unreachable(struct err *err)
{
    err_set(err, ERR_UNREACHABLE, "The connection to the fake is lost");
    if (err)
        err->retry_after_ms = 500;
    return -1;
}

void
fake_vm_tell(struct fake *fake, const struct fake_vm *vm,
             enum hyper_event_type type, const char *device,
             const char *detail)
{
    struct fake_item item = {.type = type, .state = vm->facts.state};

    snprintf(item.uuid, sizeof(item.uuid), "%s", vm->facts.uuid);
    snprintf(item.name, sizeof(item.name), "%s", vm->facts.name);
    snprintf(item.device, sizeof(item.device), "%s", device);
    snprintf(item.detail, sizeof(item.detail), "%s", detail);
    if (type == HYPER_EVENT_LIFECYCLE)
        snprintf(item.reason, sizeof(item.reason), "%s", vm->facts.reason);
    fake_post_add(fake->post, &item);
}

void
fake_vm_set_state(struct fake *fake, struct fake_vm *vm,
                  enum hyper_state state, const char *reason,
                  const char *word)
{
    vm->facts.state = state;
    snprintf(vm->facts.reason, sizeof(vm->facts.reason), "%s", reason);
    fake_vm_tell(fake, vm, HYPER_EVENT_LIFECYCLE, "", word);
}

/* --- devices that leave --------------------------------------------------- */

bool
fake_vm_is_leaving(const struct fake_vm *vm, const char *alias)
{
    for (size_t i = 0; i < vm->nleaving; i++)
        if (strcmp(vm->leaving[i], alias) == 0)
            return true;
    return false;
}

/* Take it out of the live tree; false when it was not leaving any more. */
static bool
let_go(struct fake_vm *vm, const char *alias)
{
    xmlNodePtr device;

    for (size_t i = 0; i < vm->nleaving; i++) {
        if (strcmp(vm->leaving[i], alias) != 0)
            continue;
        free(vm->leaving[i]);
        vm->leaving[i] = vm->leaving[--vm->nleaving];
        device = vm->live ? fake_tree_by_alias(vm->live, alias, NULL) : NULL;
        if (device)
            xml_remove(device);
        return device != NULL;
    }
    return false;
}

static bool
goes(struct fake *fake, const struct fake_item *item)
{
    struct fake_vm *vm;

    LOCK_SCOPE(&fake->lock);
    vm = fake_vm_find(fake, item->uuid, NULL);
    return vm && let_go(vm, item->device);
}

void
fake_vm_carry(void *data, const struct fake_item *item)
{
    struct fake *fake = data;
    struct hyper_event event = {.type = item->type,
                                .uuid = item->uuid,
                                .name = item->name,
                                .device = item->device,
                                .detail = item->detail,
                                .reason = item->reason,
                                .state = item->state};

    if (item->type != HYPER_EVENT_DEVICE_REMOVED || goes(fake, item))
        fake->fn(fake->ctx, &event);
}

/* --- the frame of a call -------------------------------------------------- */

/* Hang, or be slow. Other calls go on meanwhile: the lock is dropped. */
static void
hold(struct fake *fake, const struct fault *fault)
{
    int64_t until = fault->hang ? -1 : clock_mono_ms() + fault->slow_ms;
    unsigned turn = fake->turns;

    if (!fault->hang && !fault->slow_ms)
        return;
    fake->held++;
    while (fake->turns == turn &&
           lock_wait(&fake->lock, &fake->go, until) == 0)
        ;
    fake->held--;
}

struct fake_call
fake_vm_enter(void *backend, const char *name, const char *uuid,
              enum fake_need need, struct err *err)
{
    struct fake_call call = {.fake = backend};

    lock_take(&call.fake->lock);
    if (call.fake->lost) {
        fake_vm_unreachable(err);
        return call;
    }
    call.fault = fake_rules_count(call.fake->rules, name);
    hold(call.fake, &call.fault);
    if (call.fault.lost)
        fake_vm_connect(call.fake, false);
    if (call.fault.fail && !call.fault.applied) {
        fake_rules_fail(&call.fault, err);
        return call;
    }
    call.vm = uuid ? fake_vm_find(call.fake, uuid, err) : NULL;
    call.ok = !uuid || call.vm;
    if (call.vm && need == FAKE_RUNNING && !call.vm->live) {
        err_set(err, ERR_BAD_STATE, "The VM '%s' is not running",
                call.vm->facts.name);
        call.ok = false;
    }
    return call;
}

void
fake_vm_leave(struct fake_call *call)
{
    lock_drop(&call->fake->lock);
}

int
fake_vm_done(const struct fake_call *call, struct err *err)
{
    return call->fault.fail ? fake_rules_fail(&call->fault, err) : 0;
}
