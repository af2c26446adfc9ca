// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt, asked by the connection of the berthd that runs, or by one made
 * for it. A libvirtd that hangs lets a new connection wait for ever: it is
 * tried in a thread, which is left behind when it does not come back. The
 * embedded driver is opened by no one but its berthd, as it has one owner.
 */
#include "agent/verbs/exam_hyper.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

#define WAIT_MS 15000
#define EMBED "qemu:///embed?root="

/* What helps where libvirt does not answer, by the beginning of the URI. */
static const struct {
    const char *uri, *fix;
} fixes[] = {
    {"qemu:///system",
     "Start libvirt: systemctl start libvirtd (or virtqemud.socket); and look "
     "at journalctl -u libvirtd. Who is not root must be in the group libvirt"},
    {"qemu:///session",
     "Start it as this user: virsh -c qemu:///session version says what is "
     "wrong"},
    {EMBED, "Give the directory after root= to berthd's user, or name another"},
};

static const char *
fix_of(const char *uri)
{
    for (size_t i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++)
        if (strncmp(uri, fixes[i].uri, strlen(fixes[i].uri)) == 0)
            return fixes[i].fix;
    return "Correct [hypervisor local] uri";
}

/* --- a try in a thread ------------------------------------------------------ */

struct attempt {
    char *uri;
    struct lock lock; /* guards what follows */
    pthread_cond_t ended;
    bool done;      /* the thread is through */
    bool abandoned; /* and frees it, as nobody waits any more */
    struct err err; /* of kind NONE when libvirt answered */
    json_t *info;   /* owned */
};

static void
attempt_free(struct attempt *attempt)
{
    json_decref(attempt->info);
    pthread_cond_destroy(&attempt->ended);
    lock_destroy(&attempt->lock);
    free(attempt->uri);
    free(attempt);
}

static void
ignore_event(void *ctx, const struct hyper_event *event)
{
    (void)ctx;
    (void)event;
}

static void *
attempt_main(void *arg)
{
    struct attempt *attempt = arg;
    struct err err = ERR_INIT;
    struct hyper *hyper =
        hyper_open("doctor", attempt->uri, ignore_event, NULL, &err);
    json_t *info = hyper ? hyper_info(hyper, &err) : NULL;
    bool abandoned;

    if (hyper)
        hyper_close(hyper);
    lock_take(&attempt->lock);
    attempt->err = err;
    attempt->info = info;
    attempt->done = true;
    abandoned = attempt->abandoned;
    pthread_cond_signal(&attempt->ended);
    lock_drop(&attempt->lock);
    if (abandoned)
        attempt_free(attempt);
    return NULL;
}

/* False when it was abandoned: it belongs to its thread then. */
static bool
attempt_wait(struct attempt *attempt)
{
    int64_t deadline_ms = clock_mono_ms() + WAIT_MS;

    LOCK_SCOPE(&attempt->lock);
    while (!attempt->done &&
           lock_wait(&attempt->lock, &attempt->ended, deadline_ms) == 0)
        ;
    attempt->abandoned = !attempt->done;
    return attempt->done;
}

/* What libvirt says of itself, owned; NULL + err. */
static json_t *
ask(const char *uri, struct err *err)
{
    struct attempt *attempt = mem_zalloc(1, sizeof(*attempt));
    pthread_t thread;
    json_t *info;
    int failed;

    attempt->uri = mem_dup(uri);
    lock_init(&attempt->lock, LOCK_LEAF);
    lock_cond_init(&attempt->ended);
    failed = pthread_create(&thread, NULL, attempt_main, attempt);
    if (failed) {
        attempt_free(attempt);
        err_set(err, ERR_INTERNAL, "No thread can be started: %s",
                strerror(failed));
        return NULL;
    }
    pthread_detach(thread);
    if (!attempt_wait(attempt)) {
        err_set(err, ERR_TIMEOUT, "libvirt at %s has not answered for %d s",
                uri, WAIT_MS / 1000);
        return NULL;
    }
    info = STEAL(attempt->info);
    if (!info)
        *err = attempt->err;
    attempt_free(attempt);
    return info;
}

/* --- the check --------------------------------------------------------------- */

static void
judge_root(struct exam *exam, const char *uri)
{
    const char *root = uri + strlen(EMBED);
    struct stat st;

    if (stat(root, &st) < 0 && errno == ENOENT)
        exam_ok(exam, "The embedded driver makes %s when berthd starts", root);
    else if (stat(root, &st) == 0 && !S_ISDIR(st.st_mode))
        exam_find(exam, EXAM_ERROR, fix_of(uri), "%s is no directory", root);
    else if (access(root, R_OK | W_OK | X_OK) < 0)
        exam_find(exam, EXAM_ERROR, fix_of(uri), "%s cannot be used: %s", root,
                  strerror(errno));
    else
        exam_ok(exam, "The embedded driver has %s", root);
}

static void
tell(struct exam *exam, const json_t *info, const char *uri)
{
    exam_ok(exam, "libvirt %s answers at %s",
            json_get_text(json_object_get(info, "libvirt"), "version", "?"),
            uri);
}

void
exam_hyper_libvirt(struct exam *exam)
{
    const char *uri = conf_text(exam->conf, CONF_HYPERVISOR_LOCAL_URI);
    struct hyper *hyper = exam->env ? exam->env->hyper : NULL;
    CLEANUP_JSON json_t *info = NULL;
    struct err err = ERR_INIT;

    if (!hyper && strncmp(uri, EMBED, strlen(EMBED)) == 0) {
        judge_root(exam, uri);
        return;
    }
    if (hyper && !hyper_connected(hyper)) {
        exam_find(exam, EXAM_ERROR, fix_of(uri),
                  "The connection to libvirt at %s is lost; berthd tries it "
                  "again and again",
                  uri);
        return;
    }
    info = hyper ? hyper_info(hyper, &err) : ask(uri, &err);
    if (info)
        tell(exam, info, uri);
    else
        exam_find(exam, EXAM_ERROR, fix_of(uri), "%s", err.message);
}
