// SPDX-License-Identifier: Apache-2.0
/* Which sources are allowed: directories, links out of them, devices. */
#include "tests/unit/unit.h"

#include <sys/stat.h>

#include "agent/common/mem.h"
#include "agent/policy/source.h"

struct place {
    char root[256];
    char *images, *other;
    const char *dirs[3];
    const char *patterns[2];
    struct source_rules rules;
};

/* images/{a,sub/b,out -> ../other,link -> a,fifo} and other/secret. */
static int
setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    char path[512];

    unit_folder(p->root);
    p->images = mem_printf("%s/images", p->root);
    p->other = mem_printf("%s/other", p->root);
    mkdir(p->images, 0755);
    mkdir(p->other, 0755);
    snprintf(path, sizeof(path), "%s/a", p->images);
    unit_write(path, "x");
    snprintf(path, sizeof(path), "%s/secret", p->other);
    unit_write(path, "x");
    snprintf(path, sizeof(path), "%s/sub", p->images);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/sub/b", p->images);
    unit_write(path, "x");
    snprintf(path, sizeof(path), "%s/out", p->images);
    assert_int_equal(symlink(p->other, path), 0);
    snprintf(path, sizeof(path), "%s/link", p->images);
    assert_int_equal(symlink("a", path), 0);
    snprintf(path, sizeof(path), "%s/fifo", p->images);
    assert_int_equal(mkfifo(path, 0600), 0);
    p->dirs[0] = "/nowhere/images";
    p->dirs[1] = p->images;
    p->patterns[0] = "/dev/nul*";
    p->rules = (struct source_rules){p->dirs, p->patterns};
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct place *p = *state;

    free(p->images);
    free(p->other);
    free(p);
    return 0;
}

static const char *
at(const struct place *p, const char *name)
{
    static _Thread_local char path[512];

    snprintf(path, sizeof(path), "%s/%s", p->images, name);
    return path;
}

static void
files_below_are_opened(void **state)
{
    static const char *const names[] = {"a", "sub/b", "sub/../a", "./a"};
    struct place *p = *state;
    struct err err = ERR_INIT;

    for (size_t i = 0; i < 4; i++) {
        int fd = source_open(&p->rules, at(p, names[i]), false, &err);

        assert_true(fd >= 0);
        close(fd);
    }
}

static void
nothing_leads_out(void **state)
{
    static const char *const names[] = {"out/secret", "../other/secret",
                                        "sub/../../other/secret", "link"};
    struct place *p = *state;

    for (size_t i = 0; i < 4; i++) {
        struct err err = ERR_INIT;

        assert_int_equal(source_open(&p->rules, at(p, names[i]), false, &err),
                         -1);
        unit_err(&err, ERR_SOURCE_DENIED, "[paths] images");
        unit_err(&err, ERR_SOURCE_DENIED, p->images);
    }
}

static void
other_places_are_denied(void **state)
{
    const char *const none[] = {NULL};
    struct place *p = *state;
    struct source_rules nothing = {none, none};
    struct err err = ERR_INIT;

    assert_int_equal(source_open(&p->rules, "/etc/passwd", false, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "/etc/passwd");
    assert_int_equal(source_open(&p->rules, "relative", false, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "absolute");
    assert_int_equal(source_open(&nothing, at(p, "a"), false, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "allows nothing");
    assert_int_equal(source_open(&nothing, "/dev/null", true, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "[paths] devices allows nothing");
}

static void
what_is_not_there_or_no_file(void **state)
{
    struct place *p = *state;
    struct err err = ERR_INIT;

    assert_int_equal(source_open(&p->rules, at(p, "none"), false, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "No such file");
    assert_int_equal(source_open(&p->rules, at(p, "sub"), false, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "is not a file");
    assert_int_equal(source_open(&p->rules, at(p, "fifo"), false, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "is not a file");
}

static void
devices_match_a_pattern(void **state)
{
    struct place *p = *state;
    struct err err = ERR_INIT;

    assert_int_equal(source_open(&p->rules, "/dev/null", true, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "is not a block device");
    assert_int_equal(source_open(&p->rules, "/dev/nulx", true, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "No such file");
    assert_int_equal(source_open(&p->rules, "/dev/zero", true, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "[paths] devices allows /dev/nul*");
    p->patterns[0] = "/*/*/*";
    assert_int_equal(source_open(&p->rules, "/dev/../etc", true, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "not an allowed device");
}

static void
where_files_may_be_made(void **state)
{
    struct place *p = *state;
    struct err err = ERR_INIT;

    assert_int_equal(source_may_create(&p->rules, at(p, "new"), &err), 0);
    assert_int_equal(source_may_create(&p->rules, at(p, "sub/new"), &err), 0);
    assert_int_equal(source_may_create(&p->rules, at(p, "a"), &err), -1);
    unit_err(&err, ERR_EXISTS, "exists already");
    assert_int_equal(source_may_create(&p->rules, at(p, "link"), &err), -1);
    unit_err(&err, ERR_EXISTS, "exists already");
    assert_int_equal(source_may_create(&p->rules, at(p, "out/new"), &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "[paths] images");
    assert_int_equal(source_may_create(&p->rules, at(p, "no/new"), &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "cannot be created");
    assert_int_equal(source_may_create(&p->rules, at(p, "sub/.."), &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "the path of a file");
    assert_int_equal(source_may_create(&p->rules, "/etc/new", &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "/etc/new");
}

static void
hosts_by_pattern(void **state)
{
    static const char *const some[] = {"192.0.2.*", "store-?:3260", NULL};
    static const char *const none[] = {NULL};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(source_host(some, "192.0.2.5", 3261, &err), 0);
    assert_int_equal(source_host(some, "store-1", 3260, &err), 0);
    assert_int_equal(source_host(some, "store-1", 10809, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED,
             "'store-1:10809' is not an allowed host: [paths] hosts allows "
             "192.0.2.*, store-?:3260");
    assert_int_equal(source_host(none, "store-1", 3260, &err), -1);
    unit_err(&err, ERR_SOURCE_DENIED, "allows nothing");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(files_below_are_opened),
        CASE(nothing_leads_out),
        CASE(other_places_are_denied),
        CASE(what_is_not_there_or_no_file),
        CASE(devices_match_a_pattern),
        CASE(where_files_may_be_made),
        CASE(hosts_by_pattern),
    };

    return CASES(cases);
}
