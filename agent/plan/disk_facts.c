// SPDX-License-Identifier: Apache-2.0
/*
 * Sources are hostile: a qcow2 names further files, so each link of its
 * backing chain must be allowed too, and what the caller says of the format
 * is held against the header.
 */
#include "agent/plan/disk_facts.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/mem.h"
#include "agent/plan/lun_facts.h"
#include "agent/plan/room_facts.h"
#include "agent/policy/source.h"

#define CHAIN_MAX 16
#define CLAIM_RETRY_MS 100

static struct source_rules
rules(struct env *env)
{
    const struct conf *conf = env_conf(env);

    return (struct source_rules){conf_list(conf, CONF_PATHS_IMAGES),
                                 conf_list(conf, CONF_PATHS_DEVICES)};
}

static int
read_facts(struct env *env, const char *path, bool block,
           struct image_facts *facts, struct err *err)
{
    struct source_rules allowed = rules(env);
    CLEANUP_FD int fd = source_open(&allowed, path, block, err);

    if (fd < 0)
        return -1;
    if (image_read(fd, facts, err) < 0)
        return err_wrap(err, "source: \"%s\"", path);
    return 0;
}

/* A backing name is absolute, or relative to the image that names it. */
static char *
backing_path(const char *image, const char *backing)
{
    CLEANUP_TEXT char *copy = mem_dup(image);

    if (backing[0] == '/')
        return mem_dup(backing);
    return mem_printf("%s/%s", dirname(copy), backing);
}

static int
check_chain(struct env *env, const char *path, const struct image_facts *top,
            unsigned *below, struct err *err)
{
    struct image_facts facts = *top;
    CLEANUP_TEXT char *at = mem_dup(path);

    for (int depth = 0; facts.backing[0]; depth++) {
        char *next = backing_path(at, facts.backing);

        free(at);
        at = next;
        if (depth == CHAIN_MAX)
            return err_set(err, ERR_SOURCE_BAD,
                           "source: the backing chain of \"%s\" is longer than "
                           "%d images",
                           path, CHAIN_MAX);
        if (read_facts(env, at, false, &facts, err) < 0)
            return err_wrap(err, "the backing chain of \"%s\"", path);
        ++*below;
        if (facts.external_data)
            break;
    }
    if (!facts.external_data)
        return 0;
    return err_set(err, ERR_SOURCE_DENIED,
                   "source: \"%s\" keeps its data in another file that its "
                   "header names; such images are not used",
                   at);
}

static int
check_format(const struct disk *disk, const struct image_facts *facts,
             struct err *err)
{
    char expected[64];

    if (!disk->format || !strcmp(disk->format, facts->format) ||
        !strcmp(disk->format, "raw"))
        return 0;
    snprintf(expected, sizeof(expected), "%s: that is what its header says",
             facts->format);
    return err_param(err, ERR_SOURCE_BAD, "source.format", disk->format,
                     expected);
}

/* The source is for this VM's operation alone until that ends: two that look
 * at once would both find it free. */
static int
claim(struct env *env, const struct disk *disk, const char *vm,
      struct err *err)
{
    char by[UUID_TEXT];

    if (ops_claim(env->ops, vm, disk->path, by))
        return 0;
    err_set(err, ERR_BUSY,
            "source: an operation on VM %s is about to use \"%s\"; try again "
            "when it has ended",
            by, disk->path);
    if (err)
        err->retry_after_ms = CLAIM_RETRY_MS;
    return -1;
}

static bool
is_exclusive(const struct disk *disk)
{
    return !disk->shareable && !disk->read_only && disk->kind != DISK_CDROM;
}

static int
look_at_file(struct env *env, const struct disk *disk, struct disk_seen *seen,
             struct err *err)
{
    struct source_rules allowed = rules(env);
    bool block = disk->source_type == DISK_SOURCE_BLOCK;
    struct err why = ERR_INIT;

    if (read_facts(env, disk->path, block, &seen->image, &why) < 0) {
        if (why.kind == ERR_SOURCE_BAD && !block && disk->size &&
            access(disk->path, F_OK) < 0) {
            seen->create = true;
            return source_may_create(&allowed, disk->path, err);
        }
        *err = why;
        return -1;
    }
    if (check_format(disk, &seen->image, err) < 0)
        return -1;
    return check_chain(env, disk->path, &seen->image, &seen->backing, err);
}

