// SPDX-License-Identifier: Apache-2.0
/* Which scripts a point has: merged, masked, in order, and safe. */
#include "tests/unit/hookery.h"

#define P "before_vm_start"

static void
find(struct hookery *h, struct scripts *found)
{
    scripts_find(h->rules.dirs, P, found);
}

static void
test_nothing_there(void **state)
{
    static const char *const nowhere[] = {"/nonexistent", "/dev/null", NULL};
    struct scripts found;

    (void)state;
    scripts_find(nowhere, P, &found);
    assert_int_equal(found.n, 0);
    scripts_free(&found);
}

static void
test_merged_in_byte_order(void **state)
{
    static const char *const order[] = {"10_a", "9_b", "B", "a", "\xc3\xa4"};
    struct hookery h;
    struct scripts found;

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 2, P, "9_b", 0755, "#!/bin/sh\n");
    hookery_file(&h, 0, P, "a", 0700, "#!/bin/sh\n");
    hookery_file(&h, 1, P, "B", 0755, "#!/bin/sh\n");
    hookery_file(&h, 0, P, "10_a", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, P, "\xc3\xa4", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, P, ".hidden", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, P, "README", 0644, "not executable");
    find(&h, &found);
    assert_int_equal(found.n, 5);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(found.items[i].name, order[i]);
        assert_null(found.items[i].unsafe);
    }
    scripts_free(&found);
    hookery_close(&h);
}

static void
test_later_directory_masks(void **state)
{
    struct hookery h;
    struct scripts found;
    char path[700];

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 0, P, "10_both", 0755, "#!/bin/sh\n");
    hookery_file(&h, 2, P, "10_both", 0755, "#!/bin/sh\n");
    hookery_file(&h, 0, P, "20_off", 0755, "#!/bin/sh\n");
    snprintf(path, sizeof(path), "%s/%s/20_off", h.dirs[2], P);
    assert_int_equal(symlink("/dev/null", path), 0);
    hookery_file(&h, 0, P, "30_off", 0755, "#!/bin/sh\n");
    hookery_file(&h, 1, P, "30_off", 0644, "");
    find(&h, &found);
    assert_int_equal(found.n, 1);
    assert_non_null(strstr(found.items[0].path, "/admin/"));
    assert_non_null(strstr(found.items[0].masks, "/packaged/"));
    scripts_free(&found);
    hookery_close(&h);
}

/* Each in turn the only script: why it is unsafe. */
static void
expect_unsafe(struct hookery *h, const char *part)
{
    struct scripts found;

    find(h, &found);
    assert_int_equal(found.n, 1);
    assert_non_null(found.items[0].unsafe);
    if (!strstr(found.items[0].unsafe, part))
        fail_msg("'%s' does not mention '%s'", found.items[0].unsafe, part);
    if (found.items[0].name[0] != '/')
        unlink(found.items[0].path);
    scripts_free(&found);
}

static void
test_unsafe_files(void **state)
{
    struct hookery h;
    char path[700];

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 2, P, "x", 0775, "#!/bin/sh\n");
    expect_unsafe(&h, "mode 0775");
    hookery_file(&h, 2, P, "x", 0757, "#!/bin/sh\n");
    expect_unsafe(&h, "others than its owner");
    hookery_file(&h, 2, P, "x", 04755, "#!/bin/sh\n");
    expect_unsafe(&h, "setuid");
    hookery_file(&h, 2, P, "x", 02755, "#!/bin/sh\n");
    expect_unsafe(&h, "setgid");
    hookery_file(&h, 2, P, "a\nb", 0755, "#!/bin/sh\n");
    expect_unsafe(&h, "control characters");
    hookery_file(&h, 2, P, "a\xff", 0755, "#!/bin/sh\n");
    expect_unsafe(&h, "UTF-8");
    snprintf(path, sizeof(path), "%s/%s/gone", h.dirs[2], P);
    assert_int_equal(symlink("/nonexistent/policy", path), 0);
    expect_unsafe(&h, "cannot be looked at");
    if (geteuid() == 0) {
        const char *own = hookery_file(&h, 2, P, "x", 0755, "#!/bin/sh\n");

        assert_int_equal(chown(own, 12345, 0), 0);
        expect_unsafe(&h, "user 12345");
    }
    hookery_close(&h);
}

static void
test_unsafe_directories(void **state)
{
    struct hookery h;
    char path[700], target[700];

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 2, P, "x", 0755, "#!/bin/sh\n");
    snprintf(path, sizeof(path), "%s/%s", h.dirs[2], P);
    assert_int_equal(chmod(path, 0777), 0);
    expect_unsafe(&h, "the directory");
    hookery_file(&h, 2, P, "x", 0755, "#!/bin/sh\n");
    assert_int_equal(chmod(path, 01777), 0); /* sticky: others cannot rename */
    assert_int_equal(chmod(h.dirs[2], 0775), 0);
    expect_unsafe(&h, "mode 0775");
    assert_int_equal(chmod(h.dirs[2], 0755), 0);
    /* A link to a file whose directory others may write to. */
    snprintf(target, sizeof(target), "%s/open", h.folder);
    assert_int_equal(mkdir(target, 0755), 0);
    assert_int_equal(chmod(target, 0777), 0);
    snprintf(target, sizeof(target), "%s/open/x", h.folder);
    unit_write(target, "#!/bin/sh\n");
    assert_int_equal(chmod(target, 0755), 0);
    snprintf(path, sizeof(path), "%s/%s/x", h.dirs[2], P);
    assert_int_equal(symlink(target, path), 0);
    expect_unsafe(&h, "/open may be written to");
    hookery_close(&h);
}

static void
test_links_to_good_files_count(void **state)
{
    struct hookery h;
    struct scripts found;
    char path[700];

    (void)state;
    hookery_open(&h);
    hookery_file(&h, 0, "elsewhere", "real", 0755, "#!/bin/sh\n");
    hookery_file(&h, 2, P, "other", 0644, "");
    snprintf(path, sizeof(path), "%s/%s/link", h.dirs[2], P);
    assert_int_equal(symlink("../../packaged/elsewhere/real", path), 0);
    find(&h, &found);
    assert_int_equal(found.n, 1);
    assert_null(found.items[0].unsafe);
    scripts_free(&found);
    hookery_close(&h);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_there),
        cmocka_unit_test(test_merged_in_byte_order),
        cmocka_unit_test(test_later_directory_masks),
        cmocka_unit_test(test_unsafe_files),
        cmocka_unit_test(test_unsafe_directories),
        cmocka_unit_test(test_links_to_good_files_count),
    };

    return CASES(tests);
}
