// SPDX-License-Identifier: Apache-2.0
/*
 * A function per row of vdsm_fields.def that is read. The kernel's files are
 * read when it is asked: a changed network is seen at once. What libvirt says
 * comes from memory: it may be away, or slow.
 */
#include "agent/verbs/vdsm_caps.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/host/release.h"
#include "agent/host/sysfs.h"
#include "agent/verbs/vdsm_caps_cpu.h"
#include "agent/verbs/vdsm_caps_system.h"
#include "agent/verbs/vdsm_machine.h"
#include "agent/verbs/vdsm_net.h"

#define LOOKING_MS 500

/* What libvirt said; gathered only when it has. */
static const json_t *
said(const struct vdsm_facts *facts, const char *key)
{
    return json_object_get(facts->hyper->value, key);
}

/* --- what an engine needs to bring a host up ----------------------------- */

static json_t *
kvm_enabled(const struct vdsm_facts *facts)
{
    return json_boolean(strcmp(facts->env->virt, "kvm") == 0 ||
                        conf_int(env_conf(facts->env), CONF_VDSM_ALLOW_TCG));
}

static json_t *
emulated_machines(const struct vdsm_facts *facts)
{
    json_t *machines = json_deep_copy(said(facts, "machines"));

    vdsm_machine_add(env_conf(facts->env), machines);
    return machines;
}

static void
add_word(struct buf *list, const char *prefix, const json_t *word)
{
    buf_printf(list, "%s%s%s", list->len ? "," : "", prefix,
               json_string_value(word));
}

static json_t *
cpu_flags(const struct vdsm_facts *facts)
{
    const json_t *flags = json_object_get(facts->cpu, "flags"), *at;
    const json_t *models = said(facts, "cpu_models");
    CLEANUP_BUF struct buf list = BUF_INIT;
    size_t i;

    json_array_foreach (flags, i, at)
        add_word(&list, "", at);
    json_array_foreach (models, i, at)
        add_word(&list, "model_", at);
    return json_string(list.len ? list.data : "");
}

static void
put_package(json_t *all, const char *name, const char *version,
            const char *release)
{
    json_t *package = json_object();

    json_put_text(package, "version", version);
    json_put_text(package, "release", release);
    json_put(all, name, package);
}

static json_t *
packages2(const struct vdsm_facts *facts)
{
    json_t *all = facts->packages ? json_deep_copy(facts->packages->value)
                                  : json_object();
    CLEANUP_FREE char *kernel =
        mem_dup(json_get_text(facts->kernel, "release", ""));
    char *dash = strchr(kernel, '-');

    if (dash)
        *dash = '\0';
    put_package(all, "kernel", kernel, dash ? dash + 1 : "");
    put_package(all, "vdsm", VDSM_CAPS_SYSTEM_VERSION, facts->env->version);
    return all;
}

static json_t *
hba_inventory(const struct vdsm_facts *facts)
{
    json_t *obj = json_object(), *fc = json_array(), *iscsi = json_array();
    static const char *const keys[] = {"wwpn", "wwnn", "model"};
    json_t *port;
    size_t i;

    json_array_foreach (facts->fc, i, port) {
        json_t *one = json_object();

        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
            json_put(one, keys[k],
                     json_string(json_get_text(port, keys[k], "")));
        json_array_append_new(fc, one);
    }
    if (facts->initiator)
        json_array_append_new(
            iscsi, json_pack("{s:s}", "InitiatorName", facts->initiator));
    json_put(obj, "FC", fc);
    json_put(obj, "iSCSI", iscsi);
    return obj;
}

static json_t *
rng_sources(const struct vdsm_facts *facts)
{
    const json_t *models = said(facts, "rng"), *at;
    json_t *list = json_array();
    size_t i;

    json_array_foreach (models, i, at)
        if (strcmp(json_string_value(at), "random") == 0)
            json_array_append_new(list, json_string("random"));
    if (json_array_size(list) && sysfs_exists(facts->root, "/dev/hwrng"))
        json_array_append_new(list, json_string("hwrng"));
    return list;
}

