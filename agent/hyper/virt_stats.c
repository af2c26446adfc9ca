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

json_t *
virt_stats_read(void *backend, const char *uuid, struct err *err)
{
    VIRT_HANDLE handle = {0};
    virDomainStatsRecordPtr *records = NULL;
    virDomainPtr doms[2] = {NULL, NULL};
    json_t *all;
    int n;

    if (uuid) {
        if (virt_handle_open(&handle, backend, VIRT_STATS, uuid, err) < 0)
            return NULL;
        doms[0] = handle.dom;
        n = virDomainListGetStats(doms, WANTED, &records, 0);
    } else {
        handle.conn = virt_conn(backend, VIRT_STATS, err);
        if (!handle.conn)
            return NULL;
        n = virConnectGetAllDomainStats(handle.conn, WANTED, &records, 0);
    }
    if (n < 0) {
        virt_error_last(handle.conn, "read statistics", err);
        return NULL;
    }
    all = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(all, stats_of(records[i]));
    virDomainStatsRecordListFree(records);
    return all;
}
