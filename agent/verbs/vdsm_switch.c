// SPDX-License-Identifier: Apache-2.0
/*
 * What takes effect at once and is not kept: the next start or reload has the
 * settings' level again, the next boot the kernel's own merging.
 */
#include "agent/verbs/vdsm_switch.h"

#include <string.h>
#include <strings.h>

#include "agent/common/log.h"
#include "agent/host/memory.h"

/* Python's levels, which VDSM has, and ours. */
static const struct level {
    const char *name;
    enum log_level level;
} levels[] = {
    {"CRITICAL", LOG_ERROR}, {"ERROR", LOG_ERROR}, {"WARNING", LOG_WARNING},
    {"WARN", LOG_WARNING},   {"INFO", LOG_INFO},   {"DEBUG", LOG_DEBUG},
    {"NOTSET", LOG_DEBUG},   {"TRACE", LOG_DEBUG},
};

static json_t *
host_set_log_level(struct verb_call *call, struct err *err)
{
    const char *wanted = json_get_text(call->params, "level", "");

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcasecmp(levels[i].name, wanted) != 0)
            continue;
        log_set_level(levels[i].level);
        log_info("The log level is %s now, by %s",
                 log_level_name(levels[i].level), call->request.peer);
        return json_true();
    }
    err_param(err, ERR_INVALID, "level", wanted,
              "DEBUG, INFO, WARNING, ERROR or CRITICAL");
    return NULL;
}

static json_t *
host_set_mom_policy_parameters(struct verb_call *call, struct err *err)
{
    const json_t *store = json_object_get(call->params, "key_value_store");
    int run = json_get_bool(store, "ksmEnabled", -1);
    int across = json_get_bool(store, "ksmMergeAcrossNodes", -1);

    if (memory_ksm_set("", run, across, err) < 0)
        return NULL;
    if (run >= 0)
        log_info("The kernel's page merging is %s now, by %s",
                 run ? "on" : "off", call->request.peer);
    return json_true();
}

/* --- rows ---------------------------------------------------------------- */

static const struct field level_fields[] = {
    {.name = "level",
     .type = FIELD_TEXT,
     .required = true,
     .doc = "DEBUG, INFO, WARNING, ERROR or CRITICAL"},
    {.name = "name",
     .type = FIELD_ANY,
     .doc = "Of one of VDSM's loggers; there is one log here"},
};

static const struct field mom_fields[] = {
    {.name = "key_value_store",
     .type = FIELD_OBJECT,
     .required = true,
     .doc = "ksmEnabled and ksmMergeAcrossNodes have an effect"},
};

const struct verb vdsm_switch_verbs[] = {
    {.name = "Host.setLogLevel",
     .group = "vdsm",
     .action_group = "HOST_ADMIN",
     .lane = VERB_INLINE,
     .vdsm_code = 100,
     .doc = "Changes what is written to the log, until the next reload or "
            "start.",
     VERB_PARAMS(level_fields),
     .run = host_set_log_level},
    {.name = "Host.setMOMPolicyParameters",
     .group = "vdsm",
     .action_group = "HOST_ADMIN",
     .lane = VERB_HOST,
     .vdsm_code = 54,
     .doc = "Switches the kernel's page merging; VMs' balloons are left to "
            "their administrators.",
     VERB_PARAMS(mom_fields),
     .run = host_set_mom_policy_parameters},
};
const size_t vdsm_switch_nverbs =
    sizeof(vdsm_switch_verbs) / sizeof(vdsm_switch_verbs[0]);
