// SPDX-License-Identifier: Apache-2.0
/*
 * Settings: what is read, from where, what is refused and how it is named,
 * and the sample file, which REGENERATE=1 writes anew.
 */
#include "tests/unit/unit.h"

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "conf/conf.h"
#include "conf/folders.h"

#define SAMPLE "conf/berth.conf.sample"

static char root[256];
static char path[300];

static struct conf *
load(const char *text)
{
    struct err err = ERR_INIT;
    struct conf *conf;

    unit_write(path, text);
    conf = conf_load(path, NULL, 0, &err);
    if (!conf)
        fail_msg("%s", err.message);
    return conf;
}

static void
refused(const char *text, int line, const char *part)
{
    CLEANUP_FREE char *place = mem_printf("%s:%d: ", path, line);
    struct err err = ERR_INIT;

    unit_write(path, text);
    assert_null(conf_load(path, NULL, 0, &err));
    unit_err(&err, ERR_INVALID, part);
    unit_err(&err, ERR_INVALID, place);
}

static void
defaults_are_in_range(void **state)
{
    CLEANUP_CONF struct conf *conf = load("");

    (void)state;
    assert_int_equal(conf_int(conf, CONF_OPS_WORKERS), 8);
    assert_int_equal(conf_int(conf, CONF_VM_VIRTIO_SCSI), 1);
    assert_int_equal(conf_int(conf, CONF_LISTEN_SOCKET_MODE), 0660);
    assert_string_equal(conf_text(conf, CONF_LOG_LEVEL), "info");
    assert_string_equal(conf_origin(conf, CONF_LOG_LEVEL), "default");
    assert_null(conf_list(conf, CONF_PATHS_DEVICES)[0]);
}

static void
every_type_is_read(void **state)
{
    CLEANUP_CONF struct conf *conf =
        load("# comment\n[listen]\ntls = [::1]:1\nsocket_mode=0600\r\n"
             "[hypervisor local]\nuri = qemu:///embed?root=/x ; why\n"
             "[vm]\nvirtio_scsi = no\nspare_root_ports=224\n"
             "[paths]\nimages = /a, /b\timages2\n[log]\nlevel=debug");
    CLEANUP_FREE char *origin = mem_printf("%s:9", path);
    const char *const *images = conf_list(conf, CONF_PATHS_IMAGES);

    (void)state;
    assert_string_equal(conf_text(conf, CONF_LISTEN_TLS), "[::1]:1");
    assert_int_equal(conf_int(conf, CONF_LISTEN_SOCKET_MODE), 0600);
    assert_string_equal(conf_text(conf, CONF_HYPERVISOR_LOCAL_URI),
                        "qemu:///embed?root=/x");
    assert_int_equal(conf_int(conf, CONF_VM_VIRTIO_SCSI), 0);
    assert_int_equal(conf_int(conf, CONF_VM_SPARE_ROOT_PORTS), 224);
    assert_string_equal(conf_origin(conf, CONF_VM_SPARE_ROOT_PORTS), origin);
    assert_string_equal(images[0], "/a");
    assert_string_equal(images[1], "/b");
    assert_string_equal(images[2], "images2");
    assert_null(images[3]);
}

static void
lists_may_take_several_lines(void **state)
{
    CLEANUP_CONF struct conf *conf =
        load("[paths]\nimages = /a\nimages = /b\n  /c\n");
    const char *const *images = conf_list(conf, CONF_PATHS_IMAGES);
    CLEANUP_FREE char *origin = mem_printf("%s:2", path);

    (void)state;
    assert_string_equal(images[0], "/a");
    assert_string_equal(images[1], "/b");
    assert_string_equal(images[2], "/c");
    assert_string_equal(conf_origin(conf, CONF_PATHS_IMAGES), origin);
}

