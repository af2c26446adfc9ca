// SPDX-License-Identifier: Apache-2.0
/*
 * From libvirt to the VM table, and from there to rows: a disk or controller
 * that has none gets one with the address it has now; a row whose device came
 * or went outside is brought up to date and announced. What is pending is
 * left to who waits for it.
 */
#include "agent/plan/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/plan/lun_facts.h"
#include "agent/plan/mirror.h"
#include "agent/state/vm_doubt.h"

#define ASK_TIMES 5
#define RAWIO_NOT_ASKED 2

/* --- looking ------------------------------------------------------------ */

/* False when an event told the state meanwhile: the answer may be older. */
static bool
seen(struct env *env, const struct hyper_domain *domain, unsigned told)
{
    return vm_table_seen(
        env->vms,
        &(struct vm_seen){domain->uuid, domain->name,
                          hyper_state_name(domain->state), domain->reason,
                          hyper_state_active(domain->state),
                          domain->persistent, domain->autostart,
                          .told = told});
}

/* libvirt may answer late, with a state that an event has overtaken. */
int
adopt_state(struct env *env, const char *uuid, struct hyper_domain *out,
            struct err *err)
{
    for (int i = 0; i < ASK_TIMES; i++) {
        CLEANUP_VM_INFO struct vm_info info = {.told = 0};

        vm_table_get(env->vms, uuid, &info);
        if (hyper_find(env->hyper, uuid, out, err) < 0)
            return -1;
        if (seen(env, out, info.told))
            break;
    }
    return 0;
}

int
adopt_find(struct env *env, const char *ref, char uuid[UUID_TEXT],
           struct err *err)
{
    struct hyper_domain domain;

    if (hyper_find(env->hyper, ref, &domain, err) < 0)
        return -1;
    if (!seen(env, &domain, 0) &&
        adopt_state(env, domain.uuid, &domain, err) < 0)
        return -1;
    snprintf(uuid, UUID_TEXT, "%s", domain.uuid);
    return 0;
}

/* One view, and its devices folded into print (FNV-1a, 64 bits): what stands
 * before them, such as a balloon's size, changes by itself. */
static struct domain *
read_view(struct env *env, const char *uuid, enum hyper_xml which,
          uint64_t *print, struct err *err)
{
    CLEANUP_TEXT char *xml = hyper_domain_xml(env->hyper, uuid, which, err);
    const char *at = xml ? strstr(xml, "<devices>") : NULL;

    for (at = at ? at : xml; at && *at; at++)
        *print = (*print ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return xml ? domain_parse(xml, err) : NULL;
}

static int
read_both(struct env *env, const struct hyper_domain *domain, uint64_t *print,
          struct err *err)
{
    CLEANUP_DOMAIN struct domain *live = NULL, *config = NULL;
    CLEANUP_VM_INFO struct vm_info info = {.active = false};
    const char *uuid = domain->uuid;

    if (hyper_state_active(domain->state)) {
        live = read_view(env, uuid, HYPER_XML_LIVE, print, err);
        if (!live)
            return -1;
    }
    if (domain->persistent) {
        config = read_view(env, uuid, HYPER_XML_CONFIG, print, err);
        if (!config)
            return -1;
    }
    vm_table_views(env->vms, uuid, live, config);
    /* It may have stopped meanwhile, which an event told. */
    if (!live || !vm_table_get(env->vms, uuid, &info) || !info.active)
        vm_table_no_live(env->vms, uuid);
    return 0;
}

int
adopt_read(struct env *env, const char *uuid, uint64_t *print, struct err *err)
{
    uint64_t sum = UINT64_C(14695981039346656037);
    struct hyper_domain domain;
    struct err why = ERR_INIT;

    if (adopt_state(env, uuid, &domain, &why) < 0 ||
        read_both(env, &domain, &sum, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            vm_table_absent(env->vms, uuid);
        if (err)
            *err = why;
        return -1;
    }
    if (print)
        *print = sum ? sum : 1;
    return 0;
}

int
adopt_refresh(struct env *env, const char *uuid, bool force, struct err *err)
{
    CLEANUP_VM_INFO struct vm_info info = {.stale = true};

    if (vm_table_get(env->vms, uuid, &info) && !force && !info.stale &&
        info.present && (info.live || !info.active) &&
        (info.config || !info.persistent))
        return 0;
    return adopt_read(env, uuid, NULL, err);
}

/* --- which there are ------------------------------------------------------ */

static void
tell_state(struct env *env, const json_t *told, const char *uuid,
           const char *state)
{
    CLEANUP_JSON json_t *data = NULL;

    if (!strcmp(json_get_text(told, uuid, ""), state))
        return;
    data = json_object();
    json_put_text(data, "state", state);
    eventlog_post(env->eventlog, &(struct event){.type = "vm.state",
                                                 .vm = uuid,
                                                 .origin = "reconcile",
                                                 .data = data});
}

static bool
is_listed(const struct hyper_domain *domains, size_t n, const char *uuid)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(domains[i].uuid, uuid))
            return true;
    return false;
}

