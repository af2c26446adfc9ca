// SPDX-License-Identifier: Apache-2.0
/* libvirt's own texts of a Debian host, odd ones, and machine types under
 * other names. */
#include "tests/unit/house.h"
#include "tests/unit/machine.h"

#include "agent/spec/host_caps.h"
#include "agent/verbs/vdsm_machine.h"

#define INPUT "tests/golden/host/"

static void
is(const json_t *value, const char *path, const char *want)
{
    char have[256];

    machine_get(value, path, have);
    if (strcmp(have, want) != 0)
        fail_msg("%s is '%s', not '%s'", path, have, want);
}

static bool
has(const json_t *list, const char *text)
{
    const json_t *at;
    size_t i;

    json_array_foreach (list, i, at)
        if (strcmp(json_string_value(at), text) == 0)
            return true;
    return false;
}

static void
a_debian_host(void **state)
{
    CLEANUP_FREE char *caps =
        file_read(INPUT "capabilities.xml", 1 << 20, NULL, NULL);
    CLEANUP_FREE char *domain =
        file_read(INPUT "domain_capabilities.xml", 1 << 20, NULL, NULL);
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *facts = NULL;

    (void)state;
    assert_non_null(caps);
    facts = host_caps_parse(caps, domain, &err);
    if (!facts)
        fail_msg("%s", err.message);
    is(facts, "arch", "x86_64");
    is(facts, "cpu_vendor", "AMD");
    is(facts, "tsc.hz", "2596120000");
    is(facts, "tsc.scaling", "false");
    is(facts, "backup", "true");
    is(facts, "types.0", "qemu");
    assert_true(has(json_object_get(facts, "machines"), "pc-q35-7.2"));
    assert_true(has(json_object_get(facts, "machines"), "q35"));
    assert_true(has(json_object_get(facts, "cpu_models"), "qemu64"));
    assert_false(has(json_object_get(facts, "cpu_models"), "phenom"));
    assert_true(has(json_object_get(facts, "rng"), "random"));
}

static void
what_is_not_said_is_empty(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *facts = host_caps_parse("<capabilities/>", NULL, &err);

    (void)state;
    assert_non_null(facts);
    is(facts, "arch", "other"); /* null */
    is(facts, "backup", "false");
    assert_int_equal(json_array_size(json_object_get(facts, "machines")), 0);
    assert_int_equal(json_array_size(json_object_get(facts, "rng")), 0);
    assert_null(host_caps_parse("<capabilities>", NULL, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    assert_null(host_caps_parse("<capabilities/>", "no", &err));
}

static void
machines_under_other_names(void **state)
{
    const char *sets[] = {"vdsm.machine_aliases=a=q35 b=none pc=q35"};
    struct err err = ERR_INIT;
    CLEANUP_CONF struct conf *conf = conf_load("/dev/null", sets, 1, &err);
    CLEANUP_JSON json_t *machines = json_pack("[s, s]", "pc", "q35");
    struct env env = {.sampled = sampled_new()};
    CLEANUP_FREE char *early = NULL, *real = NULL;

    (void)state;
    assert_int_equal(vdsm_machine_check(conf, &err), 0);
    vdsm_machine_add(conf, machines);
    assert_int_equal(json_array_size(machines), 3); /* pc, q35, a */
    assert_true(has(machines, "a"));

    atomic_store(&env.conf, conf);
    early = vdsm_machine_real(&env, "pc");
    assert_string_equal(early, "q35");
    sampled_put(
        env.sampled, SAMPLED_FACTS,
        sampled_make(json_pack("{s:[s, s]}", "machines", "pc", "q35"), 0));
    assert_null(vdsm_machine_real(&env, "pc")); /* QEMU's own */
    assert_null(vdsm_machine_real(&env, "unheard"));
    real = vdsm_machine_real(&env, "a");
    assert_string_equal(real, "q35");
    sampled_free(env.sampled);
}

static void
an_alias_needs_both_parts(void **state)
{
    static const char *const bad[] = {"q35", "=q35", "a=", "a=b=c"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP_FREE char *set =
            mem_printf("vdsm.machine_aliases=x=y %s", bad[i]);
        const char *sets[] = {set};
        struct err err = ERR_INIT;
        CLEANUP_CONF struct conf *conf = conf_load("/dev/null", sets, 1, &err);

        assert_int_equal(vdsm_machine_check(conf, &err), -1);
        unit_err(&err, ERR_INVALID, bad[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_debian_host),
        cmocka_unit_test(what_is_not_said_is_empty),
        cmocka_unit_test(machines_under_other_names),
        cmocka_unit_test(an_alias_needs_both_parts),
    };

    return CASES(cases);
}
