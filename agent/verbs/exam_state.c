// SPDX-License-Identifier: Apache-2.0
/*
 * Settings, the state directory and what lies in it. A berthd that runs is
 * asked for what it knows of its database; one that does not is looked at
 * through a copy of nothing: files are read as they lie there, never changed.
 */
#include "agent/verbs/exam_state.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/state/receipts.h"
#include "agent/state/store.h"

#define RESERVE (1 << 20)
#define SPACE_MIN (UINT64_C(16) << 20)
#define INODES_MIN 64
#define DAY_MS INT64_C(86400000)
#define SKEW_MS 60000
#define YEAR_2025_MS INT64_C(1735689600000)

static const char *
dir_of(const struct exam *exam)
{
    return conf_text(exam->conf, CONF_STATE_DIR);
}

void
exam_state_settings(struct exam *exam)
{
    if (exam->conf_why[0])
        exam_find(exam, EXAM_ERROR, NULL, "The settings cannot be used: %s",
                  exam->conf_why);
    else
        exam_ok(exam, "The settings are good");
}

/* --- the directory -------------------------------------------------------- */

static void
judge_owner(struct exam *exam, const char *dir, const struct stat *st)
{
    if (st->st_uid != geteuid())
        exam_find(exam, EXAM_WARNING, NULL,
                  "%s belongs to the user %u, and this is the user %u", dir,
                  st->st_uid, geteuid());
    if (st->st_mode & 077)
        exam_find(exam, EXAM_WARNING, "chmod 0700 that directory",
                  "%s is open to others: its mode is %04o, expected 0700", dir,
                  st->st_mode & 07777);
}

