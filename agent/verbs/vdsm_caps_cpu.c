// SPDX-License-Identifier: Apache-2.0
/* Rows of vdsm_fields.def about processors and memory. */
#include "agent/verbs/vdsm_caps_cpu.h"

#include <stdio.h>

#include "agent/common/buf.h"

#define KIB 1024
#define NO_NUMA_BALANCING 2 /* what VDSM says of a kernel without */

static json_t *
number_text(const json_t *obj, const char *key)
{
    return vdsm_facts_text(json_get_int(obj, key, 0));
}

static const json_t *
tsc(const struct vdsm_facts *facts)
{
    return json_object_get(facts->hyper->value, "tsc");
}

static json_t *
cpu_model(const struct vdsm_facts *facts)
{
    return json_string(json_get_text(facts->cpu, "model", ""));
}

static json_t *
cpu_speed(const struct vdsm_facts *facts)
{
    char text[32];

    snprintf(text, sizeof(text), "%.3f",
             json_number_value(json_object_get(facts->cpu, "speed_mhz")));
    return json_string(text);
}

static json_t *
cpu_threads(const struct vdsm_facts *facts)
{
    return number_text(facts->cpu, "threads");
}

static json_t *
cpu_cores(const struct vdsm_facts *facts)
{
    return number_text(facts->cpu, "cores");
}

static json_t *
cpu_sockets(const struct vdsm_facts *facts)
{
    return number_text(facts->cpu, "sockets");
}

static json_t *
online_cpus(const struct vdsm_facts *facts)
{
    const json_t *list = json_object_get(facts->cpu, "online"), *at;
    CLEANUP_BUF struct buf text = BUF_INIT;
    size_t i;

    json_array_foreach (list, i, at)
        buf_printf(&text, "%s%lld", i ? "," : "",
                   (long long)json_integer_value(at));
    return json_string(text.len ? text.data : "");
}

static json_t *
cpu_topology(const struct vdsm_facts *facts)
{
    static const char *const names[][2] = {{"cpu_id", "cpu"},
                                           {"core_id", "core"},
                                           {"die_id", "die"},
                                           {"socket_id", "socket"},
                                           {"numa_cell_id", "node"}};
    const json_t *places = json_object_get(facts->cpu, "topology"), *at;
    json_t *list = json_array();
    size_t i;

    json_array_foreach (places, i, at) {
        json_t *place = json_object();

        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
            json_put_int(place, names[k][0], json_get_int(at, names[k][1], 0));
        json_array_append_new(list, place);
    }
    return list;
}

static json_t *
tsc_frequency(const struct vdsm_facts *facts)
{
    return number_text(tsc(facts), "hz");
}

static json_t *
tsc_scaling(const struct vdsm_facts *facts)
{
    return json_boolean(json_get_bool(tsc(facts), "scaling", 0));
}

static json_t *
mem_size(const struct vdsm_facts *facts)
{
    const json_t *node;
    const char *name;
    json_int_t mib = 0;

    json_object_foreach (facts->nodes, name, node)
        mib += vdsm_facts_mib(node, "total");
    return vdsm_facts_text(mib);
}

static json_t *
hugepages(const struct vdsm_facts *facts)
{
    json_t *list = json_array(), *counts;
    const char *bytes;

    json_object_foreach (facts->pages, bytes, counts)
        json_array_append_new(list, json_integer(atoll(bytes) / KIB));
    return list;
}

static json_t *
node_pages(const json_t *sizes)
{
    json_t *obj = json_object(), *counts;
    const char *bytes;
    char key[24];

    json_object_foreach ((json_t *)sizes, bytes, counts) {
        json_t *pages = json_object();

        snprintf(key, sizeof(key), "%lld", atoll(bytes) / KIB);
        json_put(pages, "totalPages", number_text(counts, "total"));
        json_put(obj, key, pages);
    }
    return obj;
}

static json_t *
numa_nodes(const struct vdsm_facts *facts)
{
    json_t *obj = json_object(), *node;
    const char *name;

    json_object_foreach (facts->nodes, name, node) {
        json_t *one = json_object();

        json_put(one, "cpus", json_deep_copy(json_object_get(node, "cpus")));
        json_put(one, "totalMemory",
                 vdsm_facts_text(vdsm_facts_mib(node, "total")));
        json_put(one, "hugepages",
                 node_pages(json_object_get(node, "hugepages")));
        json_put(obj, name, one);
    }
    return obj;
}

static json_t *
numa_node_distance(const struct vdsm_facts *facts)
{
    json_t *obj = json_object(), *node;
    const char *name;

    json_object_foreach (facts->nodes, name, node)
        json_put(obj, name, json_deep_copy(json_object_get(node, "distances")));
    return obj;
}

static json_t *
auto_numa_balancing(const struct vdsm_facts *facts)
{
    json_int_t value = json_get_int(facts->switches, "numa_balancing", -1);

    return json_integer(value < 0 ? NO_NUMA_BALANCING : value);
}

static json_t *
nested_virtualization(const struct vdsm_facts *facts)
{
    return json_boolean(json_get_bool(facts->switches, "nested", 0));
}

static json_t *
hostdev_passthrough(const struct vdsm_facts *facts)
{
    return json_string(json_get_bool(facts->switches, "iommu", 0) ? "true"
                                                                  : "false");
}

const struct vdsm_field vdsm_caps_cpu_rows[] = {
#define CPU_REAL(name, type, make, doc) {#name, VDSM_FIELD_##type, make, NULL},
#define CPU_FIXED(name, type, json, doc) {#name, VDSM_FIELD_##type, NULL, json},
#include "agent/verbs/vdsm_fields.def"
};
const size_t vdsm_caps_cpu_nrows =
    sizeof(vdsm_caps_cpu_rows) / sizeof(vdsm_caps_cpu_rows[0]);