static void
unknown_names_are_refused(void **state)
{
    (void)state;
    refused("\n[nope]\nx=1\n", 3, "one of listen tls access hypervisor");
    refused("x=1\n", 1, "section");
    refused("[vm]\nspare=1\n", 2, "one of virtio_scsi spare_root_ports");
    refused("[VM]\nspare_root_ports=1\n", 2, "section");
}

static void
bad_values_are_refused(void **state)
{
    (void)state;
    refused("[vm]\nspare_root_ports = many\n", 2,
            "vm.spare_root_ports: \"many\" is not accepted; expected a whole "
            "number from 0 to 224");
    refused("[vm]\nspare_root_ports=225\n", 2, "225");
    refused("[vm]\nspare_root_ports=-1\n", 2, "-1");
    refused("[vm]\nspare_root_ports=\n", 2, "spare_root_ports");
    refused("[ops]\nworkers=0x10\n", 2, "from 1 to 64");
    refused("[ops]\nworkers=99999999999999999999\n", 2, "from 1 to 64");
    refused("[vm]\nvirtio_scsi=true\n", 2, "yes or no");
    refused("[log]\nlevel=info|debug\n", 2, "one of error|warning");
    refused("[log]\nlevel=\n", 2, "one of error|warning");
    refused("[listen]\nsocket_mode=1777\n", 2, "up to 0777");
    refused("[listen]\nsocket_mode=0888\n", 2, "octal");
    refused("[tls]\ncert=/a\x01\n", 2, "plain text");
    refused("[tls]\ncert=/\xff\n", 2, "plain text");
}

static void
broken_files_are_refused(void **state)
{
    char text[400] = "[tls]\ncert=/";
    struct err err = ERR_INIT;

    (void)state;
    refused("[vm]\nvirtio_scsi\n", 2, "key = value");
    refused("[vm\n", 1, "[section]");
    refused("[tls]\ncert=/a\ncert=/b\n", 3, "second time (first in line 2)");
    refused("[tls]\ncert=/a\n  continued\n", 3, "second time");
    memset(text + 12, 'x', 250);
    refused(text, 2, "more than 198 bytes");
    assert_int_equal(file_write(path, "[tls]\n\0x", 8, 0600, &err), 0);
    assert_null(conf_load(path, NULL, 0, &err));
    unit_err(&err, ERR_INVALID, "NUL");
}

static void
a_named_file_must_exist(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_null(conf_load("/no/such.conf", NULL, 0, &err));
    unit_err(&err, ERR_NOT_FOUND, "/no/such.conf");
}

static void
sets_win_over_files(void **state)
{
    static const char *const sets[] = {"vm.spare_root_ports=3",
                                       "hypervisor local.uri=test:///a=b.c"};
    CLEANUP_CONF struct conf *conf = NULL;
    struct err err = ERR_INIT;

    (void)state;
    unit_write(path, "[vm]\nspare_root_ports=1\n");
    conf = conf_load(path, sets, 2, &err);
    assert_non_null(conf);
    assert_int_equal(conf_int(conf, CONF_VM_SPARE_ROOT_PORTS), 3);
    assert_string_equal(conf_origin(conf, CONF_VM_SPARE_ROOT_PORTS), "--set");
    assert_string_equal(conf_text(conf, CONF_HYPERVISOR_LOCAL_URI),
                        "test:///a=b.c");
}

static void
bad_sets_are_refused(void **state)
{
    static const char *const sets[] = {"x", "vm=1", "vm.x", "=", "vm.nope=1",
                                       "no.uri=1", "ops.workers=0",
                                       "vm=1.spare_root_ports"};

    (void)state;
    unit_write(path, "");
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct err err = ERR_INIT;

        assert_null(conf_load(path, &sets[i], 1, &err));
        unit_err(&err, ERR_INVALID, "--set");
    }
}

static void
note_diff(void *ctx, const char *name, bool live)
{
    char *text = ctx;

    sprintf(text + strlen(text), "%s:%d ", name, live);
}

