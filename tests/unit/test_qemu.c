// SPDX-License-Identifier: Apache-2.0
/* QEMU's process: a child that locks a pidfile and has "-uuid" among its
 * words stands in for it. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/host/qemu.h"

#define UUID "11111111-1111-4111-8111-111111111111"

struct guest {
    pid_t pid;
    int ready; /* one byte comes when the lock is held */
    char pidfile[300];
};

/* What the child becomes: a shell that waits for its stdin to close. */
static void
become(const char *pidfile, const char *uuid, int held)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(pidfile, O_RDWR | O_CREAT, 0644);

    if (fcntl(fd, F_SETLK, &lock) < 0)
        _exit(1);
    dup2(held, 9);
    execl("/bin/sh", "sh", "-c", "echo; read line; exit 0", "-uuid", uuid,
          (char *)NULL);
    _exit(1);
}

static void
start(struct guest *guest, const char *folder, const char *uuid, int held)
{
    int in[2], out[2];
    char byte;

    snprintf(guest->pidfile, sizeof(guest->pidfile), "%s/vm.pid", folder);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    guest->pid = fork();
    if (guest->pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        become(guest->pidfile, uuid, held);
    }
    close(in[0]);
    close(out[1]);
    assert_int_equal(read(out[0], &byte, 1), 1);
    close(out[0]);
    guest->ready = in[1];
}

static void
stop(struct guest *guest)
{
    close(guest->ready);
    waitpid(guest->pid, NULL, 0);
}

static void
the_lock_and_the_uuid_name_it(void **state)
{
    struct qemu_proc proc;
    struct err err = ERR_INIT;
    struct guest guest;
    char folder[256];

    (void)state;
    unit_folder(folder);
    start(&guest, folder, UUID, 2);
    assert_int_equal(qemu_find(guest.pidfile, UUID, &proc, &err), 0);
    assert_int_equal(proc.pid, guest.pid);
    qemu_close(&proc);
    assert_int_equal(proc.dir, -1);
    assert_int_equal(qemu_find(guest.pidfile,
                               "22222222-2222-4222-8222-222222222222", &proc,
                               &err),
                     -1);
    unit_err(&err, ERR_NOT_FOUND, "is not the QEMU of VM");
    stop(&guest);
    assert_int_equal(qemu_find(guest.pidfile, UUID, &proc, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "No process holds");
    assert_int_equal(qemu_find("/nowhere/x.pid", UUID, &proc, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "No process holds");
}

static void
open_files_are_seen(void **state)
{
    struct qemu_proc proc;
    struct err err = ERR_INIT;
    struct guest guest;
    char folder[256], path[300];
    struct stat st, other;
    int fd;

    (void)state;
    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/disk", folder);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(fstat(fd, &st), 0);
    start(&guest, folder, UUID, fd);
    assert_int_equal(qemu_find(guest.pidfile, UUID, &proc, &err), 0);
    assert_int_equal(qemu_holds(&proc, st.st_dev, st.st_ino, &err), 1);
    assert_int_equal(stat(folder, &other), 0);
    assert_int_equal(qemu_holds(&proc, other.st_dev, other.st_ino, &err), 0);
    /* The same number as a device's is another thing. */
    assert_int_equal(qemu_holds(&proc, 0, st.st_ino, &err), 0);
    stop(&guest);
    assert_int_equal(qemu_holds(&proc, st.st_dev, st.st_ino, &err), -1);
    unit_err(&err, ERR_INTERNAL, "cannot be read");
    qemu_close(&proc);
    close(fd);
}

static void
its_descriptors(void **state)
{
    struct qemu_proc self = {open("/proc/self", O_RDONLY | O_DIRECTORY),
                             getpid()};
    uint64_t used, limit, more;
    struct rlimit files;
    struct err err = ERR_INIT;
    int fd;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(qemu_files(&self, &used, &limit, &err), 0);
    assert_int_equal(limit, files.rlim_cur);
    fd = dup(self.dir);
    assert_int_equal(qemu_files(&self, &more, &limit, &err), 0);
    assert_int_equal(more, used + 1);
    close(fd);
    qemu_close(&self);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(the_lock_and_the_uuid_name_it),
        cmocka_unit_test(open_files_are_seen),
        cmocka_unit_test(its_descriptors),
    };

    return CASES(cases);
}
