// SPDX-License-Identifier: Apache-2.0
/*
 * The daemon is a child, spawned into a process group of its own and waited
 * for by its pidfd; nothing is taken for granted about how it ends.
 */
#include "agent/ctl/chaos_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/common/buf.h"
#include "agent/common/clock.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/ctl/chaos_box.h"
#include "agent/ctl/chaos_sweep.h"
#include "protocol/limits.h"

#define START_WAIT_MS 60000
#define CALL_WAIT_MS 90000
#define RECOVERY_WAIT_MS 20000
#define LOG_MAX (64u << 20)
#define LOG_TEXT 6000 /* of it, in a report */
#define MEDIUM_SIZE 4096

/* --- folder --------------------------------------------------------------- */

static int
write_below(const char *dir, const char *name, const char *text,
            struct err *err)
{
    CLEANUP_FREE char *path = mem_printf("%s/%s", dir, name);

    return file_write(path, text, strlen(text), 0644, err);
}

static int
make_folders(const struct chaos_lab *lab, struct err *err)
{
    static const char *const names[] = {"state", "images", "root/etc"};
    char medium[MEDIUM_SIZE + 1];

    memset(medium, 'm', MEDIUM_SIZE);
    medium[MEDIUM_SIZE] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", lab->dir, names[i]);

        if (file_mkdirs(path, 0755, err) < 0)
            return -1;
    }
    if (write_below(lab->dir, "images/a.iso", medium, err) < 0 ||
        write_below(lab->dir, "images/b.iso", medium, err) < 0)
        return -1;
    return write_below(lab->dir, "state/scratch",
                       "berthd may die here at crash points\n", err);
}

/* No cgroups are left behind, and QEMU's log needs no virtlogd. The guests
 * run no code, so nothing has to confine them. */
static int
write_settings(const struct chaos_lab *lab, struct err *err)
{
    CLEANUP_FREE char *embed = mem_printf("qemu:///embed?root=%s", lab->root);
    CLEANUP_FREE char *text =
        mem_printf("[listen]\n"
                   "tls =\n"
                   "socket = %s\n"
                   "socket_group =\n"
                   "[hypervisor local]\n"
                   "uri = %s\n"
                   "[paths]\n"
                   "images = %s\n"
                   "[state]\n"
                   "dir = %s/state\n",
                   lab->socket, lab->system ? "qemu:///system" : embed,
                   lab->images, lab->dir);

    if (write_below(lab->dir, "berth.conf", text, err) < 0)
        return -1;
    return write_below(lab->root, "etc/qemu.conf",
                       "stdio_handler = \"file\"\n"
                       "cgroup_controllers = [ ]\n"
                       /* /dev/kvm may be a mount: see chaos_setup.c */
                       "namespaces = [ ]\n"
                       "security_driver = \"none\"\n",
                       err);
}

int
chaos_lab_open(struct chaos_lab *lab, const char *base, int number,
               const char *berthd, bool system, struct err *err)
{
    *lab = (struct chaos_lab){.berthd = berthd, .system = system, .pidfd = -1};
    lab->dir = mem_printf("%s/%d", base, number);
    lab->images = mem_printf("%s/images", lab->dir);
    lab->root = mem_printf("%s/root", lab->dir);
    lab->socket = mem_printf("%s/berthd.sock", lab->dir);
    lab->definitions = system ? mem_dup("/etc/libvirt/qemu")
                              : mem_printf("%s/etc/qemu", lab->root);
    lab->mark_qemu = mem_dup(system ? "/var/lib/libvirt" : lab->root);
    if (make_folders(lab, err) < 0 || write_settings(lab, err) < 0)
        return -1;
    return 0;
}

void
chaos_lab_close(struct chaos_lab *lab)
{
    chaos_lab_kill(lab);
    chaos_box_kill(&lab->libvirtd);
    free(lab->definitions);
    free(lab->mark_qemu);
    free(lab->dir);
    free(lab->images);
    free(lab->root);
    free(lab->socket);
}

int
chaos_lab_bounce(struct chaos_lab *lab, struct err *err)
{
    CLEANUP_FREE char *log = mem_printf("%s/libvirtd.log", lab->dir);

    if (!lab->system)
        return 0;
    chaos_box_kill(&lab->libvirtd);
    return chaos_box_libvirtd(log, &lab->libvirtd, err);
}

int
chaos_lab_reset(struct chaos_lab *lab, struct err *err)
{
    static const char *const own[] = {"state", "images", "root/lib", "root/run",
                                      "root/etc/qemu"};
    static const char *const systems[] = {"/etc/libvirt/qemu", "/run/libvirt",
                                          "/var/lib/libvirt/qemu"};

    chaos_lab_kill(lab);
    chaos_box_kill(&lab->libvirtd);
    chaos_sweep_kill(lab->dir, lab->berthd);
    chaos_sweep_kill(lab->mark_qemu, lab->berthd);
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
        CLEANUP_FREE char *path = mem_printf("%s/%s", lab->dir, own[i]);

        chaos_sweep_remove(path);
    }
    for (size_t i = 0; lab->system && i < 3; i++)
        chaos_sweep_remove(systems[i]);
    if (make_folders(lab, err) < 0)
        return -1;
    return chaos_lab_bounce(lab, err);
}

/* --- process -------------------------------------------------------------- */

