// SPDX-License-Identifier: Apache-2.0
/*
 * Names of events have exactly four parts, of which the engine's client puts
 * the host in front of the first: one with fewer or more is lost there.
 */
#include "protocol/vdsm.h"

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "protocol/jsonrpc.h"

int64_t
vdsm_time(void)
{
    return clock_mono_ms() + INT32_MAX;
}

char *
vdsm_event_text(const char *component, const char *operation, const char *id,
                json_t *params, size_t *len)
{
    CLEANUP_TEXT char *method =
        mem_printf("|%s|%s|%s", component, operation, id ? id : "no_id");
    CLEANUP_JSON json_t *note = NULL;

    json_put_int(params, "notify_time", vdsm_time());
    note = jsonrpc_notification(method, params);
    return json_text(note, len);
}
