// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses, and the allocator over many random histories: no two disks ever
 * get one place, and a place is not given away while its disk may return.
 */
#include "tests/unit/unit.h"

#include "agent/spec/address.h"

static struct address
drive(unsigned controller, unsigned target, unsigned unit)
{
    struct address a = {.type = ADDRESS_DRIVE};

    a.drive.controller = controller;
    a.drive.target = target;
    a.drive.unit = unit;
    return a;
}

static struct address
pci(unsigned bus, unsigned slot, unsigned function)
{
    struct address a = {.type = ADDRESS_PCI};

    a.pci.bus = bus;
    a.pci.slot = slot;
    a.pci.function = function;
    return a;
}

static void
text(void **state)
{
    struct address a = drive(1, 2, 3);
    struct address b = pci(2, 31, 7);
    struct address none = {.type = ADDRESS_NONE};
    struct address big = drive(~0u, ~0u, ~0u);
    char out[32];

    (void)state;
    address_text(&a, out);
    assert_string_equal(out, "1:0:2:3");
    address_text(&b, out);
    assert_string_equal(out, "0000:02:1f.7");
    address_text(&none, out);
    assert_string_equal(out, "");
    address_text(&big, out);
    assert_true(strlen(out) < 32);
    assert_true(address_equal(&none, &none));
    assert_true(address_equal(&a, &a));
    assert_false(address_equal(&a, &b));
    assert_false(address_equal(&a, &none));
    assert_null(address_to_json(&none));
}

static int
from_json(const char *json, struct address *out, struct err *err)
{
    CLEANUP_JSON json_t *value = json_parse(json, strlen(json), NULL, NULL);

    assert_non_null(value);
    return address_from_json(value, out, err);
}

static void
refuses(const char *json, const char *param)
{
    struct err err = ERR_INIT;
    struct address a = drive(9, 9, 9), before = a;

    if (from_json(json, &a, &err) == 0)
        fail_msg("%s was taken", json);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param, param);
    assert_true(address_equal(&a, &before));
}

static void
json(void **state)
{
    struct address all[] = {drive(99, 255, 16383), pci(255, 31, 7)};
    struct address a;

    (void)state;
    for (int i = 0; i < 2; i++) {
        CLEANUP_JSON json_t *value = address_to_json(&all[i]);

        assert_int_equal(address_from_json(value, &a, NULL), 0);
        assert_true(address_equal(&a, &all[i]));
    }
    assert_int_equal(from_json("null", &a, NULL), 0);
    assert_int_equal(a.type, ADDRESS_NONE);
    assert_int_equal(from_json("{}", &a, NULL), 0);
    assert_int_equal(a.type, ADDRESS_NONE);
    assert_int_equal(from_json("{\"type\":\"drive\",\"unit\":4}", &a, NULL), 0);
    all[0] = drive(0, 0, 4);
    assert_true(address_equal(&a, &all[0]));
    refuses("{\"type\":\"usb\"}", "address.type");
    refuses("{\"unit\":1}", "address.type");
    refuses("{\"type\":\"drive\"}", "address.unit");
    refuses("{\"type\":\"drive\",\"unit\":16384}", "address.unit");
    refuses("{\"type\":\"drive\",\"unit\":0,\"target\":256}", "address.target");
    refuses("{\"type\":\"drive\",\"unit\":0,\"bus\":2}", "address.bus");
    refuses("{\"type\":\"drive\",\"unit\":0,\"slot\":2}", "address.slot");
    refuses("{\"type\":\"drive\",\"unit\":\"0\"}", "address.unit");
    refuses("{\"type\":\"drive\",\"unit\":-1}", "address.unit");
    refuses("{\"type\":\"pci\",\"bus\":1}", "address.slot");
    refuses("{\"type\":\"pci\",\"bus\":256,\"slot\":0}", "address.bus");
    refuses("{\"type\":\"pci\",\"bus\":1,\"slot\":32}", "address.slot");
    refuses("[]", "address");
}

static void
xml(void **state)
{
    struct address all[] = {drive(1, 2, 3), pci(0x1a, 0x1f, 7)};

    (void)state;
    for (int i = 0; i < 2; i++) {
        CLEANUP_XML xmlDocPtr doc = xml_new("disk");
        struct address a;

        address_to_xml(xml_root(doc), &all[i], i == 1);
        address_from_xml(xml_root(doc), &a);
        assert_true(address_equal(&a, &all[i]));
        assert_int_equal(xml_attr_is(xml_child(xml_root(doc), "address"),
                                     "multifunction", "on"),
                         i == 1);
    }
}

static void
hostile_xml(void **state)
{
    static const char *const none[] = {
        "<d/>", "<d><address type='isa' iobase='0x505'/></d>",
        "<d><address type='drive' unit='-1'/></d>",
        "<d><address type='drive' unit='4294967296'/></d>",
        "<d><source><address type='pci' bus='1'/></source></d>"};

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        CLEANUP_XML xmlDocPtr doc = xml_parse(none[i], strlen(none[i]), NULL);
        struct address a;

        address_from_xml(xml_root(doc), &a);
        assert_int_equal(a.type, ADDRESS_NONE);
    }
}

