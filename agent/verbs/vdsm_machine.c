// SPDX-License-Identifier: Apache-2.0
/* QEMU's own name wins over an alias: a host that has the real one needs no
 * stand-in. */
#include "agent/verbs/vdsm_machine.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/state/sampled.h"

static bool
has(const json_t *machines, const char *name)
{
    const json_t *machine;
    size_t i;

    json_array_foreach (machines, i, machine)
        if (strcmp(json_string_value(machine), name) == 0)
            return true;
    return false;
}

int
vdsm_machine_check(const struct conf *conf, struct err *err)
{
    const char *const *word = conf_list(conf, CONF_VDSM_MACHINE_ALIASES);

    for (; *word; word++) {
        const char *equal = strchr(*word, '=');

        if (!equal || equal == *word || !equal[1] || strchr(equal + 1, '='))
            return err_param(err, ERR_INVALID, "vdsm.machine_aliases", *word,
                             "words of the form NAME=MACHINE, such as "
                             "pc-q35-rhel9.6.0=pc-q35-7.2");
    }
    return 0;
}

void
vdsm_machine_add(const struct conf *conf, json_t *machines)
{
    const char *const *word = conf_list(conf, CONF_VDSM_MACHINE_ALIASES);

    for (; *word; word++) {
        const char *equal = strchr(*word, '=');
        CLEANUP_FREE char *name = mem_ndup(*word, (size_t)(equal - *word));

        if (has(machines, equal + 1) && !has(machines, name))
            json_array_append_new(machines, json_string(name));
    }
}

char *
vdsm_machine_real(struct env *env, const char *name)
{
    CLEANUP_SAMPLE struct sample *facts =
        sampled_get(env->sampled, SAMPLED_FACTS);
    const char *const *word =
        conf_list(env_conf(env), CONF_VDSM_MACHINE_ALIASES);
    size_t len = strlen(name);

    if (facts && has(json_object_get(facts->value, "machines"), name))
        return NULL;
    for (; *word; word++)
        if (strncmp(*word, name, len) == 0 && (*word)[len] == '=')
            return mem_dup(*word + len + 1);
    return NULL;
}
