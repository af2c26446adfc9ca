// SPDX-License-Identifier: Apache-2.0
/*
 * Settings over time. What a reload does not put in force is read at the
 * start alone: the snapshot of the start tells what still waits, however
 * often the files have changed since.
 */
#include "agent/settings.h"

#include <stdlib.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/roles.h"
#include "agent/verbs/vdsm_machine.h"
#include "hooks/judge.h"

/* Grants are words of the hook room, which settings know nothing of. */
static int
check_grants(const struct conf *conf, struct err *err)
{
    const char *script, *bad = NULL;

    for (size_t i = 0; (script = conf_named(conf, "hook", i)); i++) {
        CLEANUP_FREE char *name = mem_printf("hook %s.may", script);

        if (judge_grants(conf_named_list(conf, CONF_HOOK_MAY, script), &bad) <
            0)
            return err_param(err, ERR_INVALID, name, bad,
                             "any of qemu_commandline, add_device, source, "
                             "privilege");
    }
    return 0;
}

/* What files and --set say now, with the rules that it makes: both owned. */
static struct conf *
load(const struct settings *settings, struct access **rules, struct err *err)
{
    const struct options *options = settings->options;
    CLEANUP_CONF struct conf *conf =
        conf_load(options->file, options->sets, options->nsets, err);

    *rules = NULL;
    if (conf && vdsm_machine_check(conf, err) == 0 &&
        check_grants(conf, err) == 0)
        *rules = roles_load(conf, err);
    return *rules ? STEAL(conf) : NULL;
}

struct conf *
settings_load(struct settings *settings, struct err *err)
{
    struct access *rules;
    struct conf *conf = load(settings, &rules, err);

    if (!conf)
        return NULL;
    settings->confs = mem_more(settings->confs, settings->nconfs,
                               sizeof(*settings->confs));
    settings->rules = mem_more(settings->rules, settings->nconfs,
                               sizeof(*settings->rules));
    settings->rules[settings->nconfs] = rules;
    settings->confs[settings->nconfs++] = conf;
    return conf;
}

const struct access *
settings_rules(const struct settings *settings, const struct conf *conf)
{
    for (size_t i = 0; i < settings->nconfs; i++)
        if (settings->confs[i] == conf)
            return settings->rules[i];
    return NULL;
}

int
settings_check(const struct settings *settings, struct err *err)
{
    CLEANUP_ACCESS struct access *rules = NULL;
    CLEANUP_CONF struct conf *conf = load(settings, &rules, err);

    return conf ? 0 : -1;
}

void
settings_free(struct settings *settings)
{
    for (size_t i = 0; i < settings->nconfs; i++) {
        conf_free(settings->confs[i]);
        access_free(settings->rules[i]);
    }
    free(settings->confs);
    free(settings->rules);
    settings->confs = NULL;
    settings->rules = NULL;
    settings->nconfs = 0;
}

struct change {
    json_t *names;
    bool live;
};

static void
add_name(void *ctx, const char *name, bool live)
{
    const struct change *change = ctx;

    if (live != change->live)
        return;
    json_array_append_new(change->names, json_string(name));
    if (live)
        log_info("%s has changed", name);
    else
        log_warning("%s has changed and needs a restart", name);
}

static json_t *
changed_names(const struct conf *from, const struct conf *to, bool live)
{
    struct change change = {json_array(), live};

    conf_diff(from, to, add_name, &change);
    return change.names;
}

json_t *
settings_changes(const struct settings *settings, const struct conf *before,
                 const struct conf *now)
{
    json_t *result = json_object();

    json_put(result, "changed", changed_names(before, now, true));
    json_put(result, "restart_needed",
             changed_names(settings->confs[0], now, false));
    return result;
}
