// SPDX-License-Identifier: Apache-2.0
/*
 * Runs one command as on a machine of its own: new PID, mount and network
 * namespaces, lo up, a /proc, and a /dev that has no /dev/kvm (so that every
 * machine takes the same path). This process is the init in there: it reaps
 * orphans, ends with the command's status, and with it ends all that the
 * command left behind. It dies with who started it.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SETUP 125   /* the namespace could not be made */
#define EXIT_TIMEOUT 124 /* as timeout(1) says it */
#define GRACE_S 10       /* from SIGINT to the end */
#define BINDS_MAX 32

struct bind {
    const char *from; /* NULL: a tmpfs */
    const char *to;
};

struct options {
    long timeout_s; /* 0: none */
    struct bind binds[BINDS_MAX];
    size_t nbinds;
    char **argv;
};

__attribute__((format(printf, 1, 2), noreturn)) static void
fail(const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "nsinit: ");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(EXIT_SETUP);
}

static void
usage(void)
{
    fprintf(stderr, "usage: nsinit [-t SECONDS] [-m TMPFS_DIR]... "
                    "[-b FROM:TO]... -- COMMAND [ARG]...\n");
    exit(EXIT_SETUP);
}

static void
add_bind(struct options *options, const char *from, const char *to)
{
    if (options->nbinds == BINDS_MAX)
        usage();
    options->binds[options->nbinds++] = (struct bind) { from, to };
}

static void
parse(int argc, char **argv, struct options *options)
{
    int c;

    while ((c = getopt(argc, argv, "+t:m:b:")) != -1) {
        char *colon = optarg ? strchr(optarg, ':') : NULL;

        if (c == 't') {
            options->timeout_s = strtol(optarg, NULL, 10);
        } else if (c == 'm') {
            add_bind(options, NULL, optarg);
        } else if (c == 'b' && colon) {
            *colon = '\0';
            add_bind(options, optarg, colon + 1);
        } else {
            usage();
        }
    }
    options->argv = argv + optind;
    if (!*options->argv)
        usage();
}

static void
mount_tmpfs(const char *dir, const char *data)
{
    if (mount("tmpfs", dir, "tmpfs", MS_NOSUID, data) < 0)
        fail("tmpfs on %s", dir);
}

/* A few nodes of the real /dev on a tmpfs; built on /mnt, then moved. */
static void
make_dev(void)
{
    static const char *const nodes[] = { "null", "zero",    "full", "random",
                                         "tty",  "urandom", NULL };
    char to[64], from[64];

    mount_tmpfs("/mnt", "mode=755");
    for (const char *const *node = nodes; *node; node++) {
        snprintf(from, sizeof(from), "/dev/%s", *node);
        snprintf(to, sizeof(to), "/mnt/%s", *node);
        close(open(to, O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
        if (mount(from, to, NULL, MS_BIND, NULL) < 0)
            fail("bind %s", from);
    }
    if (mkdir("/mnt/shm", 01777) < 0 || mkdir("/mnt/pts", 0755) < 0)
        fail("directories of /dev");
    mount_tmpfs("/mnt/shm", "mode=1777");
    if (mount("devpts", "/mnt/pts", "devpts", MS_NOSUID,
              "newinstance,ptmxmode=0666,mode=0620")
        < 0)
        fail("devpts");
    if (symlink("pts/ptmx", "/mnt/ptmx") < 0
        || symlink("/proc/self/fd", "/mnt/fd") < 0)
        fail("links of /dev");
    if (mount("/mnt", "/dev", NULL, MS_MOVE, NULL) < 0)
        fail("move the new /dev");
}

static void
make_mounts(const struct options *options)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail("make / private");
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)
        < 0)
        fail("/proc");
    make_dev();
    for (size_t i = 0; i < options->nbinds; i++) {
        const struct bind *bind = &options->binds[i];

        if (!bind->from)
            mount_tmpfs(bind->to, "mode=755");
        else if (mount(bind->from, bind->to, NULL, MS_BIND, NULL) < 0)
            fail("bind %s on %s", bind->from, bind->to);
    }
}

static void
raise_loopback(void)
{
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(request.ifr_name, sizeof(request.ifr_name), "lo");
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        fail("lo up");
    close(fd);
}

static pid_t
spawn(char **argv, const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork");
    if (pid > 0)
        return pid;
    sigprocmask(SIG_UNBLOCK, mask, NULL);
    setpgid(0, 0);
    execvp(argv[0], argv);
    fail("%s", argv[0]);
}

static int
exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reap until the command has ended: its exit code, or -1 if it goes on. */
static int
reap(pid_t command)
{
    int code = -1, status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command)
            code = exit_code(status);
    }
    return code;
}

/* PID 1: when it returns, the kernel ends what is left. */
static int
init(const struct options *options)
{
    struct timespec wait = { .tv_sec = options->timeout_s };
    bool interrupted = false;
    sigset_t mask;
    pid_t command;
    time_t end;
    int code;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    make_mounts(options);
    raise_loopback();
    command = spawn(options->argv, &mask);
    end = time(NULL) + options->timeout_s;
    while ((code = reap(command)) < 0) {
        if (!options->timeout_s) {
            sigwaitinfo(&mask, NULL);
            continue;
        }
        wait.tv_sec = end - time(NULL);
        if (wait.tv_sec > 0) {
            sigtimedwait(&mask, NULL, &wait);
        } else if (!interrupted) {
            fprintf(stderr, "nsinit: over %ld s, interrupted\n",
                    options->timeout_s);
            kill(-command, SIGINT);
            interrupted = true;
            end = time(NULL) + GRACE_S;
        } else {
            return EXIT_TIMEOUT;
        }
    }
    return interrupted ? EXIT_TIMEOUT : code;
}

int
main(int argc, char **argv)
{
    struct options options = { 0 };
    int status;
    pid_t pid;

    parse(argc, argv, &options);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) < 0)
        fail("new namespaces (this needs root)");
    pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        exit(init(&options));
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return exit_code(status);
}
