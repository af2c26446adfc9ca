// SPDX-License-Identifier: Apache-2.0
/* The way in to a backend: which one serves a URI, what it cannot do, and
 * threads that work on different VMs at once. */
#include "tests/unit/fake_house.h"

static void
uris_choose_the_backend(void **state)
{
    static const char *const bad[] = {
        "",
        "xen:///system",
        "qemu+tcp://host/system",
        "qemu:///other",
        "qemu:///system?socket=/tmp/x",
        "qemu:///embed",
        "qemu:///embed?root=relative",
        "qemu:///embed?root=/",
        "qemu:///embed?root=/a&b=c",
        "qemu:///embed?root=/a/../b",
        "qemu:///embed?root=/a%20b",
        "fake:?other=1",
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(hyper_open("x", bad[i], fake_house_event, NULL, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.param, "uri");
        assert_string_equal(err.value, bad[i]);
    }
}

static void
it_says_what_it_is(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *info = hyper_info(house->hyper, &err);

    assert_string_equal(hyper_name(house->hyper), "local");
    assert_string_equal(hyper_uri(house->hyper), "fake:");
    assert_true(hyper_connected(house->hyper));
    assert_true(hyper_can(house->hyper, HYPER_HOTPLUG));
    assert_false(hyper_can(house->hyper, HYPER_QEMU_PID));
    assert_null(hyper_pidfile(house->hyper, "db"));
    assert_string_equal(json_get_text(info, "uri", ""), "fake:");
    assert_string_equal(hyper_state_name(HYPER_PM_SUSPENDED), "pm_suspended");
    assert_true(hyper_state_active(HYPER_PAUSED));
    assert_false(hyper_state_active(HYPER_SHUT_OFF));
    assert_false(hyper_state_active(HYPER_CRASHED));
}

static void
statistics_of_one_and_of_all(void **state)
{
    struct fake_house *house = *state;
    struct err err = ERR_INIT;
    const char *b = VM_B;
    const struct hyper_whose named = {&b, 1, false};

    fake_house_start(house);
    hyper_define(house->hyper, fake_house_xml("web", VM_B), NULL);
    CLEANUP_JSON json_t *one = hyper_stats(house->hyper, &named, &err);
    CLEANUP_JSON json_t *all = hyper_stats(house->hyper, &(struct hyper_whose){.n = 0}, &err);

    assert_int_equal(json_array_size(one), 1);
    assert_int_equal(json_array_size(all), 2);
    assert_string_equal(json_get_text(json_array_get(one, 0), "vm", ""), VM_B);
    assert_string_equal(json_get_text(json_array_get(all, 0), "state", ""),
                        "paused");
}

#define ROUNDS 50

struct worker {
    struct fake_house *house;
    const char *name, *uuid;
    int failures;
};

static void *
work(void *data)
{
    struct worker *w = data;
    struct hyper *hyper = w->house->hyper;

    w->failures += hyper_define(hyper, fake_house_xml(w->name, w->uuid), NULL);
    for (int i = 0; i < ROUNDS; i++) {
        const char *disk = fake_house_disk("ua-x", "sdx", 0, 9);

        w->failures += hyper_start(hyper, w->uuid, false, NULL);
        w->failures += hyper_attach(hyper, w->uuid, disk, NULL);
        w->failures += hyper_detach(hyper, w->uuid, "ua-x", NULL);
        w->failures += hyper_destroy(hyper, w->uuid, NULL);
    }
    hyper_thread_end(hyper);
    return NULL;
}

static void
threads_work_at_once(void **state)
{
    struct fake_house *house = *state;
    struct worker workers[] = {{house, "a", VM_A, 0}, {house, "b", VM_B, 0}};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &workers[i]);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(uris_choose_the_backend),
        FAKE_CASE(it_says_what_it_is),
        FAKE_CASE(statistics_of_one_and_of_all),
        FAKE_CASE(threads_work_at_once),
    };

    return CASES(cases);
}
