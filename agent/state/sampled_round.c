// SPDX-License-Identifier: Apache-2.0
/* A sample is made, completed, and put: nobody sees it before it is whole. */
#include "agent/state/sampled_round.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/state/rates.h"

static const char *const cpu_counters[] = {"time", "user", "system", NULL};
static const char *const net_counters[] = {"rx_bytes", "rx_pkts", "tx_bytes",
                                           "tx_pkts", NULL};
static const char *const block_counters[] = {"rd_reqs", "rd_bytes", "rd_times",
                                             "wr_reqs", "wr_bytes", "wr_times",
                                             "fl_reqs", "fl_times", NULL};

struct round {
    struct sampled_vm *before; /* by UUID's order */
    size_t nbefore;
    struct sampled_vm *now;
    size_t n;
    int64_t taken_ms;
};

static void
put_rates(json_t *stats, const struct sample *before, int64_t taken_ms)
{
    const json_t *old = before ? before->value : NULL;
    double seconds = before ? (double)(taken_ms - before->taken_ms) / 1000 : 0;

    rates_put(json_object_get(stats, "cpu"), json_object_get(old, "cpu"),
              cpu_counters, seconds);
    rates_put_each(json_object_get(stats, "net"), json_object_get(old, "net"),
                   net_counters, seconds);
    rates_put_each(json_object_get(stats, "block"),
                   json_object_get(old, "block"), block_counters, seconds);
}

static struct sampled_vm *
add(struct round *round, const char *uuid)
{
    struct sampled_vm *vm;

    round->now = mem_more(round->now, round->n, sizeof(*round->now));
    vm = &round->now[round->n++];
    snprintf(vm->uuid, sizeof(vm->uuid), "%s", uuid);
    return vm;
}

static void
add_fresh(struct round *round, json_t *stats)
{
    const char *uuid = json_get_text(stats, "vm", "");
    const struct sampled_vm *old =
        sampled_find(round->before, round->nbefore, uuid);

    put_rates(stats, old ? old->sample : NULL, round->taken_ms);
    add(round, uuid)->sample =
        sampled_make(json_incref(stats), round->taken_ms);
    if (old && old->stale)
        log_info("VM %s: its statistics can be read again", uuid);
}

static void
add_kept(struct round *round, const char *uuid)
{
    const struct sampled_vm *old =
        sampled_find(round->before, round->nbefore, uuid);
    struct sampled_vm *vm = add(round, uuid);

    vm->sample = sampled_ref(old ? old->sample : NULL);
    vm->stale = true;
    if (!old || !old->stale)
        log_warning("VM %s: its QEMU does not answer; its statistics stay as "
                    "they were read last, marked stale. Look at its process",
                    uuid);
}

void
sampled_round_put(struct sampled *sampled, json_t *stats,
                  const char *const *kept, size_t nkept, int64_t taken_ms)
{
    struct round round = {.taken_ms = taken_ms};
    json_t *one;
    size_t i;

    round.before = sampled_vms(sampled, &round.nbefore);
    json_array_foreach (stats, i, one)
        add_fresh(&round, one);
    for (i = 0; i < nkept; i++)
        add_kept(&round, kept[i]);
    sampled_put_vms(sampled, round.now, round.n);
    free(round.now);
    sampled_vms_free(round.before, round.nbefore);
    json_decref(stats);
}