/* The sample's named sections exist once their lines are set. */
static void
note_fixed_diff(void *ctx, const char *name, bool live)
{
    if (!strstr(name, " NAME."))
        note_diff(ctx, name, live);
}

static void
diff_tells_what_needs_a_restart(void **state)
{
    CLEANUP_CONF struct conf *a = load("");
    CLEANUP_CONF struct conf *b = load("[ops]\nworkers=4\n[log]\nlevel=debug\n"
                                       "[vm]\nspare_root_ports=8\n");
    char text[200] = "";

    (void)state;
    conf_diff(a, b, note_diff, text);
    assert_string_equal(text, "ops.workers:0 log.level:1 ");
}

static void
named_sections_are_read(void **state)
{
    CLEANUP_CONF struct conf *conf =
        load("[role Watcher]\ngroups = VM_READ\ngroups = HOST_READ\n"
             "[peer engine]\nmatch = cn:engine dns:e.example\n"
             "roles = Watcher@vm:web-*\n[role Other]\ngroups=\n"
             "[role Watcher]\ngroups=AUDIT_READ\n");
    const char *const *groups =
        conf_named_list(conf, CONF_ROLE_GROUPS, "Watcher");
    CLEANUP_FREE char *origin = mem_printf("%s:2", path);

    (void)state;
    assert_string_equal(conf_named(conf, "role", 0), "Watcher");
    assert_string_equal(conf_named(conf, "role", 1), "Other");
    assert_null(conf_named(conf, "role", 2));
    assert_string_equal(groups[0], "VM_READ");
    assert_string_equal(groups[1], "HOST_READ");
    assert_string_equal(groups[2], "AUDIT_READ");
    assert_string_equal(conf_named_origin(conf, CONF_ROLE_GROUPS, "Watcher"),
                        origin);
    assert_string_equal(conf_named_text(conf, CONF_PEER_ROLES, "engine"),
                        "Watcher@vm:web-*");
    assert_null(conf_named_text(conf, CONF_PEER_ROLES, "Watcher"));
    assert_null(conf_named_list(conf, CONF_PEER_ROLES, "nobody"));
}

static void
bad_named_sections_are_refused(void **state)
{
    (void)state;
    refused("[role Watcher]\ngroup=x\n", 2, "one of groups");
    refused("[role]\ngroups=x\n", 2, "role NAME");
    refused("[role ]\ngroups=x\n", 2, "a name of 1 to 40 bytes");
    refused("[role aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\ngroups=x\n", 2,
            "a name of 1 to 40 bytes");
    refused("[peer x]\nmatch=a\xff\n", 2, "peer.match");
}

static void
a_named_section_is_set_and_compared(void **state)
{
    static const char *const sets[] = {"peer a.b.roles=Monitor"};
    CLEANUP_CONF struct conf *a = load("[role x]\ngroups=VM_READ\n"
                                       "[role y]\ngroups=VM_READ\n");
    CLEANUP_CONF struct conf *b = NULL;
    struct err err = ERR_INIT;
    char text[400] = "";

    (void)state;
    unit_write(path, "[role y]\ngroups=HOST_READ\n");
    b = conf_load(path, sets, 1, &err);
    assert_non_null(b);
    conf_diff(a, b, note_diff, text);
    assert_string_equal(text, "role y.groups:1 role x.groups:1 "
                              "peer a.b.match:1 peer a.b.roles:1 ");
}

/* A value that would be cut where the dump is read again. */
static void
a_comment_in_a_value_is_refused(void **state)
{
    static const char *const sets[] = {"tls.crl=/a ;b", "paths.images=;a",
                                       "paths.images=a\t;b"};

    (void)state;
    refused("[paths]\nimages=;/a\n", 2, "begins with ;");
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct err err = ERR_INIT;

        unit_write(path, "");
        assert_null(conf_load(path, &sets[i], 1, &err));
        unit_err(&err, ERR_INVALID, "begins with ;");
    }
}

