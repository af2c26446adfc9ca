// SPDX-License-Identifier: Apache-2.0
/* Image headers: good ones, damaged ones, and what qemu-img makes. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/host/image.h"

#define MIB UINT64_C(1048576)

struct header {
    unsigned char bytes[4096];
};

static void
put(struct header *h, size_t at, uint64_t value, int size)
{
    while (size--) {
        h->bytes[at + (size_t)size] = (unsigned char)value;
        value >>= 8;
    }
}

/* docs/interop/qcow2.txt: version 3, 64 KiB clusters, 5 MiB. */
static struct header
good(void)
{
    struct header h = {"QFI\xfb"};

    put(&h, 4, 3, 4);
    put(&h, 20, 16, 4);
    put(&h, 24, 5 * MIB, 8);
    put(&h, 100, 104, 4);
    return h;
}

static int
read_bytes(const void *bytes, size_t len, struct image_facts *facts,
           struct err *err)
{
    char name[] = "/tmp/image-XXXXXX";
    int fd = mkstemp(name);
    int rc;

    unlink(name);
    assert_int_equal(write(fd, bytes, len), len);
    rc = image_read(fd, facts, err);
    close(fd);
    return rc;
}

static int
read_header(const struct header *h, struct image_facts *facts, struct err *err)
{
    return read_bytes(h->bytes, sizeof(h->bytes), facts, err);
}

static void
raw_is_what_has_no_header(void **state)
{
    struct image_facts facts;

    (void)state;
    assert_int_equal(read_bytes("QFI", 3, &facts, NULL), 0);
    assert_string_equal(facts.format, "raw");
    assert_int_equal(facts.virtual_size, 3);
    assert_true(facts.exists);
    assert_false(facts.block);
    assert_true(facts.inode != 0);
    assert_int_equal(read_bytes("", 0, &facts, NULL), 0);
    assert_int_equal(facts.virtual_size, 0);
}

static void
qcow2_tells_its_size_and_backing(void **state)
{
    struct header h = good();
    struct image_facts facts;

    (void)state;
    assert_int_equal(read_header(&h, &facts, NULL), 0);
    assert_string_equal(facts.format, "qcow2");
    assert_int_equal(facts.virtual_size, 5 * MIB);
    assert_string_equal(facts.backing, "");
    assert_false(facts.external_data);
    put(&h, 72, 4, 8);
    put(&h, 104, 0xe2792aca, 4); /* backing format */
    put(&h, 108, 5, 4);
    memcpy(h.bytes + 112, "qcow2", 5);
    put(&h, 8, 200, 8);
    put(&h, 16, 9, 4);
    memcpy(h.bytes + 200, "base.qcow", 9);
    assert_int_equal(read_header(&h, &facts, NULL), 0);
    assert_string_equal(facts.backing, "base.qcow");
    assert_string_equal(facts.backing_format, "qcow2");
    assert_true(facts.external_data);
}

static void
version_2_has_a_short_header(void **state)
{
    struct header h = {"QFI\xfb"};
    struct image_facts facts;

    (void)state;
    put(&h, 4, 2, 4);
    put(&h, 20, 12, 4);
    put(&h, 24, MIB, 8);
    put(&h, 72, 0, 4);
    assert_int_equal(read_bytes(h.bytes, 80, &facts, NULL), 0);
    assert_int_equal(facts.virtual_size, MIB);
    assert_false(facts.external_data);
}

struct damage {
    size_t at;
    uint64_t value;
    int size;
    const char *says;
};

static const struct damage damages[] = {
    {4, 1, 4, "version"},
    {4, 4, 4, "version"},
    {20, 8, 4, "cluster"},
    {20, 64, 4, "cluster"},
    {24, UINT64_MAX, 8, "virtual size"},
    {100, 80, 4, "length"},
    {100, 5000, 4, "length"},
    {16, 1024, 4, "overlong"},
};

static void
damaged_headers_are_refused(void **state)
{
    struct image_facts facts;

    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        const struct damage *d = &damages[i];
        struct header h = good();
        struct err err = ERR_INIT;

        put(&h, 8, 200, 8);
        put(&h, 16, 4, 4);
        memcpy(h.bytes + 200, "base", 4);
        put(&h, d->at, d->value, d->size);
        assert_int_equal(read_header(&h, &facts, &err), -1);
        unit_err(&err, ERR_SOURCE_BAD, d->says);
    }
}

static void
a_backing_name_lies_in_the_first_cluster(void **state)
{
    static const uint64_t offsets[] = {65536, 65533, UINT64_MAX - 2, 4094};
    struct image_facts facts;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct header h = good();
        struct err err = ERR_INIT;

        put(&h, 8, offsets[i], 8);
        put(&h, 16, 4, 4);
        assert_int_equal(read_header(&h, &facts, &err), -1);
        unit_err(&err, ERR_SOURCE_BAD, "backing");
    }
}

static void
a_short_file_is_no_qcow2(void **state)
{
    struct header h = good();
    struct image_facts facts;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(read_bytes(h.bytes, 60, &facts, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "cut short");
    assert_int_equal(read_bytes(h.bytes, 90, &facts, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "cut short");
}

static void
what_is_neither_file_nor_device(void **state)
{
    struct image_facts facts;
    struct err err = ERR_INIT;
    int fd = open("/", O_RDONLY);

    (void)state;
    assert_int_equal(image_read(fd, &facts, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "neither");
    close(fd);
}

static void
image_facts_of(const char *path, struct image_facts *facts)
{
    int fd = open(path, O_RDONLY);

    assert_int_equal(image_read(fd, facts, NULL), 0);
    close(fd);
}

/* A name that qemu-img could take for a protocol or an option. */
static void
images_are_made_and_grow(void **state)
{
    static const char *const formats[] = {"raw", "qcow2"};
    char folder[256], path[300];
    struct image_facts facts;
    struct err err = ERR_INIT;
    struct stat st;

    (void)state;
    unit_folder(folder);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/nbd:-f %s", folder, formats[i]);
        if (image_create(path, formats[i], MIB, &err) < 0)
            fail_msg("%s", err.message);
        image_facts_of(path, &facts);
        assert_string_equal(facts.format, formats[i]);
        assert_int_equal(facts.virtual_size, MIB);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        assert_int_equal(image_create(path, formats[i], MIB, &err), -1);
        unit_err(&err, ERR_EXISTS, path);
        assert_int_equal(image_resize(path, formats[i], 3 * MIB, &err), 0);
        image_facts_of(path, &facts);
        assert_int_equal(facts.virtual_size, 3 * MIB);
        assert_int_equal(image_resize(path, formats[i], MIB, &err), -1);
        unit_err(&err, ERR_INVALID, "only grow");
    }
    assert_int_equal(image_resize(path, "vmdk", MIB, &err), -1);
    unit_err(&err, ERR_INVALID, "raw or qcow2");
    assert_int_equal(image_create("nbd:host", "raw", MIB, &err), -1);
    unit_err(&err, ERR_INVALID, "absolute");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(raw_is_what_has_no_header),
        cmocka_unit_test(qcow2_tells_its_size_and_backing),
        cmocka_unit_test(version_2_has_a_short_header),
        cmocka_unit_test(damaged_headers_are_refused),
        cmocka_unit_test(a_backing_name_lies_in_the_first_cluster),
        cmocka_unit_test(a_short_file_is_no_qcow2),
        cmocka_unit_test(what_is_neither_file_nor_device),
        cmocka_unit_test(images_are_made_and_grow),
    };

    return CASES(cases);
}
