// SPDX-License-Identifier: Apache-2.0
/*
 * Operations that are cut off in the middle of a call by cancel or deadline,
 * and two peers who want the same disk at once. Calls of the scripted backend
 * hang until they are let go.
 */
#include "tests/unit/house.h"

#include <pthread.h>
#include <stdatomic.h>

#define VM "{'vm': 'vm1'"
#define D1 "11111111-1111-4111-8111-111111111111"
#define D2 "22222222-2222-4222-8222-222222222222"
#define OP "99999999-9999-4999-8999-999999999999"

/* One more client of the same rooms, in a thread of its own. */
struct asker {
    struct house house;
    const char *verb;
    char text[1024];
    pthread_t thread;
    atomic_bool over;
};

static void
start(struct house *house)
{
    house_start(house);
    house_do(house, "CreateVm", "{'name': 'vm1', 'memory': 134217728}");
    house_do(house, "StartVm", VM ", 'paused': true}");
}

static void *
call(void *arg)
{
    struct asker *asker = arg;

    house_call(&asker->house, asker->verb, asker->text);
    asker->over = true;
    return NULL;
}

static void
ask(struct asker *asker, const struct house *house, const char *peer,
    const char *verb)
{
    asker->house = *house;
    asker->house.answer = NULL;
    asker->over = false;
    snprintf(asker->house.peer, sizeof(asker->house.peer), "%s", peer);
    asker->verb = verb;
    assert_int_equal(pthread_create(&asker->thread, NULL, call, asker), 0);
}

static void
add_text(struct asker *asker, const struct house *house, const char *id,
         const char *image, const char *more)
{
    snprintf(asker->text, sizeof(asker->text),
             VM ", 'disk_id': '%s', 'size': 1048576, 'source': {'type':"
                " 'file', 'path': '%s/%s.img', 'format': 'raw'}%s}",
             id, house->folder, image, more);
}

static void
until_held(struct house *house, size_t n)
{
    while (fake_held(hyper_backend(house->env.hyper)) != n)
        usleep(500);
}

/* Until so many jobs wait in a lane. */
static void
until_queued(struct house *house, size_t n)
{
    size_t queued, count;

    do {
        CLEANUP_FREE struct lane_info *lanes =
            pool_lanes(house->env.pool, &count);

        queued = 0;
        for (size_t i = 0; i < count; i++)
            queued += lanes[i].queued;
        usleep(500);
    } while (queued != n);
}

static void
answered(struct asker *asker)
{
    pthread_join(asker->thread, NULL);
}

static void
leave(struct asker *asker)
{
    json_decref(asker->house.answer);
}

static bool
plugged(struct house *house, const char *id)
{
    house_do(house, "GetVmXml", VM "}");
    return strstr(json_get_text(house->answer, "xml", ""), id) != NULL;
}

static void
cancelled_in_the_middle(void **state)
{
    struct house house;
    struct asker asker;
    uint64_t ticket = 1;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 hang");
    add_text(&asker, &house, D1, "a", ", 'op_id': '" OP "'");
    ask(&asker, &house, "uid:0", "AddDisk");
    until_held(&house, 1);
    assert_true(ops_cancel(house.env.ops, "uid:0", OP, &ticket));
    assert_int_equal(ticket, 0); /* it is no job that could be taken back */
    fake_go(hyper_backend(house.env.hyper));
    answered(&asker);
    unit_err(&asker.house.err, ERR_CANCELLED, OP);
    assert_string_equal(asker.house.err.step, "define");
    assert_false(plugged(&house, D1));
    house_refuse(&house, "GetDisk", "{'disk': '" D1 "'}", ERR_NOT_FOUND, D1);
    house_do(&house, "GetOperation", "['" OP "']");
    house_is(&house, "state", "cancelled");
    house_refuse(&house, "AddDisk", asker.text, ERR_CANCELLED, OP);
    leave(&asker);
    house_end(&house);
}

static void
late_in_the_middle(void **state)
{
    struct house house;
    struct asker asker;
    int64_t until;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 hang");
    add_text(&asker, &house, D1, "a", ", 'deadline_ms': 300");
    ask(&asker, &house, "uid:0", "AddDisk");
    /* A machine that is slow enough does not come to the call at all. */
    while (fake_held(hyper_backend(house.env.hyper)) == 0 && !asker.over)
        usleep(500);
    until = clock_mono_ms() + 310; /* the call was made before */
    while (clock_mono_ms() < until)
        usleep(1000);
    fake_go(hyper_backend(house.env.hyper));
    answered(&asker);
    unit_err(&asker.house.err, ERR_TIMEOUT, "The deadline passed");
    assert_false(plugged(&house, D1));
    leave(&asker);
    house_end(&house);
}

static void
late_while_the_guest_is_asked(void **state)
{
    struct house house;
    struct asker asker;

    (void)state;
    start(&house);
    add_text(&asker, &house, D1, "a", "");
    house_do(&house, "AddDisk", asker.text);
    house_script(&house, "detach 1 silent");
    house_do(&house, "HotUnplugDisk",
             VM ", 'disk': '" D1 "', 'deadline_ms': 20}");
    house_is(&house, "state", "pending"); /* the effect cannot be called back */
    house_end(&house);
}

