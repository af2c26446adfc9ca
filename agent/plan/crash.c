// SPDX-License-Identifier: Apache-2.0
/*
 * One armed point at most, decided at start; the counter is the only thing
 * that changes. Death is SIGKILL to ourselves: no handler, no flush, no
 * destructor runs, as with a power cut of the process.
 */
#include "agent/plan/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"

static const char *const phases[CRASH_PHASES] = {
    [CRASH_JOURNAL] = "journal", [CRASH_HOOK] = "hook",
    [CRASH_CALL] = "call",       [CRASH_VERIFY] = "verify",
    [CRASH_COMMIT] = "commit",   [CRASH_EVENT] = "event",
    [CRASH_REPLY] = "reply",     [CRASH_UNDO] = "undo",
};
static const char *const sides[CRASH_SIDES] = {"before", "inside", "after"};

#define CRASH_N_MAX 100000
#define RECOVERY "recovery."

struct crash {
    char name[128];
    bool recovery;
    int n;
    atomic_int passed;
};

static void
name_of(enum step_kind kind, enum crash_phase phase, enum crash_side side,
        char *out, size_t size)
{
    snprintf(out, size, "%s.%s.%s", plan_step_name(kind), phases[phase],
             sides[side]);
}

/* Only what takes time in another's hands has an inside. */
static bool
exists(enum crash_phase phase, enum crash_side side)
{
    return side != CRASH_INSIDE || phase == CRASH_CALL || phase == CRASH_UNDO;
}

bool
crash_name(size_t n, char *out, size_t size)
{
    for (size_t i = 0; i < (size_t)STEP_KINDS * CRASH_PHASES * CRASH_SIDES;
         i++) {
        enum step_kind kind = (enum step_kind)(i / CRASH_SIDES / CRASH_PHASES);
        enum crash_phase phase =
            (enum crash_phase)(i / CRASH_SIDES % CRASH_PHASES);
        enum crash_side side = (enum crash_side)(i % CRASH_SIDES);

        if (!exists(phase, side) || n--)
            continue;
        name_of(kind, phase, side, out, size);
        return true;
    }
    return false;
}

struct crash *
crash_new(const char *spec, struct err *err)
{
    struct crash *crash = mem_zalloc(1, sizeof(*crash));
    bool recovery = !strncmp(spec, RECOVERY, strlen(RECOVERY));
    const char *at = recovery ? spec + strlen(RECOVERY) : spec;
    size_t len = strcspn(at, ":");
    char *end = NULL, name[128];
    long n = at[len] ? strtol(at + len + 1, &end, 10) : 1;

    snprintf(crash->name, sizeof(crash->name), "%.*s", (int)len, at);
    crash->recovery = recovery;
    crash->n = (int)n;
    for (size_t i = 0; crash_name(i, name, sizeof(name)); i++)
        if (!strcmp(name, crash->name) && n >= 1 && n <= CRASH_N_MAX &&
            (!end || !*end))
            return crash;
    free(crash);
    err_param(err, ERR_INVALID, "--crash-at", spec,
              "STEP.PHASE.SIDE or STEP.PHASE.SIDE:N, with a name that berthd "
              "--dump-crash-points prints and N from 1 to 100000");
    return NULL;
}

void
crash_free(struct crash *crash)
{
    free(crash);
}

struct crash *
crash_counts(struct crash *crash, bool recovering)
{
    return crash && crash->recovery == recovering ? crash : NULL;
}

static void *
die_later(void *arg)
{
    const struct crash *crash = arg;
    struct timespec wait = {crash->n / 1000, crash->n % 1000 * 1000000L};

    nanosleep(&wait, NULL);
    kill(getpid(), SIGKILL);
    return NULL;
}

void
crash_at(struct crash *crash, enum step_kind kind, enum crash_phase phase,
         enum crash_side side)
{
    char name[128];
    pthread_t thread;

    if (!crash)
        return;
    name_of(kind, phase, side, name, sizeof(name));
    if (strcmp(name, crash->name) != 0)
        return;
    if (side == CRASH_INSIDE) {
        if (pthread_create(&thread, NULL, die_later, crash) == 0)
            pthread_detach(thread);
        return;
    }
    if (atomic_fetch_add(&crash->passed, 1) + 1 < crash->n)
        return;
    log_error("Dying at %s, as --crash-at asked", name);
    kill(getpid(), SIGKILL);
}
