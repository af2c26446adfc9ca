// SPDX-License-Identifier: Apache-2.0
/*
 * What was last read of the host and of every VM that runs, in memory: put by
 * who reads it (agent/sample.c), asked by verbs, which therefore wait for no
 * hypervisor and for no VM. A sample does not change once it is put; readers
 * hold references, and copy what goes into an answer. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/json.h"
#include "agent/common/uuid.h"

struct sampled;

struct sample {       /* counted; use sample_ref/unref */
    json_t *value;    /* only to be read */
    int64_t taken_ms; /* CLOCK_MONOTONIC */
    int refs;         /* atomic */
};

/* A sample of its own, with one reference; takes value. */
struct sample *sampled_make(json_t *value, int64_t taken_ms);
struct sample *sampled_ref(struct sample *sample); /* NULL is fine */
void sampled_unref(struct sample *sample);         /* NULL is fine */
CLEANUP_DEFINE(sampled_cleanup_, struct sample, sampled_unref)
#define CLEANUP_SAMPLE CLEANUP(sampled_cleanup_)

struct sampled *sampled_new(void);
void sampled_free(struct sampled *sampled);

/* --- one thing each ------------------------------------------------------ */

enum sampled_what {
    SAMPLED_HOST,  /* figures of the host: load, memory, traffic */
    SAMPLED_FACTS, /* what the hypervisor says that it can do */
    SAMPLED_PACKAGES,
    SAMPLED_WHATS
};
void sampled_put(struct sampled *sampled, enum sampled_what what,
                 struct sample *sample /* takes */);
/* A reference; NULL: not read yet. */
struct sample *sampled_get(struct sampled *sampled, enum sampled_what what);

/* --- VMs ----------------------------------------------------------------- */

struct sampled_vm {
    char uuid[UUID_TEXT];
    struct sample *sample; /* a reference, NULL: never read */
    bool stale;            /* could not be read this time: it is older */
};

/* What a round has read takes the place of all that was known; takes the
 * vector's samples, not the vector. In any order. */
void sampled_put_vms(struct sampled *sampled, struct sampled_vm *vms, size_t n);

/* Nothing was read: what is known stays, stale. */
void sampled_all_stale(struct sampled *sampled);

/* Copies by UUID's order; returns owned vector, sampled_vms_free. */
struct sampled_vm *sampled_vms(struct sampled *sampled, size_t *n);
void sampled_vms_free(struct sampled_vm *vms, size_t n);

/* The one of that UUID in a vector that sampled_vms returned; NULL: none. */
const struct sampled_vm *sampled_find(const struct sampled_vm *vms, size_t n,
                                      const char *uuid);
