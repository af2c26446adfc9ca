// SPDX-License-Identifier: Apache-2.0
/*
 * What only the host's administrator asks, over the unix socket: the settings
 * with their origin, reading them again, the level of the log.
 */
#include "agent/verbs/admin.h"

#include "agent/common/cleanup.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"

/* One line of the answer; name is that of a named section, else NULL. */
static json_t *
setting(const struct conf_row *row, const char *name, const char *value,
        const char *origin)
{
    json_t *obj = json_object();
    CLEANUP_FREE char *section =
        name ? mem_printf("%s %s", row->section, name) : mem_dup(row->section);

    json_put_text(obj, "section", section);
    json_put_text(obj, "key", row->key);
    json_put_text(obj, "value", value);
    json_put_text(obj, "origin", origin);
    json_put_bool(obj, "reload", row->reload);
    json_put_text(obj, "doc", row->doc);
    return obj;
}

static void
add_named(const struct conf *conf, enum conf_named_id id, json_t *list)
{
    const struct conf_row *row = conf_named_row(id);
    const char *name;

    for (size_t n = 0; (name = conf_named(conf, row->section, n)); n++)
        json_array_append_new(list,
                              setting(row, name, conf_named_text(conf, id, name),
                                      conf_named_origin(conf, id, name)));
}

static json_t *
get_config(struct verb_call *call, struct err *err)
{
    const struct conf *conf = env_conf(call->env);
    json_t *result = json_object(), *list = json_array();

    (void)err;
    for (int i = 0; i < CONF_IDS; i++) {
        enum conf_id id = (enum conf_id)i;

        json_array_append_new(list, setting(conf_row(id), NULL,
                                            conf_text(conf, id),
                                            conf_origin(conf, id)));
    }
    for (int i = 0; i < CONF_NAMED_IDS; i++)
        add_named(conf, (enum conf_named_id)i, list);
    json_put(result, "settings", list);
    return result;
}

static json_t *
reload_config(struct verb_call *call, struct err *err)
{
    const struct request *request = &call->request;
    const struct audit_entry by = {
        .peer = request->peer,
        .verb = request->verb,
        .flow_id = request->flow_id[0] ? request->flow_id : NULL,
    };

    return call->env->reload(call->env->ctx, &by, err);
}

static json_t *
set_log_level(struct verb_call *call, struct err *err)
{
    int level = log_level_parse(json_get_text(call->params, "level", ""));
    const char *was = log_level_name(log_get_level());
    json_t *result = json_object();

    (void)err; /* the row allows no other word */
    log_set_level((enum log_level)level);
    log_info("The log level is %s now, by %s", log_level_name(log_get_level()),
             call->request.peer);
    json_put_text(result, "level", log_level_name(log_get_level()));
    json_put_text(result, "was", was);
    return result;
}

/* --- rows ------------------------------------------------------------------ */

static const struct field level_fields[] = {
    {.name = "level",
     .type = FIELD_ENUM,
     .required = true,
     .range = "error|warning|info|debug",
     .doc = "What is written to the log from now on, until the next reload "
            "or start"},
};

const struct verb admin_verbs[] = {
    {.name = "GetConfig",
     .group = "admin",
     .action_group = "HOST_ADMIN",
     .local = true,
     .lane = VERB_INLINE,
     .doc = "Shows every setting with its value and where it comes from; one "
            "with reload false is in force as it was at the start.",
     .run = get_config},
    {.name = "ReloadConfig",
     .group = "admin",
     .action_group = "HOST_ADMIN",
     .local = true,
     .lane = VERB_HOST,
     .doc = "Reads settings and certificates again, as SIGHUP does, and tells "
            "what changed and what needs a restart.",
     .run = reload_config},
    {.name = "SetLogLevel",
     .group = "admin",
     .action_group = "HOST_ADMIN",
     .local = true,
     .lane = VERB_INLINE,
     .doc = "Sets what is written to the log, until the next reload or start.",
     VERB_PARAMS(level_fields),
     .run = set_log_level},
};
const size_t admin_nverbs = sizeof(admin_verbs) / sizeof(admin_verbs[0]);
