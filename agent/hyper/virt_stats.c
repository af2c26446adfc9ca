// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt's flat statistics ("block.0.rd.bytes") as objects and arrays: the
 * first word names the group, a number after it the element, the rest with
 * underscores the field. Groups that berth does not know are left out.
 */
#include "agent/hyper/virt_stats.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/hyper/virt.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_names.h"

#define WANTED                                                                 \
    (VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_CPU_TOTAL |                     \
     VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU |                        \
     VIR_DOMAIN_STATS_INTERFACE | VIR_DOMAIN_STATS_BLOCK)
#define MAX_ELEMENTS 65536 /* of one group */

static const char *const objects[] = {"cpu", "balloon"};
static const char *const arrays[] = {"vcpu", "net", "block"};

static json_t *
value_of(const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return json_integer(param->value.i);
    case VIR_TYPED_PARAM_UINT:
        return json_integer(param->value.ui);
    case VIR_TYPED_PARAM_LLONG:
        return json_integer(param->value.l);
    case VIR_TYPED_PARAM_ULLONG: /* JSON's integers are signed */
        return json_integer(
            (json_int_t)(param->value.ul > INT64_MAX ? INT64_MAX
                                                     : param->value.ul));
    case VIR_TYPED_PARAM_DOUBLE:
        return json_real(param->value.d);
    case VIR_TYPED_PARAM_BOOLEAN:
        return json_boolean(param->value.b);
    default:
        return NULL;
    }
}

static void
put(json_t *obj, const char *field, const virTypedParameter *param)
{
    char name[VIR_TYPED_PARAM_FIELD_LENGTH];

    snprintf(name, sizeof(name), "%s", field);
    for (char *at = name; *at; at++)
        if (*at == '.' || *at == '-')
            *at = '_';
    if (param->type == VIR_TYPED_PARAM_STRING)
        json_put_text(obj, name, param->value.s);
    else
        json_put(obj, name, value_of(param));
}

/* "0.rd.bytes" into element 0 of the array. */
static void
put_element(json_t *array, const char *rest, const virTypedParameter *param)
{
    char *end;
    unsigned long i = strtoul(rest, &end, 10);

    if (end == rest || *end != '.' || i >= MAX_ELEMENTS)
        return;
    while (json_array_size(array) <= i)
        json_array_append_new(array, json_object());
    put(json_array_get(array, i), end + 1, param);
}

static void
sort_in(json_t *stats, const virTypedParameter *param)
{
    const char *dot = strchr(param->field, '.');
    CLEANUP_FREE char *group = NULL;

    if (!dot)
        return;
    group = mem_ndup(param->field, (size_t)(dot - param->field));
    if (strcmp(param->field, "state.state") == 0)
        json_put_text(stats, "state",
                      hyper_state_name(virt_names_state(param->value.i)));
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        if (strcmp(group, objects[i]) == 0)
            put(json_object_get(stats, group), dot + 1, param);
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        if (strcmp(group, arrays[i]) == 0)
            put_element(json_object_get(stats, group), dot + 1, param);
}

static json_t *
stats_of(const virDomainStatsRecord *record)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    json_t *stats = json_object();

    virDomainGetUUIDString(record->dom, uuid);
    json_put_text(stats, "vm", uuid);
    json_put_text(stats, "state", hyper_state_name(HYPER_UNKNOWN));
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
        json_put(stats, objects[i], json_object());
    for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
        json_put(stats, arrays[i], json_array());
    for (int i = 0; i < record->nparams; i++)
        sort_in(stats, &record->params[i]);
    return stats;
}

static json_t *
to_json(virDomainStatsRecordPtr *records, int n)
{
    json_t *all = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(all, stats_of(records[i]));
    virDomainStatsRecordListFree(records);
    return all;
}

/* Over a connection of its own: one that hangs holds none of the others. */
static json_t *
every_one(void *backend, bool running, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = virt_conn(backend, VIRT_STATS, err);
    virDomainStatsRecordPtr *records = NULL;
    int n;

    if (!conn)
        return NULL;
    n = virConnectGetAllDomainStats(
        conn, WANTED, &records,
        running ? VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE : 0);
    if (n >= 0)
        return to_json(records, n);
    virt_error_last(conn, "read statistics", err);
    return NULL;
}

/* A NULL-terminated vector of those that are there. */
static void
free_domains(virDomainPtr **doms)
{
    for (size_t i = 0; *doms && (*doms)[i]; i++)
        virDomainFree((*doms)[i]);
    free(*doms);
}

/* How many were found; -1 + err. One that is asked for alone must be there. */
static int
look_up(virConnectPtr conn, const char *const *uuids, size_t n,
        virDomainPtr *doms, struct err *err)
{
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        doms[found] = virDomainLookupByUUIDString(conn, uuids[i]);
        if (doms[found])
            found++;
        else if (n == 1 || virGetLastErrorCode() != VIR_ERR_NO_DOMAIN)
            return virt_error_last(conn, "find a VM", err);
    }
    virResetLastError();
    return found;
}

static json_t *
named_ones(virConnectPtr conn, const char *const *uuids, size_t n,
           struct err *err)
{
    CLEANUP(free_domains) virDomainPtr *doms = mem_zalloc(n + 1, sizeof(*doms));
    virDomainStatsRecordPtr *records = NULL;
    int found = look_up(conn, uuids, n, doms, err);

    if (found <= 0)
        return found < 0 ? NULL : json_array();
    found = virDomainListGetStats(doms, WANTED, &records, 0);
    if (found >= 0)
        return to_json(records, found);
    virt_error_last(conn, "read statistics", err);
    return NULL;
}

json_t *
virt_stats_read(void *backend, const struct hyper_whose *whose, struct err *err)
{
    CLEANUP_CONN virConnectPtr conn = NULL;

    if (!whose->uuids)
        return every_one(backend, whose->running, err);
    conn = virt_conn(backend, VIRT_WORK, err);
    return conn ? named_ones(conn, whose->uuids, whose->n, err) : NULL;
}
