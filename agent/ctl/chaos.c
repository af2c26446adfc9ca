// SPDX-License-Identifier: Apache-2.0
/*
 * Phases: options → a folder with its guard → a first lab that learns what
 * QEMU can do (the others copy that) → jobs, a thread and a lab each, that
 * take cases from one list → matrix. A signal ends the jobs after the cell
 * that they are at. The guard sweeps at every end.
 */
#include "agent/ctl/chaos.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/ctl/chaos_box.h"
#include "agent/ctl/chaos_run.h"
#include "agent/ctl/chaos_setup.h"
#include "agent/ctl/chaos_sweep.h"
#include "agent/ctl/fail.h"
#include "agent/ctl/print.h"

#define JOBS 2
#define JOBS_MAX 16

struct chaos {
    const struct ctl *ctl;
    char *berthd;  /* owned */
    char *dir;     /* owned */
    json_t *verbs; /* owned */
    struct chaos_run run;
    struct chaos_matrix matrix;
    atomic_bool stop;
    atomic_int failed;   /* cases that could not be tried */
    atomic_size_t next;  /* row of the next case */
    atomic_int ended;    /* jobs */
    struct lock telling; /* lines on stderr */
    int64_t from;
    int jobs;
    bool libvirtd;
};

struct job {
    struct chaos *chaos;
    struct chaos_lab lab;
    pthread_t thread;
};

static bool
is_wanted(const struct chaos *chaos, const char *name)
{
    size_t i;
    json_t *verb;

    json_array_foreach(chaos->verbs, i, verb)
    {
        if (strcmp(json_string_value(verb), name) == 0)
            return true;
    }
    return !json_array_size(chaos->verbs);
}

/* --- jobs ----------------------------------------------------------------- */

static void
tell_case(struct chaos *chaos, const struct chaos_case *row, int64_t from,
          const struct err *err)
{
    LOCK_SCOPE(&chaos->telling);

    fprintf(chaos->ctl->err, "%-17s %5.1f s  %s\n", row->name,
            (double)(clock_mono_ms() - from) / 1000,
            err->kind ? err->message : row->doc);
}

static void
run_cases(struct job *job)
{
    struct chaos *chaos = job->chaos;
    size_t i;

    while (!atomic_load(&chaos->stop) &&
           (i = atomic_fetch_add(&chaos->next, 1)) < chaos_case_nrows) {
        const struct chaos_case *row = &chaos_case_rows[i];
        int64_t from = clock_mono_ms();
        struct err err = ERR_INIT;

        if (!is_wanted(chaos, row->name))
            continue;
        if (chaos_run_case(&chaos->run, &job->lab, row, &err) < 0)
            atomic_fetch_add(&chaos->failed, 1);
        tell_case(chaos, row, from, &err);
    }
}

static void *
job_main(void *arg)
{
    struct job *job = arg;

    run_cases(job);
    chaos_lab_close(&job->lab);
    atomic_fetch_add(&job->chaos->ended, 1);
    return NULL;
}

/* Jobs end by themselves; a signal makes them end sooner. */
static void
await_jobs(struct chaos *chaos, int jobs)
{
    struct timespec tick = {0, 50000000};
    sigset_t set;

    sigfillset(&set);
    sigdelset(&set, SIGCHLD);
    while (atomic_load(&chaos->ended) < jobs)
        if (sigtimedwait(&set, NULL, &tick) > 0)
            atomic_store(&chaos->stop, true);
}

/* --- the whole ------------------------------------------------------------ */

/* libvirt asks QEMU what it can do when a first VM is defined: seconds. */
static int
learn_qemu(struct job *jobs, int n, struct err *err)
{
    CLEANUP_JSON json_t *params =
        chaos_lab_params(&jobs[0].lab, "{'name':'learn','memory':67108864}");
    CLEANUP_JSON json_t *refusal = NULL;
    CLEANUP_JSON json_t *made = NULL;

    if (chaos_lab_reset(&jobs[0].lab, err) < 0 ||
        chaos_lab_start(&jobs[0].lab, NULL, err) < 0)
        return -1;
    made = chaos_lab_call(&jobs[0].lab, "CreateVm", params, &refusal, err);
    if (!made)
        return err_wrap(err, "A first VM");
    for (int i = 1; i < n; i++)
        chaos_setup_share(&jobs[0].lab, &jobs[i].lab);
    return 0;
}

static int
run_jobs(struct chaos *chaos, int n, struct err *err)
{
    struct job jobs[JOBS_MAX];
    int rc = 0, started = 0;

    for (int i = 0; i < n; i++) {
        jobs[i].chaos = chaos;
        if (chaos_lab_open(&jobs[i].lab, chaos->dir, i, chaos->berthd,
                           chaos->libvirtd, err) < 0)
            rc = -1;
    }
    if (rc == 0)
        rc = learn_qemu(jobs, n, err);
    for (; rc == 0 && started < n; started++)
        if (pthread_create(&jobs[started].thread, NULL, job_main,
                           &jobs[started]) != 0)
            break;
    await_jobs(chaos, started);
    for (int i = 0; i < n; i++)
        if (i < started)
            pthread_join(jobs[i].thread, NULL);
        else
            chaos_lab_close(&jobs[i].lab);
    return rc;
}