/* What a pool's volume names below it is held to [paths] as a file's is. */
static int
check_volume_chain(struct env *env, const struct hyper_volume *volume,
                   unsigned *below, struct err *err)
{
    struct image_facts facts = {.exists = true};

    if (!volume->backing || volume->block)
        return 0;
    snprintf(facts.backing, sizeof(facts.backing), "%s", volume->backing);
    return check_chain(env, volume->path, &facts, below, err);
}

static void
clear_volume(struct hyper_volume *volume)
{
    hyper_volume_clear(volume);
}

static int
look_at_volume(struct env *env, const struct disk *disk,
               struct disk_seen *seen, struct err *err)
{
    CLEANUP(clear_volume) struct hyper_volume volume = {.path = NULL};
    struct err why = ERR_INIT;

    if (hyper_require(env->hyper, HYPER_POOLS, "source.type", err) < 0)
        return -1;
    if (hyper_volume(env->hyper, disk->far.pool, disk->far.name, &volume,
                     &why) < 0) {
        seen->create = why.kind == ERR_NOT_FOUND && disk->size;
        if (seen->create)
            return 0;
        *err = why;
        return err_wrap(err, "source: \"%s\"", disk->path);
    }
    seen->image.exists = true;
    seen->image.virtual_size = volume.bytes;
    snprintf(seen->image.format, sizeof(seen->image.format), "%s",
             volume.format ? volume.format : "raw");
    if (check_format(disk, &seen->image, err) < 0)
        return -1;
    return check_volume_chain(env, &volume, &seen->backing, err);
}

static int
look_at_far(struct env *env, const struct disk *disk, struct disk_seen *seen,
            struct err *err)
{
    (void)seen; /* who answers is asked by lun_facts */
    if (disk->size)
        return err_param(err, ERR_INVALID, "size", "a size",
                         "no size: berth makes image files and volumes, "
                         "nothing on other hosts");
    for (size_t i = 0; i < disk->far.nhosts; i++)
        if (source_host(conf_list(env_conf(env), CONF_PATHS_HOSTS),
                        disk->far.hosts[i].name, disk->far.hosts[i].port,
                        err) < 0)
            return -1;
    if (disk->far.secret &&
        hyper_require(env->hyper, HYPER_SECRETS, "source.secret", err) < 0)
        return -1;
    return lun_facts_answers(env, disk, 0, err);
}

typedef int (*look_fn)(struct env *env, const struct disk *disk,
                       struct disk_seen *seen, struct err *err);

static const look_fn looks[DISK_SOURCE_TYPES] = {
    [DISK_SOURCE_FILE] = look_at_file,   [DISK_SOURCE_BLOCK] = look_at_file,
    [DISK_SOURCE_ISCSI] = look_at_far,   [DISK_SOURCE_NBD] = look_at_far,
    [DISK_SOURCE_RBD] = look_at_far,     [DISK_SOURCE_VOLUME] = look_at_volume,
};

/* Who answers, and is it the one that was recorded? */
static int
look_at_lun(struct env *env, const struct known *known,
            const struct disk *disk, const struct disk *row, const char *uuid,
            struct disk_seen *seen, struct err *err)
{
    int64_t deadline_ms = known->request ? known->request->deadline_ms : 0;

    if (!lun_facts_concern(disk))
        return 0;
    if (lun_facts_look(env, disk, uuid, deadline_ms, &seen->lun, seen->warning,
                       err) < 0 ||
        (row && lun_facts_compare(row, &seen->lun, err) < 0))
        return -1;
    return lun_facts_free(env, disk, &seen->lun, uuid, err);
}

int
disk_facts_check(struct env *env, const struct known *known,
                 const struct disk *disk, const struct disk *row,
                 const char *uuid, struct disk_seen *seen, struct err *err)
{
    look_fn look = looks[disk->source_type];

    if (!look)
        return 0;
    if (is_exclusive(disk) && claim(env, disk, uuid, err) < 0)
        return -1;
    /* A LUN's blocks are the guest's: no header of theirs is believed. */
    if (!(disk->kind == DISK_LUN && disk->source_type == DISK_SOURCE_BLOCK) &&
        look(env, disk, seen, err) < 0)
        return -1;
    if (is_exclusive(disk) && !seen->create)
        vm_table_source_used(env->vms, disk->path, uuid, seen->used_by);
    lun_facts_host(env, known, disk, &seen->host);
    return look_at_lun(env, known, disk, row, uuid, seen, err);
}