static int
spawn(struct chaos_lab *lab, const char *crash_at)
{
    CLEANUP_FREE char *conf = mem_printf("%s/berth.conf", lab->dir);
    CLEANUP_FREE char *log = mem_printf("%s/berthd.log", lab->dir);
    const char *argv[] = {lab->berthd, "-c",
                          conf,        crash_at ? "--crash-at" : NULL,
                          crash_at,    NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    int rc;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
                                        POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    rc = posix_spawn(&lab->pid, lab->berthd, &files, &attr, (char *const *)argv,
                     environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc)
        lab->pid = 0;
    return rc;
}

static void
reap(struct chaos_lab *lab)
{
    int status = 0;

    while (waitpid(lab->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        lab->odd_end = status ? status : -1;
    lab->pid = 0;
    close(lab->pidfd);
    lab->pidfd = -1;
    if (lab->conn)
        conn_close(lab->conn);
    lab->conn = NULL;
}

bool
chaos_lab_died(struct chaos_lab *lab, int64_t wait_ms)
{
    int64_t until = clock_mono_ms() + wait_ms;
    struct pollfd p = {.fd = lab->pidfd, .events = POLLIN};
    int64_t left = wait_ms;

    if (!lab->pid)
        return true;
    while (left >= 0 && poll(&p, 1, (int)left) < 1)
        left = until - clock_mono_ms();
    if (!(p.revents & POLLIN))
        return false;
    reap(lab);
    return true;
}

void
chaos_lab_kill(struct chaos_lab *lab)
{
    if (!lab->pid)
        return;
    kill(lab->pid, SIGKILL);
    reap(lab);
}

/* The socket of the one before may still be there: try until it answers. */
static int
await_answer(struct chaos_lab *lab, struct err *err)
{
    int64_t until = clock_mono_ms() + START_WAIT_MS;
    struct ctl ctl = {.socket = lab->socket};

    while (!lab->conn) {
        lab->conn = conn_open(&ctl, err);
        if (!lab->conn && chaos_lab_died(lab, 2))
            return err_set(err, ERR_INTERNAL,
                           "%s ended before it was ready; its log is "
                           "%s/berthd.log",
                           lab->berthd, lab->dir);
        if (!lab->conn && clock_mono_ms() > until)
            return err_set(err, ERR_TIMEOUT,
                           "%s was not ready after %d s; its log is "
                           "%s/berthd.log",
                           lab->berthd, START_WAIT_MS / 1000, lab->dir);
    }
    lab->client = (struct client){.conn = lab->conn};
    return 0;
}

int
chaos_lab_start(struct chaos_lab *lab, const char *crash_at, struct err *err)
{
    struct err passing = ERR_INIT;
    int rc;

    chaos_lab_kill(lab);
    /* A child that libvirt forked may hold the listener of the dead. */
    unlink(lab->socket);
    rc = spawn(lab, crash_at);
    if (rc)
        return err_set(err, ERR_NOT_FOUND, "Cannot start %s: %s", lab->berthd,
                       strerror(rc));
    lab->pidfd = pidfd_open(lab->pid, 0);
    if (await_answer(lab, &passing) == 0)
        return 0;
    *err = passing;
    return -1;
}

/* --- calls ---------------------------------------------------------------- */

json_t *
chaos_lab_call(struct chaos_lab *lab, const char *verb, const json_t *params,
               json_t **refusal, struct err *err)
{
    int64_t until = clock_mono_ms() + RECOVERY_WAIT_MS;
    struct timespec pause = {0, 5000000};

    *refusal = NULL;
    while (lab->conn) {
        struct err why = ERR_INIT;
        json_t *result = client_call(&lab->client, verb, params, CALL_WAIT_MS,
                                     refusal, &why);

        if (result)
            return result;
        if (why.kind != ERR_RECOVERING || clock_mono_ms() > until) {
            *err = why;
            return NULL;
        }
        json_decref(*refusal);
        *refusal = NULL;
        nanosleep(&pause, NULL);
    }
    err_set(err, ERR_UNREACHABLE, "berthd does not run");
    return NULL;
}

json_t *
chaos_lab_params(const struct chaos_lab *lab, const char *text)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    struct json_limits limits = {.depth = LIMIT_DEPTH};

    for (; *text; text++) {
        if (text[0] == '$' && text[1] == 'I') {
            buf_add_text(&b, lab->images);
            text++;
        } else {
            buf_add(&b, *text == '\'' ? "\"" : text, 1);
        }
    }
    return json_parse(b.data, b.len, &limits, NULL);
}

/* --- log ------------------------------------------------------------------ */

void
chaos_lab_mark(struct chaos_lab *lab)
{
    CLEANUP_FREE char *path = mem_printf("%s/berthd.log", lab->dir);
    struct stat st;

    lab->mark = stat(path, &st) == 0 ? st.st_size : 0;
}

/* Questions are ours, and libvirt introduces itself each time. */
static bool
is_telling(const char *line)
{
    static const char *const noise[] = {" Get", " List",
                                        ": info :", "virSecurityManagerNew"};

    for (size_t i = 0; i < sizeof(noise) / sizeof(*noise); i++)
        if (strstr(line, noise[i]))
            return false;
    return true;
}

char *
chaos_lab_log(const struct chaos_lab *lab)
{
    CLEANUP_FREE char *path = mem_printf("%s/berthd.log", lab->dir);
    size_t len = 0;
    CLEANUP_FREE char *all = file_read(path, LOG_MAX, &len, NULL);
    struct buf out = BUF_INIT;
    char *line, *rest = NULL;

    if (!all || (size_t)lab->mark >= len)
        return mem_dup("");
    for (line = strtok_r(all + lab->mark, "\n", &rest);
         line && out.len < LOG_TEXT; line = strtok_r(NULL, "\n", &rest))
        if (is_telling(line))
            buf_printf(&out, "%s%s", out.len ? "\n" : "", line);
    return buf_steal(&out);
}
