// SPDX-License-Identifier: Apache-2.0
/*
 * Three processes: the one that asked waits; its child is the first process
 * of the namespace, makes the mounts and reaps; the child of that works. Each
 * dies with the one before it.
 */
#include "agent/ctl/chaos_box.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/file.h"

#define START_WAIT_MS 60000
#define SETUP_FAILED 125

/* --- namespaces ----------------------------------------------------------- */

static int
make_mounts(struct err *err)
{
    static const char *const empty[] = {
        "/run", "/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt"};
    static const char settings[] = "stdio_handler = \"file\"\n"
                                   "cgroup_controllers = [ ]\n"
                                   "namespaces = [ ]\n"
                                   "security_driver = \"none\"\n";
    static const char access[] = "auth_unix_rw = \"none\"\n"
                                 "auth_unix_ro = \"none\"\n";

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0)
        return err_set(err, ERR_INTERNAL, "Cannot mount /proc: %s",
                       strerror(errno));
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++)
        if (mount("tmpfs", empty[i], "tmpfs", MS_NOSUID, "mode=755") < 0)
            return err_set(err, ERR_INTERNAL,
                           "Cannot mount an empty %s: %s; is libvirt "
                           "installed?",
                           empty[i], strerror(errno));
    if (file_write("/etc/libvirt/qemu.conf", settings, strlen(settings), 0644,
                   err) < 0)
        return -1;
    return file_write("/etc/libvirt/libvirtd.conf", access, strlen(access),
                      0644, err);
}

static int
exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : SETUP_FAILED;
}

/* All signals are blocked: take them one by one. Reaps whoever ends, hands
 * everything else on, until the child of interest has ended. */
static int
serve(pid_t child)
{
    sigset_t all;

    sigfillset(&all);
    for (;;) {
        int sig = sigwaitinfo(&all, NULL), status;
        pid_t pid;

        if (sig > 0 && sig != SIGCHLD)
            kill(child, sig);
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == child)
                return exit_code(status);
    }
}

static int
first_process(int (*fn)(void *ctx), void *ctx)
{
    struct err err = ERR_INIT;
    pid_t work;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (make_mounts(&err) < 0) {
        fprintf(stderr, "berthctl: %s\n", err.message);
        return SETUP_FAILED;
    }
    work = fork();
    if (work == 0) {
        int code;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        code = fn(ctx);
        fflush(NULL);
        _exit(code);
    }
    return work < 0 ? SETUP_FAILED : serve(work);
}

int
chaos_box_run(int (*fn)(void *ctx), void *ctx, struct err *err)
{
    pid_t pid;

    fflush(NULL); /* or both would write what waits */
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
        return err_set(err, ERR_DENIED,
                       "A libvirtd of its own needs namespaces of its own: "
                       "%s; try as root",
                       strerror(errno));
    pid = fork();
    if (pid == 0)
        _exit(first_process(fn, ctx));
    if (pid < 0)
        return err_set(err, ERR_INTERNAL, "Cannot start a process: %s",
                       strerror(errno));
    return serve(pid);
}

/* --- libvirtd ------------------------------------------------------------- */

static bool
answers(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX,
                             .sun_path = "/run/libvirt/libvirt-sock"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&to, sizeof(to));

    close(fd);
    return rc == 0;
}

int
chaos_box_libvirtd(const char *log, pid_t *pid, struct err *err)
{
    int64_t until = clock_mono_ms() + START_WAIT_MS;
    char *const argv[] = {(char *)"libvirtd", NULL};
    struct timespec pause = {0, 5000000};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    int rc;

    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log,
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    rc = posix_spawnp(pid, argv[0], &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    if (rc) {
        *pid = 0;
        return err_set(err, ERR_NOT_FOUND, "Cannot start libvirtd: %s",
                       strerror(rc));
    }
    while (!answers() && clock_mono_ms() < until)
        nanosleep(&pause, NULL);
    return clock_mono_ms() < until
               ? 0
               : err_set(err, ERR_TIMEOUT, "libvirtd does not answer; see %s",
                         log);
}

void
chaos_box_kill(pid_t *pid)
{
    if (*pid <= 0)
        return;
    kill(*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    *pid = 0;
}