static void
two_plug_the_same_disk(void **state)
{
    struct house house;
    struct asker a, b;

    (void)state;
    start(&house);
    add_text(&a, &house, D1, "a", ", 'plugged': false");
    house_do(&house, "AddDisk", a.text);
    house_script(&house, "attach 1 hang");
    snprintf(a.text, sizeof(a.text), VM ", 'disk': '" D1 "'}");
    strcpy(b.text, a.text);
    ask(&a, &house, "cn:a", "HotPlugDisk");
    until_held(&house, 1);
    ask(&b, &house, "cn:b", "HotPlugDisk");
    until_queued(&house, 1);
    fake_go(hyper_backend(house.env.hyper));
    answered(&a);
    answered(&b);
    house_is(&a.house, "changed", "true");
    house_is(&b.house, "changed", "false");
    house_is(&b.house, "state", "done");
    house_is(&b.house, "address.unit", "0");
    leave(&a);
    leave(&b);
    house_end(&house);
}

static void
two_add_under_one_name(void **state)
{
    struct house house;
    struct asker a, b;

    (void)state;
    start(&house);
    house_script(&house, "attach 1 hang");
    add_text(&a, &house, D1, "a", "");
    add_text(&b, &house, D1, "b", "");
    ask(&a, &house, "cn:a", "AddDisk");
    until_held(&house, 1);
    ask(&b, &house, "cn:b", "AddDisk");
    until_queued(&house, 1);
    fake_go(hyper_backend(house.env.hyper));
    answered(&a);
    answered(&b);
    house_is(&a.house, "state", "done");
    unit_err(&b.house.err, ERR_EXISTS, D1);
    leave(&a);
    leave(&b);
    house_end(&house);
}

static void
two_vms_want_the_same_image(void **state)
{
    struct house house;
    struct asker asker;
    char *text;

    (void)state;
    start(&house);
    house_do(&house, "CreateVm", "{'name': 'vm2', 'memory': 134217728}");
    house_do(&house, "StartVm", "{'vm': 'vm2', 'paused': true}");
    house_script(&house, "attach 1 hang");
    add_text(&asker, &house, D1, "a", "");
    ask(&asker, &house, "uid:0", "AddDisk");
    until_held(&house, 1);
    text = mem_dup(asker.text);
    memcpy(strstr(text, "vm1"), "vm2", 3);
    memcpy(strstr(text, D1), D2, strlen(D2));
    house_refuse(&house, "AddDisk", text, ERR_BUSY, "about to use");
    assert_true(house.err.retry_after_ms > 0);
    fake_go(hyper_backend(house.env.hyper));
    answered(&asker);
    house_is(&asker.house, "state", "done");
    house_refuse(&house, "AddDisk", text, ERR_BUSY, "in use by VM \"vm1\"");
    house_do(&house, "HotUnplugDisk", VM ", 'disk': '" D1 "'}");
    house_do(&house, "AddDisk", text);
    free(text);
    leave(&asker);
    house_end(&house);
}

static void
one_vm_hangs_alone(void **state)
{
    struct house house;
    struct asker asker;

    (void)state;
    start(&house);
    house_do(&house, "CreateVm", "{'name': 'vm2', 'memory': 134217728}");
    house_script(&house, "attach 1 hang");
    add_text(&asker, &house, D1, "a", "");
    ask(&asker, &house, "uid:0", "AddDisk");
    until_held(&house, 1);
    house_do(&house, "StartVm", "{'vm': 'vm2', 'paused': true}");
    house_do(&house, "GetVm", VM "}");
    house_is(&house, "state", "paused");
    assert_false(plugged(&house, D1));
    fake_go(hyper_backend(house.env.hyper));
    answered(&asker);
    house_is(&asker.house, "state", "done");
    assert_true(plugged(&house, D1));
    leave(&asker);
    house_end(&house);
}

static void
what_was_removed_is_answered_again(void **state)
{
    struct house house;
    struct asker asker;

    (void)state;
    start(&house);
    add_text(&asker, &house, D1, "a", ", 'plugged': false");
    house_do(&house, "AddDisk", asker.text);
    for (int i = 0; i < 2; i++) {
        house_do(&house, "RemoveDisk",
                 VM ", 'disk': '" D1 "', 'op_id': '" OP "'}");
        house_is(&house, "changed", "true");
    }
    house_do(&house, "DestroyVm", VM "}");
    for (int i = 0; i < 2; i++) {
        house_do(&house, "DeleteVm", VM ", 'op_id': '" D2 "'}");
        house_is(&house, "changed", "true");
    }
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(cancelled_in_the_middle),
        cmocka_unit_test(late_in_the_middle),
        cmocka_unit_test(late_while_the_guest_is_asked),
        cmocka_unit_test(two_plug_the_same_disk),
        cmocka_unit_test(two_add_under_one_name),
        cmocka_unit_test(two_vms_want_the_same_image),
        cmocka_unit_test(one_vm_hangs_alone),
        cmocka_unit_test(what_was_removed_is_answered_again),
    };

    return CASES(cases);
}
