// SPDX-License-Identifier: Apache-2.0
/*
 * The doctor: a host that is well gives no finding, each damage gives one,
 * with a fix; asked of a berthd that runs, and from outside.
 */
#include "tests/unit/house.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/common/log.h"
#include "agent/front/server.h"
#include "agent/roles.h"
#include "agent/state/store_schema.h"
#include "agent/verbs/doctor.h"

static char certs[256];

/* A host of the test's own: settings, state, certificates, images. */
struct place {
    char dir[256];
    char state[300];
    struct conf *conf;
    struct err err;
    json_t *report;
};

/* $A and $B of the command stand for a and b. */
static void
shell(const char *command, const char *a, const char *b)
{
    setenv("A", a, 1);
    setenv("B", b, 1);
    assert_int_equal(system(command), 0);
}

static void
place_make(struct place *p, const char *role)
{
    char *sets[] = {mem_printf("state.dir=%s/state", p->dir),
                    mem_printf("paths.images=%s/images", p->dir),
                    mem_printf("tls.cert=%s/server.pem", p->dir),
                    mem_printf("tls.key=%s/server.key", p->dir),
                    mem_printf("tls.ca=%s/ca.pem", p->dir),
                    mem_printf("listen.socket=%s/sock", p->dir),
                    mem_printf("hypervisor local.uri=qemu:///embed?root=%s/r",
                               p->dir),
                    mem_dup("listen.socket_group="),
                    mem_printf("access.tls_default_role=%s", role)};
    CLEANUP_FREE char *empty = mem_printf("%s/berth.conf", p->dir);

    unit_write(empty, "");
    p->conf = conf_load(empty, (const char *const *)sets, 9, &p->err);
    if (!p->conf)
        fail_msg("%s", p->err.message);
    for (size_t i = 0; i < 9; i++)
        free(sets[i]);
}

static int
set_up(void **state)
{
    struct place *p = mem_zalloc(1, sizeof(*p));

    unit_folder(p->dir);
    snprintf(p->state, sizeof(p->state), "%s/state", p->dir);
    place_make(p, "Monitor");
    shell("mkdir $A/images && chmod 755 $A $A/images && "
          "cp $B/server.pem $B/server.key $B/ca.pem $A && "
          "chmod 600 $A/server.key",
          p->dir, certs);
    store_close(store_open(p->state, &p->err));
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *p = *state;

    json_decref(p->report);
    conf_free(p->conf);
    free(p);
    return 0;
}

static void
examine(struct place *p)
{
    CLEANUP_ACCESS struct access *rules =
        p->conf ? roles_load(p->conf, &p->err) : NULL;
    const struct doctor_case about = {
        .conf = p->conf,
        .rules = rules,
        .conf_why = p->conf ? "" : p->err.message,
        .kvm = true,
        .tls_examine = server_tls_examine,
    };

    json_decref(p->report);
    p->report = doctor_report(&about);
}

/* The first finding of that check that is not ok; NULL if there is none. */
static const json_t *
finding(const json_t *report, const char *check)
{
    const json_t *list = json_object_get(report, "findings"), *f;
    size_t i;

    json_array_foreach(list, i, f)
        if (strcmp(json_get_text(f, "check", ""), check) == 0 &&
            strcmp(json_get_text(f, "level", ""), "ok") != 0)
            return f;
    return NULL;
}

static void
expect_in(const json_t *report, const char *check, const char *level,
          const char *part)
{
    const json_t *f = finding(report, check);

    if (!f)
        fail_msg("nothing is found by the check %s", check);
    assert_string_equal(json_get_text(f, "level", ""), level);
    if (!strstr(json_get_text(f, "what", ""), part))
        fail_msg("'%s' does not mention '%s'", json_get_text(f, "what", ""),
                 part);
    assert_true(strlen(json_get_text(f, "fix", "")) > 8);
}

static void
expect(struct place *p, const char *check, const char *level, const char *part)
{
    examine(p);
    expect_in(p->report, check, level, part);
}

/* --- from outside ----------------------------------------------------------- */

