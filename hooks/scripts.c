// SPDX-License-Identifier: Apache-2.0
/*
 * Directories are read with opendir, files judged by what their links lead
 * to. Who could put another file in a script's place is as dangerous as who
 * could write to it: every directory on the real path is judged too.
 */
#include "hooks/scripts.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"

/* --- safety ----------------------------------------------------------------
 */

static bool
trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

/* Why a directory lets others change what is in it, NULL if it does not. In a
 * sticky one nobody can take another's file away. */
static char *
directory_fault(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return mem_printf("the directory %s cannot be looked at: %s", path,
                          strerror(errno));
    if (!trusted(st.st_uid))
        return mem_printf("the directory %s belongs to user %u, not to root "
                          "or to berthd's user",
                          path, st.st_uid);
    if (st.st_mode & 022 && !(st.st_mode & S_ISVTX))
        return mem_printf("the directory %s may be written to by others than "
                          "its owner (mode %04o)",
                          path, st.st_mode & 07777);
    return NULL;
}

/* Every directory on the real path, from path (a directory, or the file in
 * one) up to the root. */
static char *
way_fault(const char *path, bool is_directory)
{
    CLEANUP_FREE char *real = realpath(path, NULL);
    char *slash, *fault = NULL;

    if (!real)
        return mem_printf("its path cannot be followed: %s", strerror(errno));
    if (is_directory)
        fault = directory_fault(real);
    while (!fault && (slash = strrchr(real, '/'))) {
        *slash = '\0';
        fault = directory_fault(*real ? real : "/");
    }
    return fault;
}

static bool
plain_name(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    return utf8_ok(name, strlen(name));
}

/* Why the script may not be run, NULL if it may. */
static char *
script_fault(const char *name, const struct stat *st)
{
    if (!plain_name(name))
        return mem_dup("its name has control characters or is not UTF-8");
    if (!trusted(st->st_uid))
        return mem_printf("it belongs to user %u, not to root or to berthd's "
                          "user",
                          st->st_uid);
    if (st->st_mode & 022)
        return mem_printf("it may be written to by others than its owner "
                          "(mode %04o)",
                          st->st_mode & 07777);
    if (st->st_mode & (S_ISUID | S_ISGID))
        return mem_printf("it has the setuid or setgid bit (mode %04o)",
                          st->st_mode & 07777);
    return NULL;
}

/* --- the merged set --------------------------------------------------------
 */

static void
script_clear(struct script *script)
{
    free(script->name);
    free(script->path);
    free(script->unsafe);
    free(script->masks);
}

/* The entry of that name, or a new one at the end. */
static struct script *
entry_of(struct scripts *set, const char *name)
{
    struct script *script;

    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->items[i].name, name) == 0)
            return &set->items[i];
    set->items = mem_more(set->items, set->n, sizeof(*set->items));
    script = &set->items[set->n++];
    script->name = mem_dup(name);
    return script;
}

/* What stands under a name now; the path that stood there before is masked.
 * path NULL: nothing is to be run under it. */
static void
put(struct scripts *set, const char *name, char *path /* takes */,
    char *unsafe /* takes */)
{
    struct script *script = entry_of(set, name);

    free(script->masks);
    script->masks = script->path;
    script->path = path;
    free(script->unsafe);
    script->unsafe = unsafe;
}

static void
take_file(struct scripts *set, const struct dirent *entry, const char *dir,
          const char *dir_fault /* or NULL */)
{
    const char *name = entry->d_name;
    char *path = mem_printf("%s/%s", dir, name), *fault;
    struct stat st;
    bool there = stat(path, &st) == 0;

    if (there && (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))) {
        free(path);
        put(set, name, NULL, NULL);
        return;
    }
    /* A link that leads nowhere was a script once: its policy must not end
     * with a package that was removed. */
    fault = there ? script_fault(name, &st)
                  : mem_printf("it cannot be looked at: %s", strerror(errno));
    if (!fault && dir_fault)
        fault = mem_dup(dir_fault);
    if (!fault && entry->d_type != DT_REG)
        fault = way_fault(path, false);
    put(set, name, path, fault);
}

static void
take_directory(struct scripts *set, const char *dir, const char *point)
{
    CLEANUP_FREE char *path = mem_printf("%s/%s", dir, point);
    CLEANUP_FREE char *fault = NULL;
    const struct dirent *entry;
    DIR *open = opendir(path);

    if (!open && (errno == ENOENT || errno == ENOTDIR))
        return;
    if (!open) {
        put(set, path, mem_dup(path),
            mem_printf("the directory cannot be read: %s", strerror(errno)));
        return;
    }
    fault = way_fault(path, true);
    while ((entry = readdir(open)))
        if (entry->d_name[0] != '.' && entry->d_type != DT_DIR)
            take_file(set, entry, path, fault);
    closedir(open);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct script *)a)->name,
                  ((const struct script *)b)->name);
}

/* What only masked something is not in the list. */
static void
drop_empty(struct scripts *set)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i].path)
            set->items[kept++] = set->items[i];
        else
            script_clear(&set->items[i]);
    }
    set->n = kept;
}

void
scripts_find(const char *const *dirs, const char *point, struct scripts *out)
{
    *out = (struct scripts){NULL, 0};
    for (; *dirs; dirs++)
        take_directory(out, *dirs, point);
    drop_empty(out);
    if (out->n > 1)
        qsort(out->items, out->n, sizeof(*out->items), by_name);
}

void
scripts_free(struct scripts *scripts)
{
    for (size_t i = 0; i < scripts->n; i++)
        script_clear(&scripts->items[i]);
    free(scripts->items);
    *scripts = (struct scripts){NULL, 0};
}
