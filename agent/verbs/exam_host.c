// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU, KVM, the images' folders, and the running berthd's own descriptors,
 * log and lanes. Programs are run with a deadline; libvirt has a file of its
 * own, since it may not answer at all.
 */
#include "agent/verbs/exam_host.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/host/account.h"

#define PROGRAM_MS 10000
#define FILES_MIN 4096 /* connections, and an image or two for each disk */

/* --- QEMU ------------------------------------------------------------------ */

/* The first line that the program prints of itself; owned, NULL + err. */
static char *
version_of(const char *program, struct err *err)
{
    const char *const argv[] = {program, "--version", NULL};
    const struct proc proc = {
        .argv = argv, .timeout_ms = PROGRAM_MS, .max_output = 4096};
    struct proc_result result;
    char *line = NULL;

    if (proc_run(&proc, &result, err) < 0)
        return NULL;
    if (result.timed_out || result.status != 0)
        err_set(err, ERR_UNSUPPORTED, "%s --version %s: %s", program,
                result.timed_out ? "does not end" : "fails", result.errout);
    else
        line = mem_ndup(result.out, strcspn(result.out, "\n"));
    proc_result_free(&result);
    return line;
}

void
exam_host_qemu(struct exam *exam)
{
    struct utsname host;
    CLEANUP_FREE char *program = NULL;
    CLEANUP_FREE char *version = NULL;
    struct err err = ERR_INIT;

    uname(&host);
    program = mem_printf("qemu-system-%s", host.machine);
    version = version_of(program, &err);
    if (!version) /* where distributions of the RHEL kind have it */
        version = version_of("/usr/libexec/qemu-kvm", NULL);
    if (version)
        exam_ok(exam, "%s", version);
    else
        exam_find(exam, EXAM_ERROR, NULL, "%s", err.message);
}

void
exam_host_qemu_img(struct exam *exam)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *version = version_of("qemu-img", &err);

    if (version)
        exam_ok(exam, "%s", version);
    else
        exam_find(exam, EXAM_ERROR, NULL, "%s", err.message);
}

void
exam_host_kvm(struct exam *exam)
{
    struct account qemu;
    struct stat st;

    if (exam->kvm)
        exam_ok(exam, "Guests run with KVM");
    else if (stat("/dev/kvm", &st) < 0)
        exam_find(exam, EXAM_WARNING,
                  "Turn virtualization on in the firmware (or, in a VM, in "
                  "the host below) and load kvm_intel or kvm_amd",
                  "There is no /dev/kvm: guests are emulated, and slow");
    else if (geteuid() == 0 && account_qemu(&qemu) &&
             !account_may(&qemu, &st, R_OK | W_OK))
        exam_find(exam, EXAM_WARNING,
                  "chgrp kvm /dev/kvm; chmod 0660 /dev/kvm; add that user to "
                  "the group kvm, and restart berthd",
                  "/dev/kvm is not open to QEMU's user %s (mode %04o): guests "
                  "are emulated, and slow",
                  qemu.name, st.st_mode & 07777);
    else if (access("/dev/kvm", R_OK | W_OK) < 0)
        exam_find(exam, EXAM_WARNING,
                  "Add this user to the group kvm, and log in again",
                  "/dev/kvm is not open to this user: guests are emulated, "
                  "and slow");
    else
        exam_find(exam, EXAM_WARNING, NULL,
                  "/dev/kvm is there but runs no guest: guests are emulated, "
                  "and slow");
}

/* --- images ---------------------------------------------------------------- */

/* True when QEMU can come to images there. */
static bool
judge_images(struct exam *exam, const char *dir, const struct account *qemu)
{
    CLEANUP_FREE char *stop = NULL;
    struct stat st;

    if (stat(dir, &st) < 0) {
        exam_find(exam, EXAM_WARNING, NULL, "%s: %s", dir, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        exam_find(exam, EXAM_ERROR, NULL, "%s is no directory", dir);
        return false;
    }
    stop = qemu ? account_stopped_at(qemu, dir) : NULL;
    if (!stop)
        return true;
    exam_find(exam, EXAM_ERROR, "chmod o+x it, or set an ACL for that user",
              "QEMU's user %s may not enter %s: images in %s cannot be opened",
              qemu->name, stop, dir);
    return false;
}

void
exam_host_images(struct exam *exam)
{
    const char *const *dirs = conf_list(exam->conf, CONF_PATHS_IMAGES);
    struct account account;
    /* QEMU has a user of its own where libvirt is root's. */
    const struct account *qemu =
        geteuid() == 0 && account_qemu(&account) ? &account : NULL;
    size_t good = 0, n = 0;

    for (; dirs && dirs[n]; n++)
        good += judge_images(exam, dirs[n], qemu);
    if (n == 0)
        exam_find(exam, EXAM_WARNING, NULL,
                  "[paths] images is empty: no image file may be used");
    else if (good == n)
        exam_ok(exam, "QEMU may enter %s%s", dirs[0],
                n > 1 ? " and the others" : "");
}

/* --- the running berthd ----------------------------------------------------- */

static unsigned
open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    if (!dir)
        return 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

void
exam_host_descriptors(struct exam *exam)
{
    struct rlimit limit = {.rlim_cur = 0};
    unsigned long long most;
    unsigned used = exam->env ? open_descriptors() : 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    most = exam->env ? limit.rlim_cur : limit.rlim_max;
    if (most < FILES_MIN)
        exam_find(exam, EXAM_WARNING, NULL,
                  "%llu may be open, %d are a minimum", most, FILES_MIN);
    else if (used > most / 10 * 8)
        exam_find(exam, EXAM_WARNING, NULL,
                  "%u are open, of %llu that may be", used, most);
    else if (exam->env)
        exam_ok(exam, "%u are open, of %llu that may be", used, most);
    else
        exam_ok(exam, "%llu may be open", most);
}

void
exam_host_log(struct exam *exam)
{
    struct log_health health;

    log_health(&health);
    if (health.closed)
        exam_find(exam, EXAM_WARNING,
                  "Start berthd with a stderr, such as systemd gives it",
                  "stderr was closed when berthd started: the log is lost");
    else if (health.error)
        exam_find(exam, EXAM_WARNING, NULL,
                  "The log cannot be written: %s; %lld lines are lost so far",
                  strerror(health.error), health.lost);
    else if (health.lost)
        exam_find(exam, EXAM_WARNING,
                  "Have the log read faster, or lower [log] level",
                  "%lld lines were lost since the start; it is written now",
                  health.lost);
    else
        exam_ok(exam, "It is written");
}

void
exam_host_lanes(struct exam *exam)
{
    size_t n, stuck = 0;
    CLEANUP_FREE struct lane_info *lanes = pool_lanes(exam->env->pool, &n);

    for (size_t i = 0; i < n; i++) {
        if (!lanes[i].stuck && !lanes[i].blocked)
            continue;
        stuck++;
        exam_find(exam, EXAM_WARNING, NULL,
                  "%s of %s in lane \"%s\" has run for %lld s",
                  lanes[i].label ? lanes[i].label : "A job",
                  lanes[i].peer[0] ? lanes[i].peer : "berthd itself",
                  lanes[i].name, (long long)lanes[i].running_ms / 1000);
    }
    if (!stuck)
        exam_ok(exam, "None is stuck");
}