static void
report(const struct chaos *chaos)
{
    const struct ctl *ctl = chaos->ctl;
    const struct chaos_matrix *matrix = &chaos->matrix;

    if (ctl->output == CTL_JSON) {
        CLEANUP_JSON json_t *list = chaos_matrix_json(matrix);

        print_json(ctl->out, list);
        return;
    }
    chaos_matrix_print(matrix, ctl->out);
    fprintf(ctl->out,
            "%zu deaths: %zu ended the same, %zu rolled back, %zu so but for "
            "a device that is kept, %zu WRONG (%.0f s)%s\n",
            matrix->n, chaos_matrix_count(matrix, CHAOS_SAME),
            chaos_matrix_count(matrix, CHAOS_ROLLED_BACK),
            chaos_matrix_count(matrix, CHAOS_KEPT),
            chaos_matrix_count(matrix, CHAOS_WRONG),
            (double)(clock_mono_ms() - chaos->from) / 1000,
            atomic_load(&chaos->stop) ? "; stopped before its end"
            : !matrix->n              ? "; no such point is passed"
                                      : "");
}

/* Nothing was WRONG, nothing was left out, and something was tried. */
static bool
is_proof(const struct chaos *chaos)
{
    return chaos->matrix.n && !atomic_load(&chaos->failed) &&
           !atomic_load(&chaos->stop) &&
           !chaos_matrix_count(&chaos->matrix, CHAOS_WRONG);
}

/* All of it, where it shall run; returns an exit code. */
static int
run_here(void *ctx)
{
    struct chaos *chaos = ctx;
    struct err err = ERR_INIT;

    chaos_setup_hide_kvm(chaos->dir);
    if (run_jobs(chaos, chaos->jobs, &err) < 0)
        return (int)fail_print(chaos->ctl->err, "chaos", &err, NULL);
    report(chaos);
    return is_proof(chaos) ? CTL_OK : CTL_FAILED;
}

/* Returns an exit code, -1 + err. */
static int
run_guarded(struct chaos *chaos, bool keep, struct err *err)
{
    struct chaos_guard guard;
    int code;

    chaos->dir = chaos_setup_folder(err);
    if (!chaos->dir ||
        chaos_sweep_guard(chaos->dir, chaos->berthd, keep, &guard, err) < 0)
        return -1;
    code =
        chaos->libvirtd ? chaos_box_run(run_here, chaos, err) : run_here(chaos);
    chaos_sweep_end(&guard);
    if (keep)
        fprintf(chaos->ctl->err, "State and logs are kept in %s\n", chaos->dir);
    return code;
}

static int
setup(struct chaos *chaos, const json_t *params, struct err *err)
{
    chaos->run.glob = json_get_text(params, "points", NULL);
    chaos->run.twice = json_get_bool(params, "twice", false) != 0;
    chaos->run.matrix = &chaos->matrix;
    chaos->run.stop = &chaos->stop;
    chaos->verbs = chaos_setup_verbs(json_get_text(params, "verbs", NULL), err);
    if (!chaos->verbs)
        return -1;
    chaos->berthd =
        chaos_setup_berthd(json_get_text(params, "berthd", NULL), err);
    if (!chaos->berthd)
        return -1;
    chaos->run.names =
        chaos_setup_points(chaos->berthd, &chaos->run.nnames, err);
    return chaos->run.names ? 0 : -1;
}

static void
clear(struct chaos *chaos)
{
    for (size_t i = 0; i < chaos->run.nnames; i++)
        free(chaos->run.names[i]);
    free(chaos->run.names);
    free(chaos->berthd);
    free(chaos->dir);
    json_decref(chaos->verbs);
    chaos_matrix_clear(&chaos->matrix);
    lock_destroy(&chaos->telling);
}

static int
usage(const struct ctl *ctl, const char *text)
{
    fprintf(ctl->err, "berthctl: %s\n", text);
    return CTL_USAGE;
}

int
chaos_main(const struct ctl *ctl, const json_t *params)
{
    bool libvirtd = json_get_bool(params, "libvirtd", false) != 0;
    json_int_t jobs = json_get_int(params, "jobs", libvirtd ? 1 : JOBS);
    struct chaos chaos = {.ctl = ctl,
                          .from = clock_mono_ms(),
                          .jobs = (int)jobs,
                          .libvirtd = libvirtd};
    struct err err = ERR_INIT;
    sigset_t all;
    int code = -1;

    if (jobs < 1 || jobs > JOBS_MAX)
        return usage(ctl, "--jobs is from 1 to 16");
    if (libvirtd && jobs > 1)
        return usage(ctl, "--libvirtd serves one job");
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* taken in await_jobs */
    xml_init();
    lock_init(&chaos.telling, LOCK_AGENT);
    chaos_matrix_init(&chaos.matrix);
    if (setup(&chaos, params, &err) == 0)
        code = run_guarded(&chaos, json_get_bool(params, "keep", false) != 0,
                           &err);
    if (code < 0)
        code = (int)fail_print(ctl->err, "chaos", &err, NULL);
    clear(&chaos);
    xml_cleanup();
    return code;
}
