// SPDX-License-Identifier: Apache-2.0
/* Gathered in one go, so that the fields of an answer agree. */
#include "agent/verbs/vdsm_facts.h"

#include <stdio.h>
#include <string.h>

#include "agent/host/cpu.h"
#include "agent/host/dmi.h"
#include "agent/host/hba.h"
#include "agent/host/memory.h"
#include "agent/host/net.h"
#include "agent/host/release.h"

#define MIB (1024 * 1024)

static void
take_samples(struct vdsm_facts *facts, struct env *env)
{
    facts->env = env;
    facts->host = sampled_get(env->sampled, SAMPLED_HOST);
    facts->hyper = sampled_get(env->sampled, SAMPLED_FACTS);
    facts->packages = sampled_get(env->sampled, SAMPLED_PACKAGES);
}

void
vdsm_facts_caps(struct vdsm_facts *facts, struct env *env, const char *root)
{
    take_samples(facts, env);
    facts->root = root;
    facts->cpu = cpu_read(root);
    facts->nodes = memory_nodes(root);
    facts->pages = memory_hugepages(root);
    facts->release = release_read(root);
    facts->kernel = release_kernel(root);
    facts->switches = release_switches(root);
    facts->fc = hba_fc(root);
    facts->links = net_links(root);
    facts->addresses = net_addresses();
    facts->gateways = net_gateways(root);
    facts->initiator = hba_initiator(root);
    facts->host_id = dmi_host_id(root);
}

void
vdsm_facts_usage(struct vdsm_facts *facts, struct env *env)
{
    size_t n;
    CLEANUP_FREE struct vm_info *all = vm_table_all(env->vms, &n);

    take_samples(facts, env);
    for (size_t i = 0; i < n; i++) {
        const struct vm_info *info = &all[i];

        facts->vms += info->active;
        facts->active += strcmp(info->state, "running") == 0;
        if (info->active && info->live)
            facts->committed += info->live->memory;
        vm_info_clear(&all[i]);
    }
}

void
vdsm_facts_hardware(struct vdsm_facts *facts, const char *root)
{
    facts->root = root;
    facts->dmi = dmi_read(root);
    facts->host_id = dmi_host_id(root);
}

void
vdsm_facts_clear(struct vdsm_facts *facts)
{
    json_t *owned[] = {facts->cpu,       facts->nodes,   facts->pages,
                       facts->release,   facts->kernel,  facts->switches,
                       facts->dmi,       facts->fc,      facts->links,
                       facts->addresses, facts->gateways};

    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        json_decref(owned[i]);
    sampled_unref(facts->host);
    sampled_unref(facts->hyper);
    sampled_unref(facts->packages);
    free(facts->initiator);
    free(facts->host_id);
}

json_t *
vdsm_facts_text(json_int_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    return json_string(text);
}

json_int_t
vdsm_facts_mib(const json_t *obj, const char *key)
{
    return json_get_int(obj, key, 0) / MIB;
}