static void
a_host_that_is_well_has_no_finding(void **state)
{
    struct place *p = *state;
    const json_t *list, *f;
    char *text;
    size_t i;
    FILE *to;

    examine(p);
    list = json_object_get(p->report, "findings");
    assert_true(json_array_size(list) >= 16);
    json_array_foreach(list, i, f)
    {
        if (strcmp(json_get_text(f, "level", ""), "ok") != 0)
            fail_msg("%s: %s", json_get_text(f, "check", ""),
                     json_get_text(f, "what", ""));
        assert_true(json_is_null(json_object_get(f, "fix")));
    }
    assert_int_equal(json_get_int(p->report, "errors", -1), 0);
    assert_true(json_get_bool(p->report, "healthy", 0));
    to = open_memstream(&text, &i);
    doctor_print(p->report, to);
    fclose(to);
    assert_non_null(strstr(text, "ok       database"));
    assert_non_null(strstr(text, "0 errors, 0 warnings\n"));
    free(text);
}

static void
nothing_is_changed_by_looking(void **state)
{
    struct place *p = *state;

    shell("ls -laR --time-style=full-iso $A/state $A/images >$A/list", p->dir,
          "");
    examine(p);
    shell("ls -laR --time-style=full-iso $A/state $A/images | cmp - $A/list",
          p->dir, "");
}

static void
a_host_without_anything_is_not_an_error(void **state)
{
    struct place *p = *state;

    shell("rm -r $A/state", p->dir, "");
    examine(p);
    assert_int_equal(json_get_int(p->report, "errors", -1), 0);
}

static void
a_door_that_opens_for_nobody(void **state)
{
    struct place *p = *state;

    conf_free(p->conf);
    place_make(p, "");
    expect(p, "roles", "warning", "No certificate has a role");
}

static const struct damage {
    const char *what; /* $A: the place, $B: the certificates */
    const char *check, *level, *part;
} damages[] = {
    {"dd if=/dev/zero of=$A/state/berth.db bs=4096 seek=1 count=2 "
     "conv=notrunc 2>/dev/null",
     "database", "error", "damaged"},
    {"echo nonsense >$A/state/berth.db", "database", "error", "damaged"},
    {"rm -r $A/state && touch $A/state", "state", "error", "is a file"},
    {"chmod 755 $A/state", "state", "warning", "mode is 0755"},
    {"rm $A/state/berth.reserve", "reserve", "warning", "0 bytes"},
    {"chmod 644 $A/server.key", "key", "error", "Everybody"},
    {"chmod 640 $A/server.key", "key", "warning", "its group"},
    {"rm $A/server.key", "key", "error", "No such file"},
    {"rm $A/server.pem", "certificate", "error", "server.pem"},
    {"echo x >$A/ca.pem", "certificate", "error", "ca.pem"},
    {"cp $B/second.key $A/server.key", "certificate", "error",
     "does not belong"},
    {"cp $B/expired.pem $A/server.pem; cp $B/expired.key $A/server.key",
     "certificate", "error", "ended at"},
    {"cp $B/stranger.pem $A/server.pem; cp $B/stranger.key $A/server.key",
     "certificate", "warning", "does not trust this host"},
    {"touch $A/sock", "socket", "error", "no socket"},
    {"rmdir $A/images", "images", "warning", "No such file"},
    {"rmdir $A/images; touch $A/images", "images", "error", "no directory"},
    {"touch $A/r", "libvirt", "error", "no directory"},
};

static void
each_damage_is_found_with_a_fix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        void *place;
        struct place *p;

        set_up(&place);
        p = place;
        shell(damages[i].what, p->dir, certs);
        expect(p, damages[i].check, damages[i].level, damages[i].part);
        tear_down(&place);
    }
}

static void
sql(const struct place *p, const char *text)
{
    CLEANUP_FREE char *path = mem_printf("%s/berth.db", p->state);
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
what_the_record_tells(void **state)
{
    struct place *p = *state;
    char text[64];

    sql(p, "INSERT INTO op (op_id, peer, verb, body_hash, state, started_ms) "
           "VALUES ('77', 'p', 'v', 'h', 'pending', 1000),"
           " ('78', 'p', 'v', 'h', 'done', 1000)");
    expect(p, "operations", "warning", "1 operations");
    assert_non_null(strstr(
        json_get_text(finding(p->report, "operations"), "what", ""), "77"));
    assert_null(finding(p->report, "clock"));
    sql(p, "UPDATE op SET started_ms = 9999999999999");
    expect(p, "clock", "warning", "went back");
    snprintf(text, sizeof(text), "PRAGMA user_version=%d",
             store_schema_version + 1);
    sql(p, text);
    expect(p, "database", "error", "newer berthd");
}

static void
images_that_qemu_cannot_reach(void **state)
{
    struct place *p = *state;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(p->dir, 0700), 0);
    expect(p, "images", "error", "may not enter");
    assert_non_null(
        strstr(json_get_text(finding(p->report, "images"), "what", ""), p->dir));
}

