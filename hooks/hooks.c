// SPDX-License-Identifier: Apache-2.0
/*
 * The room itself: how many points run scripts at once, and what there is to
 * run. A place is waited for with no lock held by anybody else's hook.
 */
#include "hooks/hooks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/digest.h"
#include "agent/common/file.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "hooks/runner.h"

#define SCRIPT_MAX (16u << 20) /* of one whose checksum is told */

struct hooks {
    struct lock lock;
    pthread_cond_t free;
    int running; /* points that run scripts now */
    char *helper, *python;
    struct book *book;
};

struct hooks *
hooks_new(const struct hooks_setup *setup)
{
    struct hooks *hooks = mem_zalloc(1, sizeof(*hooks));

    lock_init(&hooks->lock, LOCK_LEAF);
    lock_cond_init(&hooks->free);
    hooks->helper = mem_dup(setup->helper);
    hooks->python = mem_dup(setup->python);
    hooks->book = book_new();
    return hooks;
}

void
hooks_free(struct hooks *hooks)
{
    if (!hooks)
        return;
    book_free(hooks->book);
    free(hooks->helper);
    free(hooks->python);
    pthread_cond_destroy(&hooks->free);
    lock_destroy(&hooks->lock);
    free(hooks);
}

/* --- a run -------------------------------------------------------------------
 */

static int
take_place(struct hooks *hooks, const struct hook_call *call, struct err *err)
{
    const struct point *point = points_row(call->point);
    int64_t wait =
        call->rules->point_ms ? call->rules->point_ms : point->deadline_ms;
    int64_t until = clock_mono_ms() + wait;

    if (call->deadline_ms && call->deadline_ms < until)
        until = call->deadline_ms;
    LOCK_SCOPE(&hooks->lock);
    while (hooks->running >= call->rules->max) {
        if (lock_wait(&hooks->lock, &hooks->free, until) == 0)
            continue;
        return err_set(err, ERR_BUSY,
                       "Hook scripts of %s had no turn in %lld ms: %d others "
                       "run ([hooks] max)",
                       point->name, (long long)wait, hooks->running);
    }
    hooks->running++;
    return 0;
}

static void
give_place(struct hooks *hooks)
{
    LOCK_SCOPE(&hooks->lock);
    hooks->running--;
    pthread_cond_signal(&hooks->free);
}

bool
hooks_find(const struct hook_rules *rules, enum point_id point,
           struct scripts *out)
{
    scripts_find(rules->dirs, points_row(point)->name, out);
    return out->n > 0;
}

int
hooks_run(struct hooks *hooks, const struct hook_call *call,
          struct hook_outcome *out, struct err *err)
{
    const struct runner runner = {hooks->helper, hooks->python, hooks->book};
    struct err why = ERR_INIT;
    int rc = -1;

    *out = (struct hook_outcome){.flags = call->flags, .scripts = json_array()};
    if (take_place(hooks, call, &why) == 0) {
        rc = runner_run(&runner, call, out, &why);
        give_place(hooks);
    }
    if (rc == 0)
        return 0;
    if (points_row(call->point)->on_failure == POINT_STOPS || call->test) {
        *err = why;
        return -1;
    }
    log_warning("The operation goes on: %s", why.message);
    return 0;
}

/* --- what there is
 * ------------------------------------------------------------ */

static bool
checksum(const char *path, char out[DIGEST_HEX])
{
    size_t len;
    CLEANUP_FREE char *text = file_read(path, SCRIPT_MAX, &len, NULL);

    if (text)
        digest_sha256(text, len, out);
    return text != NULL;
}

static json_t *
grants_json(unsigned grants)
{
    json_t *list = json_array();

    for (int i = 0; i < JUDGE_GRANTS; i++)
        if (grants & 1u << i)
            json_array_append_new(list, json_string(judge_grant_name(i)));
    return list;
}

static json_t *
script_json(struct hooks *hooks, const struct hook_rules *rules,
            const struct point *point, const struct script *script,
            size_t order)
{
    json_t *row = book_json(hooks->book, point->name, script->path);
    char sum[DIGEST_HEX];

    json_put_int(row, "order", (json_int_t)order);
    json_put_text(row, "script", script->name);
    json_put_text(row, "path", script->path);
    json_put_text(row, "masks", script->masks);
    json_put_text(row, "unsafe", script->unsafe);
    json_put_text(row, "sha256", checksum(script->path, sum) ? sum : NULL);
    json_put(row, "may", grants_json(rules->may(rules->ctx, script->name)));
    return row;
}

/* A name of the file system need not be UTF-8. */
static json_t *
text_json(const char *text)
{
    CLEANUP_FREE char *clean = utf8_clean(text);

    return json_string(clean);
}

/* Where scripts lie that are no point's. */
static void
add_strange(const char *dir, json_t *list)
{
    const char *const dirs[] = {dir, NULL};
    const struct dirent *entry;
    DIR *open = opendir(dir);

    while (open && (entry = readdir(open))) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", dir, entry->d_name);
        CLEANUP_SCRIPTS struct scripts found = {NULL, 0};

        if (entry->d_name[0] == '.' || points_find(entry->d_name))
            continue;
        scripts_find(dirs, entry->d_name, &found);
        if (found.n)
            json_array_append_new(list, text_json(path));
    }
    if (open)
        closedir(open);
}

json_t *
hooks_list(struct hooks *hooks, const struct hook_rules *rules)
{
    json_t *result = json_object(), *points = json_array();
    json_t *strange = json_array();

    for (size_t i = 0; i < POINT_IDS; i++) {
        const struct point *point = points_row((enum point_id)i);
        CLEANUP_SCRIPTS struct scripts found;
        json_t *row, *list;

        if (!hooks_find(rules, point->id, &found))
            continue;
        row = json_object();
        list = json_array();
        for (size_t k = 0; k < found.n; k++)
            json_array_append_new(
                list, script_json(hooks, rules, point, &found.items[k], k + 1));
        json_put_text(row, "point", point->name);
        json_put_bool(row, "never_run", point->result == POINT_NEVER);
        json_put(row, "scripts", list);
        json_array_append_new(points, row);
    }
    for (const char *const *dir = rules->dirs; *dir; dir++)
        add_strange(*dir, strange);
    json_put(result, "points", points);
    json_put(result, "strange", strange);
    return result;
}

json_t *
hooks_checksums(const struct hook_rules *rules)
{
    json_t *result = json_object();

    for (size_t i = 0; i < POINT_IDS; i++) {
        CLEANUP_SCRIPTS struct scripts found;
        char sum[DIGEST_HEX];
        json_t *row;

        if (!hooks_find(rules, (enum point_id)i, &found))
            continue;
        row = json_object();
        for (size_t k = 0; k < found.n; k++) {
            CLEANUP_FREE char *name = utf8_clean(found.items[k].name);
            json_t *script = json_object();

            json_put_text(script, "checksum",
                          checksum(found.items[k].path, sum) ? sum : "");
            json_put(row, name, script);
        }
        json_put(result, points_row((enum point_id)i)->name, row);
    }
    return result;
}

json_t *
hooks_counts(struct hooks *hooks)
{
    return book_counts(hooks->book);
}
