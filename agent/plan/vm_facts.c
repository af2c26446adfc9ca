// SPDX-License-Identifier: Apache-2.0
/*
 * Every path of a VM that is to be made is held against [paths]: disks as in
 * AddDisk, kernel and initrd read, the serial log written.
 */
#include "agent/plan/vm_facts.h"

#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"
#include "agent/plan/disk_facts.h"
#include "agent/plan/lun_facts.h"
#include "agent/policy/source.h"

struct vm_defaults
vm_facts_defaults(struct env *env)
{
    const struct conf *conf = env_conf(env);

    return (struct vm_defaults){
        .virtio_scsi = conf_int(conf, CONF_VM_VIRTIO_SCSI) != 0,
        .spare_root_ports =
            (unsigned)conf_int(conf, CONF_VM_SPARE_ROOT_PORTS),
        .per_iothread =
            !strcmp(conf_text(conf, CONF_SCSI_CONTROLLERS), "per_iothread"),
        .virt = env->virt,
    };
}

static int
check_name(struct env *env, const struct vm *vm, struct err *err)
{
    struct err ignored = ERR_INIT;
    char uuid[UUID_TEXT];
    struct hyper_domain seen;

    if (hyper_find(env->hyper, vm->name, &seen, &ignored) < 0)
        return 0;
    if (uuid_canon(seen.uuid, uuid) && !strcmp(uuid, vm->id))
        return 0;
    return err_set(err, ERR_EXISTS,
                   "name: there is a VM \"%s\" already (%s); choose another "
                   "name",
                   vm->name, seen.uuid);
}

static int
check_file(struct env *env, const char *field, const char *path,
           bool may_create, struct err *err)
{
    const struct conf *conf = env_conf(env);
    struct source_rules rules = {conf_list(conf, CONF_PATHS_IMAGES),
                                 conf_list(conf, CONF_PATHS_DEVICES)};
    int rc;

    if (!path)
        return 0;
    if (may_create && access(path, F_OK) < 0) {
        rc = source_may_create(&rules, path, err);
    } else {
        CLEANUP_FD int fd = source_open(&rules, path, false, err);

        rc = fd < 0 ? -1 : 0;
    }
    return rc < 0 ? err_wrap(err, "%s", field) : 0;
}

static int
check_disks(struct env *env, const struct known *known, struct vm_wish *wish,
            struct err *err)
{
    const struct vm *vm = wish->vm;

    wish->seen = mem_zalloc(vm->ndisks + 1, sizeof(*wish->seen));
    wish->nseen = vm->ndisks;
    for (size_t i = 0; i < vm->ndisks; i++) {
        struct disk_seen *seen = &wish->seen[i];

        if (disk_facts_check(env, known, vm->disks[i], NULL, vm->id, seen,
                             err) < 0)
            return err_wrap(err, "disks[%zu]", i);
        if (seen->used_by[0])
            return err_set(err, ERR_BUSY,
                           "disks[%zu].source: \"%s\" is in use by VM \"%s\"",
                           i, vm->disks[i]->path, seen->used_by);
    }
    return 0;
}

int
vm_facts_create(struct env *env, const struct known *known, void *ctx,
                struct err *err)
{
    struct vm_wish *wish = ctx;
    const struct vm *vm = wish->vm;

    if (known->vm && known->vm->present)
        return 0;
    if (check_name(env, vm, err) < 0 ||
        check_file(env, "kernel", vm->kernel, false, err) < 0 ||
        check_file(env, "initrd", vm->initrd, false, err) < 0 ||
        check_file(env, "serial_log", vm->serial_log, true, err) < 0)
        return -1;
    return check_disks(env, known, wish, err);
}

/* A start plugs every disk of the definition, and QEMU waits for each. */
int
vm_facts_start(struct env *env, const struct known *known, void *ctx,
               struct err *err)
{
    const char *uuid = known->vm->record.uuid;

    (void)ctx;
    if (known->vm->active)
        return 0;
    for (size_t i = 0; i < known->ndevices; i++) {
        const struct disk *disk = known->devices[i]->disk;

        if (!disk || !disk_plan_config(known, disk))
            continue;
        if (lun_facts_same(env, disk, uuid, err) < 0 ||
            lun_facts_free(env, disk, &disk->lun, uuid, err) < 0)
            return err_wrap(err, "disk %s", disk->id);
    }
    return 0;
}
