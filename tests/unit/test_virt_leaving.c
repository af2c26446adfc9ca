// SPDX-License-Identifier: Apache-2.0
/* One unplug of a device at a time, until something ends it. */
#include "tests/unit/unit.h"

#include "agent/hyper/virt_leaving.h"

#define VM_A "11111111-1111-4111-8111-111111111111"
#define VM_B "22222222-2222-4222-8222-222222222222"

struct row {
    struct hyper_event event;
    bool a1, a2, b1; /* whether each may be asked again after it */
};

static const struct row rows[] = {
    {{.type = HYPER_EVENT_DEVICE_REMOVED, .uuid = VM_A, .device = "ua-1"},
     true, false, false},
    {{.type = HYPER_EVENT_REMOVAL_FAILED, .uuid = VM_B, .device = "ua-1"},
     false, false, true},
    {{.type = HYPER_EVENT_DEVICE_ADDED, .uuid = VM_A, .device = "ua-1"},
     false, false, false},
    {{.type = HYPER_EVENT_LIFECYCLE, .uuid = VM_A, .state = HYPER_PAUSED},
     false, false, false},
    {{.type = HYPER_EVENT_LIFECYCLE, .uuid = VM_A, .state = HYPER_SHUT_OFF},
     true, true, false},
    {{.type = HYPER_EVENT_LOST, .uuid = ""}, true, true, true},
    {{.type = HYPER_EVENT_BACK, .uuid = ""}, true, true, true},
};

static void
events_end_what_they_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct virt_leaving *set = virt_leaving_new();

        assert_true(virt_leaving_begin(set, VM_A, "ua-1"));
        assert_true(virt_leaving_begin(set, VM_A, "ua-2"));
        assert_true(virt_leaving_begin(set, VM_B, "ua-1"));
        assert_false(virt_leaving_begin(set, VM_A, "ua-1"));
        virt_leaving_see(set, &rows[i].event);
        assert_int_equal(virt_leaving_begin(set, VM_A, "ua-1"), rows[i].a1);
        assert_int_equal(virt_leaving_begin(set, VM_A, "ua-2"), rows[i].a2);
        assert_int_equal(virt_leaving_begin(set, VM_B, "ua-1"), rows[i].b1);
        virt_leaving_free(set);
    }
}

static void
a_failed_request_ends_it(void **state)
{
    struct virt_leaving *set = virt_leaving_new();

    (void)state;
    assert_true(virt_leaving_begin(set, VM_A, "ua-1"));
    virt_leaving_end(set, VM_A, "ua-1");
    assert_true(virt_leaving_begin(set, VM_A, "ua-1"));
    virt_leaving_free(set);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(events_end_what_they_name),
        cmocka_unit_test(a_failed_request_ends_it),
    };

    return CASES(cases);
}
