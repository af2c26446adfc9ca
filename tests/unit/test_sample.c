// SPDX-License-Identifier: Apache-2.0
/*
 * Rates, what is kept of a round, and the timer on the scripted hypervisor:
 * a call that hangs, the VM that holds it up, and the others.
 */
#include "tests/unit/house.h"
#include "tests/unit/machine.h"

#include "agent/sample.h"
#include "agent/state/rates.h"
#include "agent/state/sampled_round.h"

#define A "11111111-2222-4333-8444-000000000001"
#define B "11111111-2222-4333-8444-000000000002"

static json_t *
parse(const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);
    json_t *value;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    value = json_parse(json, strlen(json), NULL, NULL);
    assert_non_null(value);
    return value;
}

static double
real(const json_t *value, const char *key)
{
    assert_true(json_is_real(json_object_get(value, key)));
    return json_real_value(json_object_get(value, key));
}

static void
rates(void **state)
{
    static const char *const counters[] = {"rx", "tx", NULL};
    CLEANUP_JSON json_t *now = parse("{'rx': 300, 'tx': 5}");
    CLEANUP_JSON json_t *before = parse("{'rx': 100, 'tx': 50}");
    CLEANUP_JSON json_t *list =
        parse("[{'name': 'b', 'rx': 30}, {'name': 'c', 'rx': 9}]");
    CLEANUP_JSON json_t *old =
        parse("[{'name': 'a', 'rx': 1}, {'name': 'b', 'rx': 10}]");

    (void)state;
    rates_put(now, before, counters, 2.0);
    assert_true(real(now, "rx_rate") == 100.0);
    assert_true(real(now, "tx_rate") == 0.0); /* it began anew */
    rates_put(now, NULL, counters, 2.0);
    assert_true(real(now, "rx_rate") == 0.0);
    rates_put(now, before, counters, 0.0);
    assert_true(real(now, "rx_rate") == 0.0);
    rates_put_each(list, old, counters, 1.0);
    assert_true(real(json_array_get(list, 0), "rx_rate") == 20.0);
    assert_true(real(json_array_get(list, 1), "rx_rate") == 0.0);
}

static const struct sampled_vm *
one(const struct sampled_vm *vms, size_t n, const char *uuid)
{
    const struct sampled_vm *vm = sampled_find(vms, n, uuid);

    if (!vm)
        fail_msg("%s is not there", uuid);
    return vm;
}

static void
a_round_keeps_who_does_not_answer(void **state)
{
    struct sampled *sampled = sampled_new();
    const char *kept[] = {A, "11111111-2222-4333-8444-00000000000f"};
    struct sampled_vm *vms;
    size_t n;

    (void)state;
    sampled_round_put(sampled,
                      parse("[{'vm': '" B "', 'cpu': {'time': 5}, 'net': [],"
                            "'block': []}, {'vm': '" A "', 'cpu': {'time':"
                            "1000}, 'net': [], 'block': []}]"),
                      NULL, 0, 1000);
    sampled_round_put(sampled,
                      parse("[{'vm': '" B "', 'cpu': {'time': 25}, 'net': [],"
                            "'block': []}]"),
                      kept, 2, 3000);
    vms = sampled_vms(sampled, &n);
    assert_int_equal(n, 3);
    assert_true(one(vms, n, A)->stale);
    assert_int_equal(one(vms, n, A)->sample->taken_ms, 1000);
    assert_false(one(vms, n, B)->stale);
    assert_true(real(json_object_get(one(vms, n, B)->sample->value, "cpu"),
                     "time_rate") == 10.0);
    assert_true(one(vms, n, kept[1])->stale);
    assert_null(one(vms, n, kept[1])->sample);
    sampled_vms_free(vms, n);

    sampled_round_put(sampled, json_array(), NULL, 0, 4000); /* both gone */
    vms = sampled_vms(sampled, &n);
    assert_int_equal(n, 0);
    assert_null(sampled_find(vms, n, A));
    sampled_vms_free(vms, n);
    sampled_free(sampled);
}

/* --- the timer ----------------------------------------------------------- */

static void
define(struct house *house, const char *name, const char *uuid)
{
    CLEANUP_FREE char *xml = mem_printf(
        "<domain type='qemu'><name>%s</name><uuid>%s</uuid>"
        "<devices><disk type='file' device='disk'><target dev='sda'/></disk>"
        "</devices></domain>",
        name, uuid);

    assert_int_equal(hyper_define(house->env.hyper, xml, &house->err), 0);
    assert_int_equal(hyper_start(house->env.hyper, uuid, true, &house->err), 0);
}

