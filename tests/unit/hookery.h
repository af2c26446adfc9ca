// SPDX-License-Identifier: Apache-2.0
/* Directories of hook scripts below a folder of the test's own, and a runner
 * that uses the build's berth-exec. */
#pragma once

#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "agent/common/clock.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "hooks/hooks.h"
#include "tests/unit/libexec.h"

struct hookery {
    char folder[256];
    char dirs[3][300]; /* packaged, another, the administrator's */
    const char *list[4];
    char work[300];
    struct hooks *hooks;
    struct hook_rules rules;
    unsigned granted; /* of every script */
    bool sources_ok;
    struct hook_outcome out;
    struct err err;
};

static inline unsigned
hookery_may(void *ctx, const char *script)
{
    (void)script;
    return ((struct hookery *)ctx)->granted;
}

static inline bool
hookery_source(void *ctx, const char *path, bool block, const char *format)
{
    (void)block;
    (void)format;
    return ((struct hookery *)ctx)->sources_ok && path[0] == '/';
}

static inline void
hookery_open(struct hookery *h)
{
    static const char *const names[] = {"packaged", "vdsm", "admin"};
    char helper[512], python[512];

    memset(h, 0, sizeof(*h));
    json_init();
    xml_init();
    unit_folder(h->folder);
    chmod(h->folder, 0755);
    for (int i = 0; i < 3; i++) {
        CLEANUP_FREE char *dir = mem_printf("%s/%s", h->folder, names[i]);

        assert_true(strlen(dir) < sizeof(h->dirs[i]));
        memcpy(h->dirs[i], dir, strlen(dir) + 1);
        assert_int_equal(mkdir(h->dirs[i], 0755), 0);
        h->list[i] = h->dirs[i];
    }
    snprintf(h->work, sizeof(h->work), "%s/work", h->folder);
    libexec_paths(helper, python);
    h->hooks =
        hooks_new(&(struct hooks_setup){.helper = helper, .python = python});
    h->rules = (struct hook_rules){
        .dirs = h->list,
        .work_dir = h->work,
        .script_ms = 20000,
        .max = 4,
        .user = "",
        .may = hookery_may,
        .ctx = h,
        .sources = {hookery_source, h},
    };
}

static inline void
hookery_close(struct hookery *h)
{
    hook_outcome_clear(&h->out);
    hooks_free(h->hooks);
}

/* A file of a point in one of the three directories; its path. */
static inline const char *
hookery_file(struct hookery *h, int dir, const char *point, const char *name,
             mode_t mode, const char *text)
{
    static _Thread_local char path[700];

    snprintf(path, sizeof(path), "%s/%s", h->dirs[dir], point);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/%s/%s", h->dirs[dir], point, name);
    unit_write(path, text);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

/* An sh script of the administrator. */
static inline const char *
hookery_sh(struct hookery *h, const char *point, const char *name,
           const char *body)
{
    CLEANUP_FREE char *text = mem_printf("#!/bin/sh\n%s\n", body);

    return hookery_file(h, 2, point, name, 0755, text);
}

static inline int
hookery_call(struct hookery *h, const struct hook_call *like)
{
    struct hook_call call = *like;
    struct scripts scripts;
    int rc;

    hook_outcome_clear(&h->out);
    h->err = (struct err)ERR_INIT;
    hooks_find(&h->rules, call.point, &scripts);
    call.scripts = &scripts;
    call.rules = &h->rules;
    rc = hooks_run(h->hooks, &call, &h->out, &h->err);
    scripts_free(&scripts);
    return rc;
}

static inline int
hookery_run(struct hookery *h, enum point_id point, const char *text)
{
    return hookery_call(
        h, &(struct hook_call){.point = point, .text = text, .flags = -1});
}

/* It must be refused with this kind and a message that mentions part. */
static inline void
hookery_refuse(struct hookery *h, enum point_id point, const char *text,
               enum err_kind kind, const char *part)
{
    assert_int_equal(hookery_run(h, point, text), -1);
    unit_err(&h->err, kind, part);
}

/* --- what the tests of the runner share --------------------------------------
 */

#define PLUG POINT_BEFORE_DISK_HOTPLUG
#define AFTER POINT_AFTER_DISK_HOTPLUG
#define DISK                                                          \
    "<disk type=\"file\"><driver type=\"raw\"/><source file=\"/a\"/>" \
    "<alias name=\"ua-1\"/><address type=\"drive\" unit=\"1\"/></disk>"

/* sh that puts new text in place of old in the payload. */
#define SED(old, new) \
    "sed -i 's|" old "|" new "|' \"$_hook_domxml\" || exit 1\n"

static inline char *
hookery_note(struct hookery *h)
{
    return mem_printf("%s/note", h->folder);
}

static inline char *
hookery_noted(struct hookery *h)
{
    CLEANUP_FREE char *path = hookery_note(h);
    char *text = file_read(path, 65536, NULL, NULL);

    return text ? text : mem_dup("");
}

static inline void
hookery_script(struct hookery *h, const char *point, const char *name,
               const char *body)
{
    CLEANUP_FREE char *note = hookery_note(h);
    CLEANUP_FREE char *text = mem_printf("NOTE=%s\n%s", note, body);

    hookery_sh(h, point, name, text);
}

static inline bool
hookery_empty(const char *path)
{
    return rmdir(path) == 0;
}

/* Member of the nth script's row of the last run. */
static inline const char *
hookery_row(const struct hookery *h, size_t n, const char *key)
{
    return json_get_text(json_array_get(h->out.scripts, n), key, "absent");
}