static const struct disk *
wished(const struct known *known, const struct disk_wish *wish)
{
    return wish->disk ? wish->disk : known_disk(known, wish->disk_id);
}

static int
look_at_source(struct env *env, const struct known *known,
               struct disk_wish *wish, struct err *err)
{
    const struct disk *disk = wished(known, wish);

    return disk_facts_check(env, known, disk, known_disk(known, disk->id),
                            known->vm->record.uuid, &wish->seen, err);
}

int
disk_facts_source(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct disk_wish *wish = ctx;

    if (look_at_source(env, known, wish, err) < 0)
        return -1;
    return room_facts_check(env, known, wish, 1, err);
}

int
disk_facts_sources(struct env *env, const struct known *known, void *ctx,
                   struct err *err)
{
    struct disk_wishes *wishes = ctx;

    for (size_t i = 0; i < wishes->n; i++)
        if (look_at_source(env, known, &wishes->items[i], err) < 0)
            return err_wrap(err, "disks[%zu]", i);
    return room_facts_check(env, known, wishes->items, wishes->n, err);
}

int
disk_facts_update(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    json_t *source = json_object_get(wish->set, "source");
    CLEANUP_JSON json_t *object = NULL;
    CLEANUP_DISK struct disk *disk = NULL;

    lun_facts_host(env, known, row, &wish->seen.host);
    if (row->kind != DISK_CDROM || !source)
        return 0;
    object = disk_to_json(row, NULL);
    json_put(object, "source", json_incref(source));
    disk = disk_from_json(object, "set.", err);
    return disk ? disk_facts_check(env, known, disk, NULL,
                                   known->vm->record.uuid, &wish->seen, err)
                : -1;
}

int
disk_facts_delete(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct disk_wish *wish = ctx;
    const struct disk *disk = wished(known, wish);
    struct source_rules allowed = rules(env);
    CLEANUP_FD int fd = -1;

    if (!wish->delete_image || (disk->source_type != DISK_SOURCE_FILE &&
                                disk->source_type != DISK_SOURCE_VOLUME))
        return 0;
    if (claim(env, disk, known->vm->record.uuid, err) < 0)
        return -1;
    vm_table_source_used(env->vms, disk->path, known->vm->record.uuid,
                         wish->seen.used_by);
    if (disk->source_type == DISK_SOURCE_VOLUME)
        return hyper_require(env->hyper, HYPER_POOLS, "delete", err);
    if (access(disk->path, F_OK) < 0)
        return 0;
    fd = source_open(&allowed, disk->path, false, err);
    return fd < 0 ? -1 : 0;
}

int
disk_facts_size(struct env *env, const struct known *known, void *ctx,
                struct err *err)
{
    struct disk_wish *wish = ctx;
    const struct disk *disk = wished(known, wish);

    if (disk->kind == DISK_LUN) {
        if (lun_facts_look(env, disk, known->vm->record.uuid, 0,
                           &wish->seen.lun, wish->seen.warning, err) < 0)
            return -1;
        return lun_facts_compare(disk, &wish->seen.lun, err);
    }
    if (disk->source_type == DISK_SOURCE_VOLUME)
        return look_at_volume(env, disk, &wish->seen, err);
    if (disk->source_type != DISK_SOURCE_FILE)
        return 0;
    return read_facts(env, disk->path, false, &wish->seen.image, err);
}

int
disk_facts_allowed(struct env *env, const char *path, bool block,
                   const char *format, struct err *err)
{
    struct image_facts facts;

    if (read_facts(env, path, block, &facts, err) < 0)
        return -1;
    if (!format || !strcmp(format, "raw"))
        return 0;
    if (strcmp(format, facts.format) != 0 || facts.backing[0] ||
        facts.external_data)
        return err_set(err, ERR_SOURCE_DENIED,
                       "source: \"%s\" is no %s image that stands alone", path,
                       format);
    return 0;
}