static unsigned
told_before(const struct vm_info *before, size_t n, const char *uuid)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(before[i].record.uuid, uuid))
            return before[i].told;
    return 0;
}

int
adopt_list(struct env *env, struct err *err)
{
    CLEANUP_FREE struct hyper_domain *domains = NULL;
    CLEANUP_FREE struct vm_info *before = NULL;
    CLEANUP_JSON json_t *told = eventlog_states(env->eventlog);
    size_t n, nbefore;
    int rc;

    before = vm_table_all(env->vms, &nbefore);
    for (size_t i = 0; i < nbefore; i++)
        vm_info_clear(&before[i]);
    rc = hyper_list(env->hyper, &domains, &n, err);
    for (size_t i = 0; rc == 0 && i < nbefore; i++) {
        const char *uuid = before[i].record.uuid;

        if (is_listed(domains, n, uuid))
            continue;
        vm_table_absent(env->vms, uuid);
        tell_state(env, told, uuid, "undefined");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct hyper_domain *domain = &domains[i];

        if (seen(env, domain, told_before(before, nbefore, domain->uuid)) ||
            adopt_state(env, domain->uuid, domain, NULL) == 0)
            tell_state(env, told, domain->uuid,
                       hyper_state_name(domain->state));
    }
    return rc;
}

/* --- rows --------------------------------------------------------------- */

struct adoption {
    struct env *env;
    const char *uuid;
    struct vm_info info;
    struct device **rows;
    size_t nrows;
    struct store_batch *batch;
    struct device **changed; /* owned copies, for memory after the commit */
    size_t nchanged;
    bool first; /* not recorded before */
    struct mirror *mirror; /* owned; what another host left, with first */
    unsigned loss;
    int rawio; /* of lun_facts_rawio, once asked */
};

static void
change(struct adoption *a, struct device *device /* takes */)
{
    device_row(a->batch, a->uuid, device);
    a->changed = mem_more(a->changed, a->nchanged, sizeof(*a->changed));
    a->changed[a->nchanged++] = device;
}

static bool
is_user_alias(const char *alias)
{
    return alias && !strncmp(alias, "ua-", 3);
}

/* A row and a disk of a view are the same device: by user alias, else by
 * target name. */
static bool
same_disk(const struct disk *row, const struct disk *disk)
{
    if (is_user_alias(row->alias) || is_user_alias(disk->alias))
        return row->alias && disk->alias && !strcmp(row->alias, disk->alias);
    return row->target && disk->target && !strcmp(row->target, disk->target);
}

static struct device *
row_of(const struct adoption *a, const struct disk *disk)
{
    for (size_t i = 0; i < a->nrows; i++)
        if (a->rows[i]->disk && same_disk(a->rows[i]->disk, disk))
            return a->rows[i];
    for (size_t i = 0; i < a->nchanged; i++)
        if (a->changed[i]->disk && same_disk(a->changed[i]->disk, disk))
            return a->changed[i];
    return NULL;
}

static bool
id_taken(const struct adoption *a, const char *id)
{
    for (size_t i = 0; i < a->nrows; i++)
        if (!strcmp(a->rows[i]->id, id))
            return true;
    for (size_t i = 0; i < a->nchanged; i++)
        if (!strcmp(a->changed[i]->id, id))
            return true;
    return false;
}

/* The id in its alias, else that which another host's berthd gave it, else its
 * serial where that is a UUID not yet used,
 * else a new one. */
