// SPDX-License-Identifier: Apache-2.0
/* A scripted hypervisor with its events gathered, for the tests of hyper/. */
#pragma once

#include "tests/unit/unit.h"

#include "agent/common/clock.h"
#include "agent/common/json.h"
#include "agent/common/lock.h"
#include "agent/common/xml.h"
#include "agent/hyper/fake.h"
#include "agent/hyper/hyper.h"

#define VM_A "11111111-1111-4111-8111-111111111111"
#define VM_B "22222222-2222-4222-8222-222222222222"

struct fake_house {
    struct hyper *hyper;
    struct lock lock;
    pthread_cond_t more;
    char seen[4096]; /* " word" per event: "started", "removed:ALIAS" … */
};

static inline void
fake_house_event(void *data, const struct hyper_event *event)
{
    static const char *const words[] = {
        [HYPER_EVENT_DEVICE_ADDED] = "added",
        [HYPER_EVENT_DEVICE_REMOVED] = "removed",
        [HYPER_EVENT_REMOVAL_FAILED] = "removal_failed",
        [HYPER_EVENT_REBOOT] = "reboot",
    };
    struct fake_house *house = data;
    size_t used;

    LOCK_SCOPE(&house->lock);
    used = strlen(house->seen);
    if (event->type == HYPER_EVENT_LIFECYCLE)
        snprintf(house->seen + used, sizeof(house->seen) - used, " %s",
                 event->detail);
    else
        snprintf(house->seen + used, sizeof(house->seen) - used, " %s:%s",
                 words[event->type], event->device);
    pthread_cond_broadcast(&house->more);
}

/* Until the events so far hold this text (10 s at most). */
static inline void
fake_house_wait(struct fake_house *house, const char *text)
{
    LOCK_SCOPE(&house->lock);
    while (!strstr(house->seen, text))
        if (lock_wait(&house->lock, &house->more, clock_mono_ms() + 10000) < 0)
            fail_msg("no event '%s' among '%s'", text, house->seen);
}

static inline int
fake_house_open(void **state)
{
    struct fake_house *house = calloc(1, sizeof(*house));

    xml_init();
    lock_init(&house->lock, LOCK_LEAF);
    lock_cond_init(&house->more);
    house->hyper = hyper_open("local", "fake:", fake_house_event, house, NULL);
    *state = house;
    return house->hyper ? 0 : -1;
}

static inline int
fake_house_close(void **state)
{
    struct fake_house *house = *state;

    hyper_close(house->hyper);
    lock_destroy(&house->lock);
    pthread_cond_destroy(&house->more);
    free(house);
    return 0;
}

/* A definition with one virtio-scsi controller and one disk at unit 0. */
static inline const char *
fake_house_xml(const char *name, const char *uuid)
{
    static _Thread_local char xml[1024];

    snprintf(xml, sizeof(xml),
             "<domain type='qemu'><name>%s</name><uuid>%s</uuid><devices>"
             "<controller type='scsi' index='0' model='virtio-scsi'/>"
             "<disk><target dev='sda' bus='scsi'/><alias name='ua-root'/>"
             "<address type='drive' controller='0' bus='0' target='0' "
             "unit='0'/></disk>"
             "<video><alias name='video0'/></video></devices></domain>",
             name, uuid);
    return xml;
}

static inline const char *
fake_house_disk(const char *alias, const char *target, int controller,
                int unit)
{
    static _Thread_local char xml[512];

    snprintf(xml, sizeof(xml),
             "<disk type='file'><source file='/i/%s'/>"
             "<target dev='%s' bus='scsi'/><alias name='%s'/>"
             "<address type='drive' controller='%d' bus='0' target='0' "
             "unit='%d'/></disk>",
             alias, target, alias, controller, unit);
    return xml;
}

static inline void
fake_house_start(struct fake_house *house)
{
    assert_int_equal(
        hyper_define(house->hyper, fake_house_xml("db", VM_A), NULL), 0);
    assert_int_equal(hyper_start(house->hyper, VM_A, true, NULL), 0);
}

/* Whether a domain's XML of that kind holds text. */
static inline bool
fake_house_has(struct fake_house *house, enum hyper_xml which,
               const char *text)
{
    CLEANUP_FREE char *xml = hyper_domain_xml(house->hyper, VM_A, which, NULL);

    return xml && strstr(xml, text);
}

#define FAKE_CASE(fn)                                                          \
    cmocka_unit_test_setup_teardown(fn, fake_house_open, fake_house_close)