static void
order_and_limits(void **state)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    struct address a = {.type = ADDRESS_NONE}, b;
    struct err err = ERR_INIT;
    static const char *const spaces[] = {"scsi", "sata", "ide"};
    static const unsigned sizes[] = {256 * 255, 6, 4};

    (void)state;
    address_pool_take(pool, "scsi", &a, "nobody"); /* none takes nothing */
    for (int s = 0; s < 3; s++) {
        unsigned n = 0;

        while (address_pool_drive(pool, spaces[s], 0, &a, &err) == 0) {
            assert_null(address_pool_owner(pool, spaces[s], &a));
            address_pool_take(pool, spaces[s], &a, "x");
            if (n == 255 && s == 0)
                assert_int_equal(a.drive.target, 1);
            n++;
        }
        assert_int_equal(n, sizes[s]);
        unit_err(&err, ERR_NO_FREE_UNIT, spaces[s]);
    }
    assert_int_equal(a.drive.bus, 1);
    assert_int_equal(address_pool_drive(pool, "scsi", 1, &b, &err), 0);
    assert_int_equal(b.drive.controller, 1);
    assert_int_equal(address_pool_drive(pool, "scsi", 100, &b, &err), -1);
    assert_int_equal(address_pool_drive(pool, "sata", 1, &b, &err), -1);
    assert_int_equal(address_pool_drive(pool, "usb", 0, &b, &err), -1);
    unit_err(&err, ERR_NO_FREE_UNIT, "usb");
}

static void
owners(void **state)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    struct address port = pci(3, 0, 0), function = pci(3, 0, 5);
    struct address one = pci(0, 2, 0), two = pci(0, 2, 1);
    struct address unit = drive(0, 0, 0), far = drive(70000, 0, 0);

    (void)state;
    address_pool_take(pool, NULL, &port, "net0");
    address_pool_take(pool, NULL, &function, "net1");
    assert_string_equal(address_pool_owner(pool, NULL, &function), "net0");
    address_pool_take(pool, NULL, &one, "port1");
    assert_null(address_pool_owner(pool, NULL, &two));
    address_pool_take(pool, "scsi", &unit, "a");
    address_pool_take(pool, "scsi", &unit, "b");
    assert_string_equal(address_pool_owner(pool, "scsi", &unit), "a");
    assert_null(address_pool_owner(pool, "sata", &unit));
    assert_null(address_pool_owner(pool, NULL, &unit));
    address_pool_take(pool, "scsi", &far, "foreign");
    assert_string_equal(address_pool_owner(pool, "scsi", &far), "foreign");
    unit = drive(70000 & 0xffff, 0, 0);
    assert_null(address_pool_owner(pool, "scsi", &unit));
}

/* --- random histories --------------------------------------------------- */

/* A small VM: few units, so that holes are made and filled all the time. */
#define DISKS 12
#define UNITS 40
#define STEPS 24
#define HISTORIES 100000

struct model {
    bool recorded; /* in the device table: the address stays its own */
    bool live;     /* plugged, or its unplug is pending */
    struct address address;
};

static uint32_t
next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

/* What a plan is fed: the device table and the live XML; a disk that was
 * removed while its unplug was pending is in the latter only. */
static struct address_pool *
known(const struct model *disks)
{
    struct address_pool *pool = address_pool_new();
    char owner[16];

    for (int i = 0; i < DISKS; i++) {
        snprintf(owner, sizeof(owner), "d%d", i);
        if (disks[i].recorded)
            address_pool_take(pool, "scsi", &disks[i].address, owner);
        if (disks[i].live)
            address_pool_take(pool, "scsi", &disks[i].address, owner);
    }
    return pool;
}

static void
add(struct model *disks, int i)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = known(disks);
    struct address a;

    /* Still going away: adding it again must wait. */
    if (disks[i].live)
        return;
    if (address_pool_drive(pool, "scsi", 0, &a, NULL) < 0)
        fail_msg("no unit for one of %d disks", DISKS);
    assert_null(address_pool_owner(pool, "scsi", &a));
    assert_true(a.drive.unit < DISKS); /* the lowest free one */
    for (int k = 0; k < DISKS; k++)
        if ((disks[k].recorded || disks[k].live) &&
            address_equal(&disks[k].address, &a))
            fail_msg("disk %d got the place of disk %d", i, k);
    disks[i].recorded = disks[i].live = true;
    disks[i].address = a;
}

static void
step(struct model *disks, uint64_t *seed)
{
    int i = (int)(next_random(seed) % DISKS);
    struct model *d = &disks[i];
    struct model before = *d;

    switch (next_random(seed) % 5) {
    case 0: /* add, or plug what is recorded: at its own address */
    case 1:
        if (!d->recorded)
            add(disks, i);
        else
            d->live = true;
        break;
    case 2: /* unplugged, confirmed */
        d->live = false;
        break;
    case 3: /* removed; a pending unplug keeps it in the live XML */
        d->recorded = false;
        break;
    default: /* removed at once */
        d->recorded = d->live = false;
    }
    if (before.recorded && d->recorded)
        assert_true(address_equal(&d->address, &before.address));
}

static void
no_collision_in_random_histories(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15u;

    (void)state;
    for (int h = 0; h < HISTORIES; h++) {
        struct model disks[DISKS] = {{.recorded = false}};

        for (int s = 0; s < STEPS; s++)
            step(disks, &seed);
        for (int i = 0; i < DISKS; i++)
            for (int k = 0; k < i; k++)
                if ((disks[i].recorded || disks[i].live) &&
                    (disks[k].recorded || disks[k].live))
                    assert_false(address_equal(&disks[i].address,
                                               &disks[k].address));
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(json),
        cmocka_unit_test(xml),
        cmocka_unit_test(hostile_xml),
        cmocka_unit_test(order_and_limits),
        cmocka_unit_test(owners),
        cmocka_unit_test(no_collision_in_random_histories),
    };

    return CASES(cases);
}