static void
choose_id(const struct adoption *a, struct disk *disk)
{
    const struct mirror_disk *left = mirror_at(a->mirror, disk->target);

    if (disk->id[0] && !id_taken(a, disk->id))
        return;
    if (left && !id_taken(a, left->id)) {
        memcpy(disk->id, left->id, sizeof(disk->id));
        return;
    }
    if (disk->serial && uuid_canon(disk->serial, disk->id) &&
        !id_taken(a, disk->id))
        return;
    uuid_new(disk->id);
}

static void
announce(struct adoption *a, const struct disk *disk)
{
    bool plugged = disk->state == DISK_PLUGGED;

    eventlog_add(a->env->eventlog, a->batch,
                 &(struct event){.type = plugged ? "disk.plugged"
                                                 : "disk.unplugged",
                                 .vm = a->uuid,
                                 .device = disk->alias,
                                 .origin = a->info.doubt == VM_DOUBT_ROWS
                                               ? "reconcile"
                                               : "hypervisor"});
}

static const struct disk *
find_in(const struct domain *view, const struct disk *row)
{
    for (size_t i = 0; view && i < view->ndisks; i++)
        if (same_disk(row, view->disks[i]))
            return view->disks[i];
    return NULL;
}

/* What is in force for a LUN of the running VM; false where that is what was
 * known already, or where nothing runs. live: as the live XML has it. */
static bool
tell_effective(struct adoption *a, const struct disk *live,
               struct disk_effective *known)
{
    struct disk_effective now = {.sgio = ""};

    if (!a->info.active || !live || live->kind != DISK_LUN)
        return false;
    if (a->rawio == RAWIO_NOT_ASKED)
        a->rawio = lun_facts_rawio(a->env, &a->info);
    grant_effective(live, a->rawio, &now);
    if (!memcmp(&now, known, sizeof(now)))
        return false;
    *known = now;
    return true;
}

/* What was asked of a LUN elsewhere. It is no grant: that is given here, by a
 * peer who may, when it is put in force. */
static void
adopt_asked(const struct adoption *a, struct disk *disk)
{
    const struct mirror_disk *left = mirror_at(a->mirror, disk->target);

    if (left && left->asks && disk->kind == DISK_LUN &&
        !strcmp(left->id, disk->id))
        disk->scsi = left->scsi;
}

static void
adopt_disk(struct adoption *a, const struct disk *disk)
{
    CLEANUP_DISK struct disk *copy = NULL;
    struct device *row = row_of(a, disk);

    if (row || disk->interface == DISK_OTHER_BUS)
        return;
    copy = disk_copy(disk);
    choose_id(a, copy);
    copy->wanted = true;
    copy->state = DISK_PLUGGED;
    adopt_asked(a, copy);
    tell_effective(a, find_in(a->info.live, disk), &copy->effective);
    change(a, device_for_disk(copy));
    if (!a->first)
        announce(a, copy);
}

static void
adopt_controller(struct adoption *a, const struct controller *controller)
{
    struct device *device;

    if (!controller_is_virtio_scsi(controller))
        return;
    device = device_for_controller(controller);
    if (id_taken(a, device->id))
        device_free(device);
    else
        change(a, device);
}

static void
adopt_view(struct adoption *a, const struct domain *view)
{
    for (size_t i = 0; view && i < view->ndisks; i++)
        adopt_disk(a, view->disks[i]);
    for (size_t i = 0; view && i < view->ncontrollers; i++)
        if (!a->info.config ||
            domain_controller(a->info.config, "scsi",
                              view->controllers[i].index))
            adopt_controller(a, &view->controllers[i]);
}

/* Its address, unless something else has it here. */
static void
keep_address(const struct adoption *a, struct address_pool *pool,
             struct disk *disk)
{
    if (disk->address.type == ADDRESS_NONE)
        return;
    if (!address_pool_owner(pool, disk_bus(disk), &disk->address)) {
        address_pool_take(pool, disk_bus(disk), &disk->address, disk->id);
        return;
    }
    log_warning("VM %s: the address that disk %s had is taken now; it gets "
                "another one when it is plugged",
                a->uuid, disk->id);
    disk->address = (struct address){.type = ADDRESS_NONE};
}

