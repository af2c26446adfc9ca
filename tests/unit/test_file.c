// SPDX-License-Identifier: Apache-2.0
/* Files: bounds, writes in place, and every way out of a directory. */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"

static char root[256];

/* A path below the test's folder; returns owned. */
static char *
in(const char *name)
{
    return mem_printf("%s/%s", root, name);
}

static void
read_is_bounded(void **state)
{
    CLEANUP_FREE char *path = in("read");
    CLEANUP_FREE char *text = NULL;
    struct err err = ERR_INIT;
    size_t len = 0;

    (void)state;
    unit_write(path, "hello");
    text = file_read(path, 5, &len, &err);
    assert_string_equal(text, "hello");
    assert_int_equal(len, 5);
    assert_null(file_read(path, 4, NULL, &err));
    unit_err(&err, ERR_LIMIT, "larger than the 4 bytes");
    assert_null(file_read("/dev/zero", 100, NULL, &err));
    assert_int_equal(err.kind, ERR_LIMIT);
}

static void
read_tells_what_is_missing(void **state)
{
    CLEANUP_FREE char *path = in("nothing");
    CLEANUP_FREE char *proc = NULL;
    struct err err = ERR_INIT;

    (void)state;
    assert_null(file_read(path, 100, NULL, &err));
    unit_err(&err, ERR_NOT_FOUND, "nothing");
    assert_null(file_read(root, 100, NULL, &err));
    unit_err(&err, ERR_INTERNAL, "directory");
    proc = file_read("/proc/self/stat", 4096, NULL, &err);
    assert_non_null(proc);
    assert_true(strlen(proc) > 10);
}

static void
write_replaces_whole_files(void **state)
{
    CLEANUP_FREE char *path = in("made");
    CLEANUP_FREE char *text = NULL;
    struct err err = ERR_INIT;
    struct stat st;

    (void)state;
    assert_int_equal(file_write(path, "first and long", 14, 0600, &err), 0);
    assert_int_equal(file_write(path, "two", 3, 0640, &err), 0);
    text = file_read(path, 100, NULL, &err);
    assert_string_equal(text, "two");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void
failed_write_leaves_nothing(void **state)
{
    CLEANUP_FREE char *folder = in("full");
    CLEANUP_FREE char *taken = in("full/taken");
    CLEANUP_FREE char *missing = in("no/such");
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(file_mkdirs(taken, 0755, &err), 0);
    assert_int_equal(file_write(taken, "x", 1, 0600, &err), -1);
    unit_err(&err, ERR_INTERNAL, "put in place");
    assert_int_equal(rmdir(taken), 0);
    assert_int_equal(rmdir(folder), 0); /* empty: no temporary file */
    assert_int_equal(file_write(missing, "x", 1, 0600, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "no/such");
}

static void
mkdirs_makes_every_part(void **state)
{
    CLEANUP_FREE char *path = in("a//b/c/");
    CLEANUP_FREE char *file = in("a/file");
    CLEANUP_FREE char *under = in("a/file/x");
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(file_mkdirs(path, 0755, &err), 0);
    assert_int_equal(file_mkdirs(path, 0755, &err), 0);
    unit_write(file, "");
    assert_int_equal(file_mkdirs(file, 0755, &err), -1);
    unit_err(&err, ERR_INTERNAL, "a file has that name");
    assert_int_equal(file_mkdirs(under, 0755, &err), -1);
}

static void
refused(const char *dir, const char *path, enum err_kind kind)
{
    struct err err = ERR_INIT;

    assert_int_equal(file_open_below(dir, path, O_RDONLY, &err), -1);
    unit_err(&err, kind, path);
}

/* images/{disk,sub/disk}, secret beside it, and links of every sort. */
static void
make_images(const char *images)
{
    CLEANUP_FREE char *sub = in("images/sub");
    CLEANUP_FREE char *disk = in("images/disk");
    CLEANUP_FREE char *deep = in("images/sub/disk");
    CLEANUP_FREE char *secret = in("secret");
    CLEANUP_FREE char *out = in("images/out");
    CLEANUP_FREE char *folder = in("images/folder");
    CLEANUP_FREE char *inside = in("images/inside");
    struct err err = ERR_INIT;

    assert_int_equal(file_mkdirs(sub, 0755, &err), 0);
    unit_write(disk, "disk");
    unit_write(deep, "deep");
    unit_write(secret, "secret");
    assert_int_equal(symlink(secret, out), 0);
    assert_int_equal(symlink(root, folder), 0);
    assert_int_equal(symlink("disk", inside), 0);
    assert_non_null(images);
}

static void
open_below_finds_what_is_there(void **state)
{
    static const char *const good[] = {"images/disk", "images/sub/disk",
                                       "images//sub/./disk",
                                       "images/sub/../disk"};
    CLEANUP_FREE char *images = in("images");
    CLEANUP_FREE char *slashed = in("images//");

    (void)state;
    make_images(images);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        CLEANUP_FREE char *path = in(good[i]);
        struct err err = ERR_INIT;
        CLEANUP_FD int a = file_open_below(images, path, O_RDONLY, &err);
        CLEANUP_FD int b = file_open_below(slashed, path, O_RDONLY, &err);

        assert_true(a >= 0);
        assert_true(b >= 0);
    }
}

static void
open_below_cannot_be_led_out(void **state)
{
    static const char *const bad[] = {
        "images/out", "images/folder/secret", "images/inside",
        "images/../secret", "images/sub/../../secret", "images",
        "images/", "imagesdisk", "secret"};
    CLEANUP_FREE char *images = in("images");
    CLEANUP_FREE char *missing = in("images/none");
    CLEANUP_FREE char *through = in("images/disk/x");
    CLEANUP_FREE char *nowhere = in("nowhere");
    CLEANUP_FREE char *under = in("nowhere/x");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CLEANUP_FREE char *path = in(bad[i]);

        refused(images, path, ERR_SOURCE_DENIED);
    }
    refused(images, "disk", ERR_SOURCE_DENIED);
    refused(images, "", ERR_SOURCE_DENIED);
    refused(images, missing, ERR_SOURCE_BAD);
    refused(images, through, ERR_SOURCE_BAD);
    refused(nowhere, under, ERR_SOURCE_BAD);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(read_is_bounded),
        cmocka_unit_test(read_tells_what_is_missing),
        cmocka_unit_test(write_replaces_whole_files),
        cmocka_unit_test(failed_write_leaves_nothing),
        cmocka_unit_test(mkdirs_makes_every_part),
        cmocka_unit_test(open_below_finds_what_is_there),
        cmocka_unit_test(open_below_cannot_be_led_out),
    };

    unit_folder(root);
    return CASES(cases);
}
