// SPDX-License-Identifier: Apache-2.0
/* What LUNs answer: real pages, the order of designators, and pages that lie
 * about their lengths. */
#include "tests/unit/unit.h"

#include "agent/host/lun_scsi.h"

/* tgtd's: T10 "IET     00010001", then a local NAA. */
static const uint8_t tgt_ids[] = {
    0x00, 0x83, 0x00, 0x34, 0x02, 0x01, 0x00, 0x24, 'I',  'E',  'T',  ' ',
    ' ',  ' ',  ' ',  ' ',  ' ',  ' ',  ' ',  ' ',  '0',  '0',  '0',  '1',
    '0',  '0',  '0',  '1',  0,    0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0x01, 0x03, 0x00, 0x08,
    0x30, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01,
};

static struct lun_scsi
ids_of(const uint8_t *data, size_t len)
{
    struct lun_scsi facts = {.disk = true};
    /* Exactly that many bytes: a reader beyond them is seen. */
    uint8_t *copy = len ? malloc(len) : NULL;

    if (len)
        memcpy(copy, data, len);
    lun_scsi_read_ids(copy, len, &facts);
    free(copy);
    return facts;
}

static void
naa_before_text(void **state)
{
    struct lun_scsi facts = ids_of(tgt_ids, sizeof(tgt_ids));

    (void)state;
    assert_string_equal(facts.id, "33000000100000001");
}