/* Disks that another host knew and that are not plugged. */
static void
adopt_unplugged(struct adoption *a)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();

    if (a->info.live)
        domain_take_addresses(a->info.live, pool);
    if (a->info.config)
        domain_take_addresses(a->info.config, pool);
    for (size_t i = 0; i < a->mirror->ndisks; i++) {
        const struct disk *left = a->mirror->disks[i].disk;
        CLEANUP_DISK struct disk *copy = NULL;

        if (!left || id_taken(a, left->id))
            continue;
        copy = disk_copy(left);
        keep_address(a, pool, copy);
        change(a, device_for_disk(copy));
    }
}

/* What stands in the domain's metadata, as long as nothing is recorded. */
static void
read_mirror(struct adoption *a)
{
    const struct domain *view =
        a->info.config ? a->info.config : a->info.live;
    CLEANUP_JSON json_t *bad = json_array();
    const json_t *text;
    size_t i;

    a->mirror = mirror_read(a->first && view ? view->metadata : NULL, bad);
    json_array_foreach(bad, i, text)
        log_warning("VM %s: part of its metadata is not used: %s", a->uuid,
                    json_string_value(text));
}

/* Bring a row up to date with what the views say of its device. */
static void
update_row(struct adoption *a, const struct device *device)
{
    const struct disk *row = device->disk, *now;
    struct disk_effective effective;
    enum disk_state state;
    struct device *copy;

    if (!row || row->state == DISK_UNPLUG_PENDING ||
        row->state == DISK_ROLLBACK_PENDING)
        return;
    effective = row->effective;
    now = find_in(a->info.active ? a->info.live : a->info.config, row);
    state = now ? DISK_PLUGGED : DISK_UNPLUGGED;
    if (!tell_effective(a, now, &effective) && state == row->state &&
        (!now || !now->alias || is_user_alias(now->alias) ||
         (row->alias && !strcmp(row->alias, now->alias))))
        return;
    copy = device_copy(device);
    copy->disk->effective = effective;
    if (now && now->alias && !is_user_alias(row->alias)) {
        free(copy->disk->alias);
        copy->disk->alias = mem_dup(now->alias);
    }
    if (state != row->state) {
        copy->disk->state = state;
        copy->disk->wanted = state == DISK_PLUGGED;
        announce(a, copy->disk);
    }
    change(a, copy);
}

static void
adoption_clear(struct adoption *a)
{
    vm_info_clear(&a->info);
    device_free_all(a->rows, a->nrows);
    device_free_all(a->changed, a->nchanged);
    store_batch_free(a->batch);
    mirror_free(a->mirror);
}

static int
adoption_commit(struct adoption *a, struct err *err)
{
    if ((a->first || a->nchanged) &&
        store_commit(a->env->store, STEAL(a->batch), err) < 0)
        return -1;
    if (a->first)
        vm_table_put(a->env->vms, &a->info.record);
    for (size_t i = 0; i < a->nchanged; i++)
        vm_table_device_put(a->env->vms, a->uuid, a->changed[i]);
    vm_doubt_lower(a->env->vms, a->uuid, VM_DOUBT_NONE, a->loss);
    return 0;
}

int
adopt_vm(struct env *env, const char *uuid, struct err *err)
{
    CLEANUP(adoption_clear) struct adoption a = {
        .env = env,
        .uuid = uuid,
        .loss = vm_doubt_loss(env->vms),
        .rawio = RAWIO_NOT_ASKED};

    if (!vm_table_get(env->vms, uuid, &a.info) || !a.info.present)
        return err_set(err, ERR_NOT_FOUND, "There is no VM %s on this host",
                       uuid);
    if (a.info.doubt == VM_DOUBT_VIEWS)
        return 0;
    a.rows = vm_table_devices(env->vms, uuid, &a.nrows);
    a.batch = store_batch_new();
    a.first = !a.info.recorded;
    read_mirror(&a);
    if (a.first) {
        a.info.record.adopted = true;
        a.info.record.virtio_scsi = a.mirror->virtio_scsi != 0;
        memcpy(a.info.record.guest_os, a.mirror->guest_os,
               sizeof(a.info.record.guest_os));
        vm_table_row(a.batch, &a.info.record);
        log_info("VM \"%s\" (%s) is adopted with the addresses it has",
                 a.info.record.name, uuid);
    }
    for (size_t i = 0; i < a.nrows; i++)
        update_row(&a, a.rows[i]);
    adopt_view(&a, a.info.live);
    adopt_view(&a, a.info.config);
    adopt_unplugged(&a);
    return adoption_commit(&a, err);
}
