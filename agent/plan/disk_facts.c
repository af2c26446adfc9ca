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
            struct err *err)
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

int
disk_facts_check(struct env *env, const struct disk *disk, const char *vm,
                 bool *create, struct image_facts *facts, char used_by[256],
                 struct err *err)
{
    struct source_rules allowed = rules(env);
    bool block = disk->source_type == DISK_SOURCE_BLOCK;
    struct err why = ERR_INIT;

    *create = false;
    used_by[0] = '\0';
    if (disk->source_type == DISK_SOURCE_NONE ||
        disk->source_type == DISK_SOURCE_OTHER)
        return 0;
    if (is_exclusive(disk) && claim(env, disk, vm, err) < 0)
        return -1;
    if (read_facts(env, disk->path, block, facts, &why) < 0) {
        if (why.kind == ERR_SOURCE_BAD && !block && disk->size &&
            access(disk->path, F_OK) < 0) {
            *create = true;
            return source_may_create(&allowed, disk->path, err);
        }
        *err = why;
        return -1;
    }
    if (is_exclusive(disk))
        vm_table_source_used(env->vms, disk->path, vm, used_by);
    if (check_format(disk, facts, err) < 0)
        return -1;
    return check_chain(env, disk->path, facts, err);
}

static const struct disk *
wished(const struct known *known, const struct disk_wish *wish)
{
    return wish->disk ? wish->disk : known_disk(known, wish->disk_id);
}

int
disk_facts_source(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct disk_wish *wish = ctx;

    return disk_facts_check(env, wished(known, wish), known->vm->record.uuid,
                            &wish->create, &wish->image, wish->used_by, err);
}

int
disk_facts_sources(struct env *env, const struct known *known, void *ctx,
                   struct err *err)
{
    struct disk_wishes *wishes = ctx;

    for (size_t i = 0; i < wishes->n; i++)
        if (disk_facts_source(env, known, &wishes->items[i], err) < 0)
            return err_wrap(err, "disks[%zu]", i);
    return 0;
}

int
disk_facts_medium(struct env *env, const struct known *known, void *ctx,
                  struct err *err)
{
    struct disk_wish *wish = ctx;
    const struct disk *row = known_disk(known, wish->disk_id);
    json_t *source = json_object_get(wish->set, "source");
    CLEANUP_JSON json_t *object = NULL;
    CLEANUP_DISK struct disk *disk = NULL;

    if (row->kind != DISK_CDROM || !source)
        return 0;
    object = disk_to_json(row, NULL);
    json_put(object, "source", json_incref(source));
    disk = disk_from_json(object, "set.", err);
    return disk ? disk_facts_check(env, disk, known->vm->record.uuid,
                                   &wish->create, &wish->image, wish->used_by,
                                   err)
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

    if (!wish->delete_image || disk->source_type != DISK_SOURCE_FILE)
        return 0;
    if (claim(env, disk, known->vm->record.uuid, err) < 0)
        return -1;
    vm_table_source_used(env->vms, disk->path, known->vm->record.uuid,
                         wish->used_by);
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

    if (disk->source_type != DISK_SOURCE_FILE)
        return 0;
    return read_facts(env, disk->path, false, &wish->image, err);
}