static void
each_designator(void **state)
{
    static const struct {
        const uint8_t data[40];
        const char *id;
    } all[] = {
        {{0, 0x83, 0, 20, 1, 3, 0, 16, 0x60, 0x01, 0x40, 0x5a,
          1, 2,    3, 4,  5, 6, 7, 8,  9,    10,   11,   12},
         "36001405a0102030405060708090a0b0c"},
        {{0, 0x83, 0, 12, 1, 2, 0, 8, 0x00, 0x1b, 0x21, 0xff, 0xfe, 1, 2, 3},
         "2001b21fffe010203"},
        {{0, 0x83, 0, 14, 2, 1, 0, 10, 'A', 'C', 'M', 'E', ' ', ' ', 'x', ' ',
          7, 'y'},
         "1ACME_x__y"},
        {{0, 0x83, 0, 11, 3, 8, 0, 7, 'i', 'q', 'n', '.', 'a', 0, 0}, "8iqn.a"},
        /* NAA as text, as some arrays write it */
        {{0, 0x83, 0, 12, 2, 3, 0, 8, '6', '0', '0', '1', 'a', 'b', 'c', 'd'},
         "36001abcd"},
        /* of the port (association 1), not of the LUN */
        {{0, 0x83, 0, 12, 1, 0x13, 0, 8, 0x50, 1, 2, 3, 4, 5, 6, 7}, ""},
        /* NAA 6 wins over NAA 5 that stands before it */
        {{0, 0x83, 0,    32, 1, 3, 0, 8, 0x50, 1, 2, 3, 4, 5, 6, 7, 1, 3,
          0, 16,   0x60, 0,  0, 0, 0, 0, 0,    0, 0, 0, 0, 0, 0, 0, 0, 1},
         "360000000000000000000000000000001"},
        /* relative target port: of no LUN and no kind that identifies */
        {{0, 0x83, 0, 8, 1, 4, 0, 4, 0, 0, 0, 1}, ""},
        {{0, 0x80, 0, 4, 'a', 'b', 'c', 'd'}, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct lun_scsi facts = ids_of(all[i].data, sizeof(all[i].data));

        assert_string_equal(facts.id, all[i].id);
    }
}

/* Cut anywhere, and with any byte of its heads turned: nothing is read
 * beyond what came (the sanitizers' runs look), and no id is half of one. */
static void
lying_lengths(void **state)
{
    uint8_t copy[sizeof(tgt_ids)];

    (void)state;
    for (size_t len = 0; len <= sizeof(tgt_ids); len++) {
        struct lun_scsi facts = ids_of(tgt_ids, len);

        assert_true(!facts.id[0] || !strcmp(facts.id, "1IET_00010001") ||
                    !strcmp(facts.id, "33000000100000001"));
    }
    for (size_t at = 0; at < sizeof(tgt_ids); at++)
        for (int value = 0; value < 256; value++) {
            memcpy(copy, tgt_ids, sizeof(copy));
            copy[at] = (uint8_t)value;
            ids_of(copy, sizeof(copy));
        }
}

static void
long_ids_are_cut(void **state)
{
    uint8_t data[4 + 4 + 255] = {0, 0x83, 1, 3, 1, 3, 0, 255};
    struct lun_scsi facts;

    (void)state;
    memset(data + 8, 0x66, 255);
    facts = ids_of(data, sizeof(data));
    assert_true(strlen(facts.id) < sizeof(facts.id));
    data[4] = 2;
    facts = ids_of(data, sizeof(data));
    assert_true(strlen(facts.id) < sizeof(facts.id));
}

static void
inquiry_and_serial(void **state)
{
    static const char inquiry[] = "\0\0\5\2\x1f\0\0\2"
                                  "IET     VIRTUAL-DISK    0001";
    static const uint8_t serial[] = {0,   0x80, 0,   8,   ' ', ' ',
                                     'b', 'e',  'a', 'f', '1', '1'};
    struct lun_scsi facts = {.disk = false};

    (void)state;
    lun_scsi_read_inquiry((const uint8_t *)inquiry, 36, &facts);
    lun_scsi_read_serial(serial, sizeof(serial), &facts);
    assert_true(facts.disk);
    assert_string_equal(facts.vendor, "IET");
    assert_string_equal(facts.product, "VIRTUAL-DISK");
    assert_string_equal(facts.serial, "beaf11");
    lun_scsi_settle(&facts);
    assert_string_equal(facts.id, "SIET_VIRTUAL-DISK_beaf11");
    /* qualifier 3, type 0x1f: no such LUN; and a short answer says nothing */
    lun_scsi_read_inquiry((const uint8_t *)"\x7f", 1, &facts);
    assert_true(facts.disk);
}

static void
capacities(void **state)
{
    static const uint8_t two_tib[32] = {0,    0,    0, 0, 0xff, 0xff,
                                        0xff, 0xff, 0, 0, 2,    0};
    static const uint8_t silly[32] = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct lun_scsi facts = {.disk = true};

    (void)state;
    lun_scsi_read_capacity(two_tib, sizeof(two_tib), &facts);
    assert_int_equal(facts.capacity, UINT64_C(0x100000000) * 512);
    assert_int_equal(facts.block, 512);
    lun_scsi_read_capacity(silly, sizeof(silly), &facts);
    assert_int_equal(facts.capacity, 0);
}

static void
commands(void **state)
{
    uint8_t inquiry[6], capacity[16];

    (void)state;
    lun_scsi_cdb_inquiry(inquiry, 0x83, 0x0400);
    assert_memory_equal(inquiry, "\x12\x01\x83\x04\x00\x00", 6);
    lun_scsi_cdb_inquiry(inquiry, -1, 252);
    assert_memory_equal(inquiry, "\x12\x00\x00\x00\xfc\x00", 6);
    lun_scsi_cdb_capacity(capacity, 32);
    assert_memory_equal(capacity, "\x9e\x10\0\0\0\0\0\0\0\0\0\0\0\x20\0\0", 16);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(naa_before_text),
        cmocka_unit_test(each_designator),
        cmocka_unit_test(lying_lengths),
        cmocka_unit_test(long_ids_are_cut),
        cmocka_unit_test(inquiry_and_serial),
        cmocka_unit_test(capacities),
        cmocka_unit_test(commands),
    };

    return cmocka_run_group_tests_name("lun_scsi", tests, NULL, NULL);
}
