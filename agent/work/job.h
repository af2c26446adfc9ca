// SPDX-License-Identifier: Apache-2.0
/* A piece of work, as who submits it hands it over. */
#pragma once

#define JOB_LANE 64 /* bytes of a lane's name, with the NUL */

struct job {
    void (*run)(void *arg);  /* in a worker */
    void (*drop)(void *arg); /* instead of run, when the pool stops first */
    void *arg;
    const char *label; /* static text for lists: the verb's name */
};
