// SPDX-License-Identifier: Apache-2.0
/*
 * What the fields of the host under VDSM's names are made from: the kernel's
 * files, read when it is asked, and what is kept in memory. Memory only is
 * vdsm_facts_usage; the other waits for small files.
 */
#pragma once

#include "agent/plan/env.h"
#include "agent/state/sampled.h"

struct vdsm_facts {
    struct env *env;  /* borrowed */
    const char *root; /* borrowed; as in host/sysfs.h */
    /* References to what was sampled; NULL: not yet. */
    struct sample *host, *hyper, *packages;
    /* Owned; NULL where the question does not need them. */
    json_t *cpu, *nodes, *pages, *release, *kernel, *switches, *dmi, *fc;
    json_t *links, *addresses, *gateways;
    char *initiator, *host_id;
    /* VMs that have a process, those whose processors run, their memory. */
    size_t vms, active;
    uint64_t committed; /* bytes */
};

void vdsm_facts_caps(struct vdsm_facts *facts, struct env *env,
                     const char *root);
void vdsm_facts_usage(struct vdsm_facts *facts, struct env *env);
void vdsm_facts_hardware(struct vdsm_facts *facts, const char *root);
void vdsm_facts_clear(struct vdsm_facts *facts);
#define CLEANUP_VDSM_FACTS CLEANUP(vdsm_facts_clear)

/* A number as text (owned); a number of bytes in MiB. */
json_t *vdsm_facts_text(json_int_t value);
json_int_t vdsm_facts_mib(const json_t *obj, const char *key);
