// SPDX-License-Identifier: Apache-2.0
/*
 * What the host says about the sources that an engine's documents name. The
 * engine is believed about formats of images that are there, and about
 * nothing else.
 */
#include "agent/plan/engine_facts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"
#include "agent/plan/disk_facts.h"

static int
check_name(struct env *env, const struct engine_domain *domain,
           struct err *err)
{
    struct err ignored = ERR_INIT;
    struct hyper_domain seen;
    char uuid[UUID_TEXT];

    if (hyper_find(env->hyper, domain->name, &seen, &ignored) < 0 ||
        (uuid_canon(seen.uuid, uuid) && !strcmp(uuid, domain->uuid)))
        return 0;
    return err_set(err, ERR_EXISTS,
                   "There is a VM \"%s\" already (%s); its name cannot be "
                   "given to %s",
                   domain->name, seen.uuid, domain->uuid);
}

/* libvirt would start the drive empty, too. */
static bool
is_missing_medium(const struct disk *disk)
{
    return disk->kind == DISK_CDROM && disk->path && disk->foreign &&
           strstr(disk->foreign, "startupPolicy=\"optional\"") &&
           access(disk->path, F_OK) < 0;
}

static int
check_disk(struct env *env, const struct known *known,
           struct engine_wish *wish, size_t i, struct err *err)
{
    struct disk *disk = wish->disks[i];
    struct disk_seen *seen = &wish->seen[i];

    if (is_missing_medium(disk)) {
        engine_warn(wish->domain->warnings,
                    "%s starts empty: \"%s\" is not there", disk->alias,
                    disk->path);
        engine_domain_eject(wish->domain, disk->alias);
        return 0;
    }
    if (disk_facts_check(env, known, disk, known_disk(known, disk->id),
                         wish->domain->uuid, seen, err) < 0)
        return err_wrap(err, "disk %s", disk->alias);
    if (seen->used_by[0])
        return err_set(err, ERR_BAD_STATE,
                       "disk %s: \"%s\" is in use by VM \"%s\"", disk->alias,
                       disk->path, seen->used_by);
    return 0;
}

int
engine_facts_create(struct env *env, const struct known *known, void *ctx,
                    struct err *err)
{
    struct engine_wish *wish = ctx;

    if (known->vm && known->vm->active)
        return 0;
    if (check_name(env, wish->domain, err) < 0)
        return -1;
    wish->seen = mem_zalloc(wish->ndisks + 1, sizeof(*wish->seen));
    for (size_t i = 0; i < wish->ndisks; i++)
        if (check_disk(env, known, wish, i, err) < 0)
            return -1;
    return 0;
}

int
engine_facts_plug(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct engine_wish *wish = ctx;

    return disk_facts_source(env, known, &wish->plug, err);
}

int
engine_facts_size(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct engine_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->plug.disk_id);

    return row ? disk_facts_check(env, known, row, row,
                                  known->vm->record.uuid, &wish->plug.seen,
                                  err)
               : 0;
}