static void
settings_that_cannot_be_read_end_little(void **state)
{
    struct place *p = *state;

    conf_free(p->conf);
    p->conf = NULL;
    err_set(&p->err, ERR_INVALID, "line 7 is a poem");
    expect(p, "settings", "error", "line 7 is a poem");
    assert_int_equal(json_get_int(p->report, "errors", 0), 1);
}

static void
somebody_else_has_the_directory(void **state)
{
    struct place *p = *state;
    struct store *store = store_open(p->state, &p->err);
    char part[64];

    snprintf(part, sizeof(part), "process %d", (int)getpid());
    expect(p, "lock", "warning", part);
    store_close(store);
}

static void
few_descriptors_are_told(void **state)
{
    struct place *p = *state;
    struct rlimit before, few;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){256, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    examine(p); /* what counts from outside is what it may be raised to */
    assert_null(finding(p->report, "descriptors"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* --- asked of a berthd that runs --------------------------------------------- */

static json_t *
no_listener(void *ctx)
{
    json_t *info = json_object();

    (void)ctx;
    json_put_text(info, "error", "the cat ate it");
    return info;
}

static int
bad_settings(void *ctx, struct err *err)
{
    (void)ctx;
    return err_set(err, ERR_INVALID, "line 7 is a poem");
}

static void
run_house(struct house *house, const struct place *p)
{
    struct conf *before;

    house_start(house);
    before = atomic_load(&house->env.conf);
    atomic_store(&house->env.conf, p->conf);
    conf_free(before);
    house->env.tls_examine = server_tls_examine;
}

static void
stop_house(struct house *house)
{
    atomic_store(&house->env.conf, NULL); /* the place has it */
    house_end(house);
}

static void
a_running_berthd_tells_what_it_knows(void **state)
{
    struct place *p = *state;
    struct house house;

    run_house(&house, p);
    house_do(&house, "Doctor", "{}");
    assert_null(finding(house.answer, "database"));
    assert_null(finding(house.answer, "libvirt"));
    assert_null(finding(house.answer, "lanes"));
    /* It does not run in this place: the directory is not its own. */
    expect_in(house.answer, "lock", "error", "does not have");
    expect_in(house.answer, "socket", "error", "was removed");
    house.env.check_settings = bad_settings;
    house.env.tls_info = no_listener;
    house_do(&house, "Doctor", "{}");
    expect_in(house.answer, "settings", "error", "line 7 is a poem");
    expect_in(house.answer, "certificate", "warning", "no TLS listener");
    stop_house(&house);
}

static int
load_nothing(void *ctx, struct store *store, struct err *err)
{
    (void)ctx;
    (void)store;
    (void)err;
    return 0;
}

static void
a_berthd_without_its_record_says_why(void **state)
{
    struct place *p = *state;
    struct house house;
    struct store *whole;

    shell("echo this is a cake, and no database >$A/state/berth.db", p->dir,
          "");
    run_house(&house, p);
    whole = house.env.store;
    house.env.store = store_open_any(p->state, load_nothing, NULL, &p->err);
    assert_non_null(house.env.store);
    house_do(&house, "Doctor", "{}");
    expect_in(house.answer, "database", "error", "no database");
    expect_in(house.answer, "operations", "error", "no database");
    store_close(house.env.store);
    house.env.store = whole;
    stop_house(&house);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(a_host_that_is_well_has_no_finding),
        WITH(nothing_is_changed_by_looking),
        WITH(a_host_without_anything_is_not_an_error),
        WITH(a_door_that_opens_for_nobody),
        cmocka_unit_test(each_damage_is_found_with_a_fix),
        WITH(what_the_record_tells),
        WITH(images_that_qemu_cannot_reach),
        WITH(settings_that_cannot_be_read_end_little),
        WITH(somebody_else_has_the_directory),
        WITH(few_descriptors_are_told),
        WITH(a_running_berthd_tells_what_it_knows),
        WITH(a_berthd_without_its_record_says_why),
    };

    unit_folder(certs);
    if (getenv("TMPDIR")) /* QEMU's user has to come through */
        chmod(getenv("TMPDIR"), 0755);
    setenv("A", certs, 1);
    if (system("tests/lib/make-certs $A second expired stranger") != 0)
        return 1;
    log_set_level(LOG_ERROR);
    return CASES(cases);
}
