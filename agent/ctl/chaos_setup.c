// SPDX-License-Identifier: Apache-2.0
/*
 * What stands before the first cell: which berthd, which verbs, which points,
 * and a folder in surroundings that do not slow libvirt down. Main thread,
 * before any other exists.
 */
#include "agent/ctl/chaos_setup.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/ctl/chaos_case.h"

#define POINTS_WAIT_MS 10000
#define POINTS_TEXT (1u << 20)
#define CACHE_MAX (4u << 20)

/* --- options -------------------------------------------------------------- */

/* berthd beside berthctl, or in the sbin beside its bin. */
char *
chaos_setup_berthd(const char *given, struct err *err)
{
    static const char *const places[] = {"berthd", "../sbin/berthd"};
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (given && access(given, X_OK) == 0)
        return realpath(given, NULL);
    self[n < 0 ? 0 : n] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; !given && slash && i < 2; i++) {
        CLEANUP_FREE char *path =
            mem_printf("%.*s/%s", (int)(slash - self), self, places[i]);

        if (access(path, X_OK) == 0)
            return realpath(path, NULL);
    }
    err_set(err, ERR_NOT_FOUND,
            "There is no berthd to run at \"%s\"; name one with --berthd",
            given ? given : self);
    return NULL;
}

/* "plug,unplug" as a list; every name must be a case. */
json_t *
chaos_setup_verbs(const char *text, struct err *err)
{
    CLEANUP_JSON json_t *list = json_array();
    CLEANUP_BUF struct buf known = BUF_INIT;

    while (text && *text) {
        size_t len = strcspn(text, ","), i = 0;
        CLEANUP_FREE char *name = mem_ndup(text, len);

        while (i < chaos_case_nrows &&
               strcmp(chaos_case_rows[i].name, name) != 0)
            i++;
        if (i == chaos_case_nrows) {
            for (i = 0; i < chaos_case_nrows; i++)
                buf_printf(&known, "%s%s", i ? ", " : "",
                           chaos_case_rows[i].name);
            err_set(err, ERR_INVALID,
                    "--verbs: there is no \"%s\"; there are "
                    "%s",
                    name, known.data);
            return NULL;
        }
        json_array_append_new(list, json_string(name));
        text += len + (text[len] == ',');
    }
    return STEAL(list);
}

char **
chaos_setup_points(const char *berthd, size_t *n, struct err *err)
{
    const char *argv[] = {berthd, "--dump-crash-points", NULL};
    struct proc proc = {
        .argv = argv, .timeout_ms = POINTS_WAIT_MS, .max_output = POINTS_TEXT};
    struct proc_result result = {0};
    char **names = NULL, *rest = NULL;

    *n = 0;
    if (proc_run(&proc, &result, err) < 0)
        return NULL;
    for (char *line = strtok_r(result.out, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        names = mem_more(names, *n, sizeof(*names));
        names[(*n)++] = mem_dup(line);
    }
    proc_result_free(&result);
    if (!names)
        err_set(err, ERR_UNSUPPORTED,
                "\"%s --dump-crash-points\" names no points", berthd);
    return names;
}

/* --- surroundings --------------------------------------------------------- */

/*
 * libvirt asks QEMU anew (seconds, at each start) where /dev/kvm is there but
 * of no use to QEMU's user. The guests run no code, so for this process and
 * its children a file that nobody may open takes its place. Where that cannot
 * be done, all is only slower.
 */
void
chaos_setup_hide_kvm(const char *dir)
{
    CLEANUP_FREE char *path = mem_printf("%s/no-kvm", dir);

    if (geteuid() != 0 || access("/dev/kvm", F_OK) != 0 ||
        file_write(path, "", 0, 0, NULL) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return;
    mount(path, "/dev/kvm", NULL, MS_BIND, NULL);
}

/* Not /tmp: images are opened past the page cache, which a tmpfs of an older
 * kernel refuses. QEMU's own user must be able to enter it. */
char *
chaos_setup_folder(struct err *err)
{
    static const char *const names[] = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME",
                                        "XDG_DATA_HOME", "XDG_STATE_HOME",
                                        "XDG_RUNTIME_DIR"};
    CLEANUP_FREE char *dir = mem_dup("/var/tmp/berth-chaos.XXXXXX");
    CLEANUP_FREE char *xdg = NULL;

    if (!mkdtemp(dir)) {
        err_set(err, ERR_INTERNAL, "Cannot make a folder in /var/tmp: %s",
                strerror(errno));
        return NULL;
    }
    chmod(dir, 0755);
    xdg = mem_printf("%s/xdg", dir);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        setenv(names[i], xdg, 1); /* libvirt keeps files there, too */
    return STEAL(dir);
}

#define CACHE "cache/qemu/capabilities"

void
chaos_setup_share(const struct chaos_lab *from, const struct chaos_lab *to)
{
    CLEANUP_FREE char *source = mem_printf("%s/" CACHE, from->root);
    CLEANUP_FREE char *target = mem_printf("%s/" CACHE, to->root);
    DIR *dir = opendir(source);
    struct dirent *entry;

    file_mkdirs(target, 0755, NULL);
    while (dir && (entry = readdir(dir))) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", source, entry->d_name);
        CLEANUP_FREE char *copy = mem_printf("%s/%s", target, entry->d_name);
        size_t len;
        CLEANUP_FREE char *text = file_read(path, CACHE_MAX, &len, NULL);

        if (text)
            file_write(copy, text, len, 0600, NULL);
    }
    if (dir)
        closedir(dir);
}