static json_t *
uuid(const struct vdsm_facts *facts)
{
    return facts->host_id ? json_string(facts->host_id) : NULL;
}

/* --- network ------------------------------------------------------------- */

static json_t *
networks(const struct vdsm_facts *facts)
{
    return vdsm_net_networks(facts);
}

static json_t *
bridges(const struct vdsm_facts *facts)
{
    return vdsm_net_links(facts, "bridge");
}

static json_t *
nics(const struct vdsm_facts *facts)
{
    return vdsm_net_links(facts, "nic");
}

static json_t *
vlans(const struct vdsm_facts *facts)
{
    return vdsm_net_links(facts, "vlan");
}

static json_t *
bondings(const struct vdsm_facts *facts)
{
    return vdsm_net_links(facts, "bond");
}

static json_t *
nameservers(const struct vdsm_facts *facts)
{
    return release_nameservers(facts->root);
}

static json_t *
last_client_iface(const struct vdsm_facts *facts)
{
    return json_string(vdsm_net_way_out(facts));
}

static json_t *
supports_ipv6(const struct vdsm_facts *facts)
{
    return json_boolean(sysfs_exists(facts->root, "/proc/net/if_inet6"));
}

/* --- the answers --------------------------------------------------------- */

static const struct vdsm_field rows[] = {
#define CAPS_REAL(name, type, make, doc) {#name, VDSM_FIELD_##type, make, NULL},
#define CAPS_FIXED(name, type, json, doc) \
    {#name, VDSM_FIELD_##type, NULL, json},
#include "agent/verbs/vdsm_fields.def"
};

json_t *
vdsm_caps_read(struct env *env, const char *root, struct err *err)
{
    CLEANUP_VDSM_FACTS struct vdsm_facts facts = {.root = root};
    json_t *caps;

    vdsm_facts_caps(&facts, env, root);
    if (!facts.hyper) {
        err_set(err, ERR_RECOVERING,
                "libvirt has not told yet what it can do; ask again in a "
                "moment, and see berthctl doctor if that lasts");
        err->retry_after_ms = LOOKING_MS;
        return NULL;
    }
    caps = json_object();
    vdsm_field_put(caps, rows, sizeof(rows) / sizeof(rows[0]), &facts);
    vdsm_field_put(caps, vdsm_caps_cpu_rows, vdsm_caps_cpu_nrows, &facts);
    vdsm_field_put(caps, vdsm_caps_system_rows, vdsm_caps_system_nrows, &facts);
    return caps;
}

json_t *
vdsm_caps_hardware(const char *root)
{
    CLEANUP_VDSM_FACTS struct vdsm_facts facts = {.root = root};
    json_t *info = json_object();

    vdsm_facts_hardware(&facts, root);
    vdsm_field_put(info, vdsm_caps_system_hardware, vdsm_caps_system_nhardware,
                   &facts);
    return info;
}

static json_t *
host_get_capabilities(struct verb_call *call, struct err *err)
{
    return vdsm_caps_read(call->env, "", err);
}

static json_t *
host_get_hardware_info(struct verb_call *call, struct err *err)
{
    (void)call;
    (void)err;
    return vdsm_caps_hardware("");
}

/* --- rows ---------------------------------------------------------------- */

const struct verb vdsm_caps_verbs[] = {
    {.name = "Host.getCapabilities",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .vdsm_code = 100,
     .scripts = HOOK_VERB_CAPS,
     .doc = "What this host has and can do, field by field as VDSM tells it.",
     .run = host_get_capabilities},
    {.name = "Host.getHardwareInfo",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .vdsm_code = 57,
     .doc = "What the machine's firmware calls it.",
     .run = host_get_hardware_info},
};
const size_t vdsm_caps_nverbs =
    sizeof(vdsm_caps_verbs) / sizeof(vdsm_caps_verbs[0]);