static bool
is_so(struct house *house, const char *uuid, bool stale, int64_t newer)
{
    size_t n;
    struct sampled_vm *vms = sampled_vms(house->env.sampled, &n);
    const struct sampled_vm *vm = sampled_find(vms, n, uuid);
    bool so = vm && vm->sample && vm->stale == stale &&
              vm->sample->taken_ms > newer;

    sampled_vms_free(vms, n);
    return so;
}

/* Until the VM's sample is as stale as that, and newer than a time. */
static void
until(struct house *house, const char *uuid, bool stale, int64_t newer)
{
    int64_t end = clock_mono_ms() + 20000;

    while (!is_so(house, uuid, stale, newer)) {
        if (clock_mono_ms() > end)
            fail_msg("%s did not become %s", uuid, stale ? "stale" : "fresh");
        usleep(5000);
    }
}

static struct sampler *
start(struct house *house)
{
    const char *sets[] = {"stats.interval_ms=500"};
    struct sampler *sampler;

    house_start(house);
    define(house, "a", A);
    define(house, "b", B);
    conf_free(atomic_load(&house->env.conf));
    atomic_store(&house->env.conf,
                 conf_load("/dev/null", sets, 1, &house->err));
    sampler = sample_start(&house->env, &house->err);
    assert_non_null(sampler);
    return sampler;
}

static void
all_is_read(void **state)
{
    struct house house;
    struct sampler *sampler = start(&house);
    CLEANUP_SAMPLE struct sample *host = NULL, *facts = NULL;
    int64_t end = clock_mono_ms() + 20000;

    (void)state;
    until(&house, A, false, 0);
    until(&house, B, false, clock_mono_ms()); /* and again */
    while (!facts && clock_mono_ms() < end) {
        usleep(1000);
        facts = sampled_get(house.env.sampled, SAMPLED_FACTS);
    }
    assert_non_null(facts);
    assert_string_equal(json_get_text(facts->value, "arch", ""), "x86_64");
    host = sampled_get(house.env.sampled, SAMPLED_HOST);
    assert_true(json_is_object(json_object_get(host->value, "memory")));
    real(json_object_get(json_object_get(host->value, "times"), "total"),
         "idle_ms_rate");
    fake_connect(hyper_backend(house.env.hyper), false);
    until(&house, A, true, 0);
    fake_connect(hyper_backend(house.env.hyper), true);
    until(&house, A, false, 0);
    assert_true(sample_stop(sampler));
    house_end(&house);
}

static void
one_that_hangs_holds_up_no_other(void **state)
{
    struct house house;
    struct sampler *sampler = start(&house);
    int64_t now;

    (void)state;
    until(&house, A, false, 0);
    fake_freeze(hyper_backend(house.env.hyper), A, true);
    house_script(&house, "stats 1 hang\n");
    until(&house, A, true, 0);
    now = clock_mono_ms();
    until(&house, B, false, now);
    until(&house, B, false, clock_mono_ms()); /* round after round */
    until(&house, A, true, 0);

    fake_freeze(hyper_backend(house.env.hyper), A, false);
    now = clock_mono_ms();
    fake_go(hyper_backend(house.env.hyper));
    until(&house, A, false, now);
    assert_true(sample_stop(sampler));
    house_end(&house);
}

/* The second question hangs too: all stale, and asked anew by another. */
static void
a_second_one_that_hangs_is_left(void **state)
{
    struct house house;
    struct sampler *sampler = start(&house);

    (void)state;
    until(&house, A, false, 0);
    fake_freeze(hyper_backend(house.env.hyper), A, true);
    house_script(&house, "stats 1 hang\nstats 2 hang\n");
    until(&house, B, true, 0);
    until(&house, B, false, 0);
    fake_freeze(hyper_backend(house.env.hyper), A, false);
    fake_go(hyper_backend(house.env.hyper));
    until(&house, A, false, clock_mono_ms());
    assert_true(sample_stop(sampler));
    house_end(&house);
}

static void
a_stop_leaves_who_hangs_behind(void **state)
{
    static struct house house; /* nothing of it is freed */
    static struct sampler *sampler;
    int64_t end;

    (void)state;
    sampler = start(&house);
    until(&house, A, false, 0);
    house_script(&house, "stats 1 hang\n");
    end = clock_mono_ms() + 10000;
    while (!fake_held(hyper_backend(house.env.hyper)) && clock_mono_ms() < end)
        usleep(1000);
    assert_false(sample_stop(sampler));
    fake_go(hyper_backend(house.env.hyper));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(rates),
        cmocka_unit_test(a_round_keeps_who_does_not_answer),
        cmocka_unit_test(all_is_read),
        cmocka_unit_test(one_that_hangs_holds_up_no_other),
        cmocka_unit_test(a_second_one_that_hangs_is_left),
        cmocka_unit_test(a_stop_leaves_who_hangs_behind),
    };

    return CASES(cases);
}
