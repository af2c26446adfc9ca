// SPDX-License-Identifier: Apache-2.0
/* The settings' sections as hosts of the set. */
#include "agent/remotes.h"

#include "agent/plan/remote_pending.h"
#include "agent/plan/remote_watch.h"

#define PROGRAM "/proc/self/exe"

static struct esx_config
config_of(const struct conf *conf, const char *name)
{
    return (struct esx_config){
        .name = name,
        .uri = conf_named_text(conf, CONF_HYPERVISOR_URI, name),
        .credentials =
            conf_named_text(conf, CONF_HYPERVISOR_CREDENTIALS, name),
        .ca_file = conf_named_text(conf, CONF_HYPERVISOR_CA_FILE, name),
        .fingerprint =
            conf_named_text(conf, CONF_HYPERVISOR_FINGERPRINT, name),
        .connect_ms = conf_named_int(conf, CONF_HYPERVISOR_CONNECT_MS, name),
        .call_ms = conf_named_int(conf, CONF_HYPERVISOR_CALL_MS, name),
        .task_ms = conf_named_int(conf, CONF_HYPERVISOR_TASK_MS, name)};
}

int
remotes_open(struct env *env, struct err *err)
{
    const struct conf *conf = env_conf(env);
    const char *name;

    env->esx = esx_set_new(PROGRAM);
    env->remote_pending = remote_pending_new();
    for (size_t n = 0; (name = conf_named(conf, "hypervisor", n)); n++) {
        const struct esx_config config = config_of(conf, name);

        if (!esx_set_add(env->esx, &config, err))
            return err_wrap(err, "[hypervisor %s]", name);
    }
    return 0;
}

void
remotes_start(struct env *env)
{
    struct esx *esx;

    for (size_t i = 0; (esx = esx_set_at(env->esx, i)); i++)
        remote_watch_start(env, esx);
    if (esx_set_at(env->esx, 0) && store_has_record(env->store, NULL) == 0)
        remote_pending_recover(env);
}

void
remotes_stop(struct env *env)
{
    if (env->esx)
        esx_set_stop(env->esx);
}

void
remotes_close(struct env *env)
{
    remote_pending_free(env->remote_pending);
    esx_set_free(env->esx);
}
