// SPDX-License-Identifier: Apache-2.0
/*
 * Besides asking the agent, it looks past it: at the files that libvirt and
 * the agent leave, at how many QEMUs run, and at which images they hold open
 * (a block node that nobody lists any more still holds its file).
 */
#include "agent/ctl/chaos_look.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/ctl/chaos_case.h"
#include "agent/ctl/chaos_sweep.h"

#define SETTLED_MS 15000

/* --- what the agent says -------------------------------------------------- */

/* NOT_FOUND is an answer too: *out is NULL then. */
static int
ask(struct chaos_lab *lab, const char *verb, const char *text, json_t **out,
    struct err *err)
{
    CLEANUP_JSON json_t *params = chaos_lab_params(lab, text);
    CLEANUP_JSON json_t *refusal = NULL;
    struct err why = ERR_INIT;

    *out = chaos_lab_call(lab, verb, params, &refusal, &why);
    if (*out || why.kind == ERR_NOT_FOUND)
        return 0;
    *err = why;
    return err_wrap(err, "%s", verb);
}

/* After a start berthd first makes sure of the VM: what it says before is of
 * the time before. */
static void
wait_settled(struct chaos_lab *lab)
{
    int64_t until = clock_mono_ms() + SETTLED_MS;
    bool settled = false;

    while (!settled && clock_mono_ms() < until) {
        struct err err = ERR_INIT;
        json_t *answer = NULL;
        int rc = ask(lab, "GetVm", "{'vm':'" CHAOS_CASE_VM "'}", &answer, &err);

        settled = rc == 0 ? !answer || json_get_bool(answer, "settled", true)
                          : err.kind != ERR_RECOVERING;
        json_decref(answer);
        if (!settled)
            nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
}

static int
look_xml(struct chaos_lab *lab, const char *which, struct chaos_state *state,
         struct err *err)
{
    CLEANUP_FREE char *text =
        mem_printf("{'vm':'" CHAOS_CASE_VM "','which':'%s'}", which);
    json_t *answer = NULL;
    int rc;

    if (ask(lab, "GetVmXml", text, &answer, err) < 0)
        return -1;
    rc = answer ? chaos_state_add_xml(state, which,
                                      json_get_text(answer, "xml", ""), err)
                : 0;
    json_decref(answer);
    return rc;
}

static int
look_vm(struct chaos_lab *lab, struct chaos_state *state, struct err *err)
{
    static const struct {
        const char *verb, *name;
    } questions[] = {
        {"GetVm", "VM"}, {"ListDisks", "list"}, {"GetTopology", "topology"}};
    bool there = false, active = false;

    wait_settled(lab);
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        json_t *answer = NULL;

        if (ask(lab, questions[i].verb, "{'vm':'" CHAOS_CASE_VM "'}", &answer,
                err) < 0)
            return -1;
        chaos_state_add_json(state, questions[i].name, answer);
        there = answer != NULL;
        if (i == 0)
            active = strcmp(json_get_text(answer, "state", "shut_off"),
                            "shut_off") != 0;
        json_decref(answer);
    }
    if (there && look_xml(lab, "config", state, err) < 0)
        return -1;
    return active ? look_xml(lab, "live", state, err) : 0;
}

/* --- what the host says --------------------------------------------------- */

/* Without what libvirt was writing when it died (NAME.new): it begins anew
 * with the next write. */
static void
look_files(const char *path, const char *name, struct chaos_state *state)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    struct stat st;

    while (dir && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (dot && strcmp(dot, ".new") == 0)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISLNK(st.st_mode))
            chaos_state_add(state, "link %s/%s", name, entry->d_name);
        else if (S_ISREG(st.st_mode) && strcmp(name, "images") == 0)
            chaos_state_add(state, "file %s of %lld bytes", entry->d_name,
                            (long long)st.st_size);
        else if (S_ISREG(st.st_mode))
            chaos_state_add(state, "file %s/%s", name, entry->d_name);
    }
    if (dir)
        closedir(dir);
}

/* The images that a process has open. */
static void
look_descriptors(const char *images, pid_t pid, struct chaos_state *files)
{
    CLEANUP_FREE char *path = mem_printf("/proc/%ld/fd", (long)pid);
    size_t len = strlen(images);
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char file[512];
        ssize_t n =
            readlinkat(dirfd(dir), entry->d_name, file, sizeof(file) - 1);

        if (n <= (ssize_t)len || strncmp(file, images, len) != 0)
            continue;
        file[n] = '\0';
        chaos_state_add(files, "QEMU holds%s", file + len);
    }
    if (dir)
        closedir(dir);
}

/* An image that is open twice is told once: how often is QEMU's affair. */
static void
look_qemu(const struct chaos_lab *lab, struct chaos_state *state)
{
    CLEANUP_CHAOS_STATE struct chaos_state files = {0};
    size_t n;
    CLEANUP_FREE pid_t *pids = chaos_sweep_find(lab->mark_qemu, NULL, &n);

    chaos_state_add(state, "QEMU processes: %zu", n);
    for (size_t i = 0; i < n; i++)
        look_descriptors(lab->images, pids[i], &files);
    chaos_state_end(&files);
    for (size_t i = 0; i < files.n; i++)
        if (!i || strcmp(files.facts[i - 1], files.facts[i]) != 0)
            chaos_state_add(state, "%s", files.facts[i]);
}

int
chaos_look(struct chaos_lab *lab, struct chaos_state *state, struct err *err)
{
    CLEANUP_FREE char *autostart = mem_printf("%s/autostart", lab->definitions);

    if (look_vm(lab, state, err) < 0)
        return -1;
    look_files(lab->images, "images", state);
    look_files(lab->definitions, "definitions", state);
    look_files(autostart, "autostart", state);
    look_qemu(lab, state);
    chaos_state_end(state);
    return 0;
}
