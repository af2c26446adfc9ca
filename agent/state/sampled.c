// SPDX-License-Identifier: Apache-2.0
/*
 * References under one lock, held for copies of pointers only: two hundred
 * VMs cost a reader some microseconds.
 */
#include "agent/state/sampled.h"

#include <stdatomic.h>
#include <string.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct sampled {
    struct lock lock; /* guards what follows */
    struct sample *one[SAMPLED_WHATS];
    struct sampled_vm *vms; /* by UUID's order */
    size_t nvms;
};

/* --- samples ------------------------------------------------------------- */

struct sample *
sampled_make(json_t *value, int64_t taken_ms)
{
    struct sample *sample = mem_zalloc(1, sizeof(*sample));

    sample->value = value;
    sample->taken_ms = taken_ms;
    sample->refs = 1;
    return sample;
}

struct sample *
sampled_ref(struct sample *sample)
{
    if (sample)
        __atomic_fetch_add(&sample->refs, 1, __ATOMIC_RELAXED);
    return sample;
}

void
sampled_unref(struct sample *sample)
{
    if (!sample || __atomic_sub_fetch(&sample->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    json_decref(sample->value);
    free(sample);
}

/* --- the memory ---------------------------------------------------------- */

struct sampled *
sampled_new(void)
{
    struct sampled *sampled = mem_zalloc(1, sizeof(*sampled));

    lock_init(&sampled->lock, LOCK_LEAF);
    return sampled;
}

void
sampled_free(struct sampled *sampled)
{
    if (!sampled)
        return;
    for (size_t i = 0; i < SAMPLED_WHATS; i++)
        sampled_unref(sampled->one[i]);
    sampled_vms_free(sampled->vms, sampled->nvms);
    lock_destroy(&sampled->lock);
    free(sampled);
}

void
sampled_put(struct sampled *sampled, enum sampled_what what,
            struct sample *sample)
{
    struct sample *old;

    lock_take(&sampled->lock);
    old = sampled->one[what];
    sampled->one[what] = sample;
    lock_drop(&sampled->lock);
    sampled_unref(old);
}

struct sample *
sampled_get(struct sampled *sampled, enum sampled_what what)
{
    LOCK_SCOPE(&sampled->lock);
    return sampled_ref(sampled->one[what]);
}

/* --- VMs ----------------------------------------------------------------- */

static int
by_uuid(const void *a, const void *b)
{
    const struct sampled_vm *x = a, *y = b;

    return strcmp(x->uuid, y->uuid);
}

/* Returns a vector of its own, never NULL. */
static struct sampled_vm *
copy_vms(const struct sampled_vm *vms, size_t n)
{
    struct sampled_vm *copy = mem_zalloc(n, sizeof(*copy));

    if (n)
        memcpy(copy, vms, n * sizeof(*copy));
    return copy;
}

void
sampled_put_vms(struct sampled *sampled, struct sampled_vm *vms, size_t n)
{
    struct sampled_vm *now = copy_vms(vms, n), *old;
    size_t nold;

    qsort(now, n, sizeof(*now), by_uuid);
    lock_take(&sampled->lock);
    old = sampled->vms;
    nold = sampled->nvms;
    sampled->vms = now;
    sampled->nvms = n;
    lock_drop(&sampled->lock);
    sampled_vms_free(old, nold);
}

void
sampled_all_stale(struct sampled *sampled)
{
    LOCK_SCOPE(&sampled->lock);
    for (size_t i = 0; i < sampled->nvms; i++)
        sampled->vms[i].stale = true;
}

struct sampled_vm *
sampled_vms(struct sampled *sampled, size_t *n)
{
    struct sampled_vm *copy;

    LOCK_SCOPE(&sampled->lock);
    copy = copy_vms(sampled->vms, sampled->nvms);
    for (size_t i = 0; i < sampled->nvms; i++)
        sampled_ref(copy[i].sample);
    *n = sampled->nvms;
    return copy;
}

void
sampled_vms_free(struct sampled_vm *vms, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sampled_unref(vms[i].sample);
    free(vms);
}

const struct sampled_vm *
sampled_find(const struct sampled_vm *vms, size_t n, const char *uuid)
{
    struct sampled_vm key = {.stale = false};

    if (!n || strlen(uuid) >= sizeof(key.uuid))
        return NULL;
    strcpy(key.uuid, uuid);
    return bsearch(&key, vms, n, sizeof(*vms), by_uuid);
}