/* What fn prints; returns owned. */
static char *
printed(void (*fn)(FILE *to))
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    fn(to);
    fclose(to);
    return text;
}

static void
dump_loads_again(void **state)
{
    CLEANUP_CONF struct conf *a = load("[ops]\nworkers=4\n[paths]\nimages=/a\n"
                                       "[role x]\ngroups=VM_READ;\n"
                                       "[peer x]\nmatch=uid:1\n");
    CLEANUP_CONF struct conf *b = NULL;
    CLEANUP_FREE char *text = NULL;
    char differs[400] = "";
    size_t len;
    FILE *to = open_memstream(&text, &len);

    (void)state;
    conf_dump(a, to);
    fclose(to);
    assert_non_null(strstr(text, "# default\n"));
    b = load(text);
    conf_diff(a, b, note_diff, differs);
    assert_string_equal(differs, "");
}

static void
sample_is_current_and_loads(void **state)
{
    CLEANUP_FREE char *text = printed(conf_sample);
    CLEANUP_FREE char *kept = NULL;
    CLEANUP_CONF struct conf *conf = load(text);
    struct err err = ERR_INIT;

    (void)state;
    assert_non_null(conf);
    if (getenv("REGENERATE"))
        unit_write(SAMPLE, text);
    kept = file_read(SAMPLE, 1 << 20, NULL, &err);
    if (!kept || strcmp(kept, text) != 0)
        fail_msg("%s is not what the table prints: run this test with "
                 "REGENERATE=1",
                 SAMPLE);
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
}

static void
sample_with_every_line_set_is_the_default(void **state)
{
    CLEANUP_FREE char *text = printed(conf_sample);
    CLEANUP_CONF struct conf *a = NULL;
    CLEANUP_CONF struct conf *b = load("");
    char differs[400] = "";
    char *to = text;

    (void)state;
    for (char *from = text; *from; from++)
        if (!(*from == '#' && from[1] != ' ' &&
              (from == text || from[-1] == '\n')))
            *to++ = *from;
    *to = '\0';
    a = load(text);
    if (geteuid() == 0) { /* the sample shows the system's folders */
        conf_diff(a, b, note_fixed_diff, differs);
        assert_string_equal(differs, "");
    }
    assert_string_not_equal(conf_origin(a, CONF_LOG_LEVEL), "default");
}

static void
folders_of_root_and_of_users(void **state)
{
    CLEANUP_FREE char *system = folders_expand("$RUN/x.sock", FOLDERS_SYSTEM);
    CLEANUP_FREE char *plain = folders_expand("/a/$RUN", FOLDERS_OURS);
    CLEANUP_FREE char *ours = NULL;

    (void)state;
    assert_string_equal(system, "/run/berth/x.sock");
    assert_string_equal(plain, "/a/$RUN");
    setenv("XDG_STATE_HOME", "/home/u/state", 1);
    ours = folders_expand("$STATE", FOLDERS_OURS);
    assert_string_equal(ours, geteuid() == 0 ? "/var/lib/berth"
                                             : "/home/u/state/berth");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(lists_may_take_several_lines),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(a_named_file_must_exist),
        cmocka_unit_test(sets_win_over_files),
        cmocka_unit_test(bad_sets_are_refused),
        cmocka_unit_test(diff_tells_what_needs_a_restart),
        cmocka_unit_test(named_sections_are_read),
        cmocka_unit_test(bad_named_sections_are_refused),
        cmocka_unit_test(a_named_section_is_set_and_compared),
        cmocka_unit_test(a_comment_in_a_value_is_refused),
        cmocka_unit_test(dump_loads_again),
        cmocka_unit_test(sample_is_current_and_loads),
        cmocka_unit_test(sample_with_every_line_set_is_the_default),
        cmocka_unit_test(folders_of_root_and_of_users),
    };

    unit_folder(root);
    snprintf(path, sizeof(path), "%s/berth.conf", root);
    return CASES(cases);
}