void
exam_state_directory(struct exam *exam)
{
    size_t before = exam->counts[EXAM_WARNING];
    const char *dir = dir_of(exam);
    struct stat st;

    if (stat(dir, &st) < 0 && errno == ENOENT && !exam->env) {
        exam_ok(exam, "There is no %s yet; berthd makes it when it starts",
                dir);
        return;
    }
    if (stat(dir, &st) < 0) {
        exam_find(exam, EXAM_ERROR, NULL, "%s: %s", dir, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        exam_find(exam, EXAM_ERROR,
                  "Move the file away, or set [state] dir to a directory",
                  "%s is a file, no directory", dir);
        return;
    }
    if (access(dir, R_OK | W_OK | X_OK) < 0) {
        exam_find(exam, EXAM_ERROR,
                  errno == EROFS ? "Look at the kernel's log for the reason, "
                                   "and mount it for writing again"
                                 : NULL,
                  "%s cannot be written: %s", dir, strerror(errno));
        return;
    }
    judge_owner(exam, dir, &st);
    if (exam->counts[EXAM_WARNING] == before)
        exam_ok(exam, "%s can be written, by its owner alone", dir);
}

void
exam_state_lock(struct exam *exam)
{
    const char *dir = dir_of(exam);
    pid_t pid = store_holder(dir);

    if (exam->env && (pid == getpid() || pid < 0))
        exam_ok(exam, "This berthd (process %d) has it", (int)getpid());
    else if (exam->env)
        exam_find(exam, EXAM_ERROR, NULL,
                  "This berthd (process %d) does not have %s for itself: %s%d",
                  (int)getpid(), dir, pid ? "it is locked by process " : "",
                  (int)pid);
    else if (pid)
        exam_find(exam, EXAM_WARNING,
                  "Look at its log (journalctl -u berthd) and at what it "
                  "waits for; restart it if it does not answer",
                  "A berthd (process %d) runs and has %s, but this is not its "
                  "answer",
                  (int)pid, dir);
    else
        exam_ok(exam, "No berthd uses %s", dir);
}

/* --- the database --------------------------------------------------------- */

void
exam_state_database(struct exam *exam)
{
    char why[512];

    if (exam->env && !store_healthy(exam->env->store, why, sizeof(why)))
        exam_find(exam, EXAM_ERROR, NULL, "berthd is read-only: %s", why);
    else if (exam->env)
        exam_ok(exam, "It takes new records");
    else if (exam->record)
        exam_ok(exam, "%s/berth.db is whole, and of a version that is known",
                dir_of(exam));
    else if (exam->record_why.kind == ERR_NOT_FOUND)
        exam_ok(exam, "%s berthd makes it when it starts",
                exam->record_why.message);
    else
        exam_find(exam, EXAM_ERROR, NULL, "%s", exam->record_why.message);
}

void
exam_state_reserve(struct exam *exam)
{
    CLEANUP_FREE char *path = mem_printf("%s/berth.reserve", dir_of(exam));
    struct stat st = {.st_size = 0};

    if (stat(path, &st) == 0 && st.st_size >= RESERVE &&
        (uint64_t)st.st_blocks * 512 >= RESERVE)
        exam_ok(exam, "1 MiB is set aside for the ends of what runs");
    else if (!exam->env && !exam->record &&
             exam->record_why.kind == ERR_NOT_FOUND)
        exam_ok(exam, "berthd sets it aside when it starts");
    else
        exam_find(exam, EXAM_WARNING, NULL,
                  "%s holds %lld bytes, not 1 MiB: it was given up on a full "
                  "disk, or cannot be made",
                  path, (long long)st.st_size);
}

void
exam_state_space(struct exam *exam)
{
    const char *dir = dir_of(exam);
    struct statvfs fs;
    uint64_t left;

    if (statvfs(dir, &fs) < 0 && errno == ENOENT) {
        exam_ok(exam, "There is no %s yet", dir);
        return;
    }
    if (statvfs(dir, &fs) < 0) {
        exam_find(exam, EXAM_ERROR, NULL, "%s: %s", dir, strerror(errno));
        return;
    }
    left = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (left < RESERVE)
        exam_find(exam, EXAM_ERROR, NULL,
                  "The file system of %s is full: %llu KiB are left", dir,
                  (unsigned long long)(left >> 10));
    else if (left < SPACE_MIN)
        exam_find(exam, EXAM_WARNING, NULL,
                  "The file system of %s is nearly full: %llu KiB are left, "
                  "%llu MiB are a minimum",
                  dir, (unsigned long long)(left >> 10),
                  (unsigned long long)(SPACE_MIN >> 20));
    else if (fs.f_files && fs.f_favail < INODES_MIN)
        exam_find(exam, EXAM_WARNING, "Remove files there, or make it larger",
                  "The file system of %s has room for %llu files more", dir,
                  (unsigned long long)fs.f_favail);
    else
        exam_ok(exam, "%llu MiB are free on the file system of %s",
                (unsigned long long)(left >> 20), dir);
}

/* --- what is recorded ------------------------------------------------------ */

void
exam_state_operations(struct exam *exam)
{
    struct receipts_age age;
    struct err err = ERR_INIT;

    if (!exam->record)
        exam_ok(exam, "There is no record to look at");
    else if (receipts_age(exam->record, clock_wall_ms() - DAY_MS, &age, &err) <
             0)
        exam_find(exam, EXAM_ERROR, "See the check \"database\"", "%s",
                  err.message);
    else if (age.old)
        exam_find(exam, EXAM_WARNING, NULL,
                  "%lld operations have been open for more than a day, the "
                  "oldest is %s",
                  (long long)age.old, age.oldest);
    else
        exam_ok(exam, "None has been open for a day");
}

void
exam_state_clock(struct exam *exam)
{
    struct receipts_age age = {.newest_ms = 0};
    int64_t now = clock_wall_ms();
    char stamp[CLOCK_STAMP], newest[CLOCK_STAMP];

    if (exam->record)
        receipts_age(exam->record, 0, &age, NULL);
    clock_stamp(now, stamp);
    clock_stamp(age.newest_ms, newest);
    if (now < YEAR_2025_MS)
        exam_find(exam, EXAM_ERROR, NULL,
                  "The clock says %s: certificates will not be valid", stamp);
    else if (age.newest_ms > now + SKEW_MS)
        exam_find(exam, EXAM_WARNING, NULL,
                  "The clock says %s, but an operation was begun at %s: it "
                  "went back",
                  stamp, newest);
    else
        exam_ok(exam, "It says %s", stamp);
}
