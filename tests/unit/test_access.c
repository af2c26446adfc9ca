// SPDX-License-Identifier: Apache-2.0
/* Identities, the rules of roles and peers, and what follows from them. */
#include "agent/common/mem.h"
#include "agent/policy/rights.h"
#include "tests/unit/unit.h"

#define PRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define DISK "2b771111-2222-4333-8444-555555555555"
#define VM "11111111-2222-4333-8444-555555555555"
#define OWN 777 /* berthd's uid in these tests */

static struct access *
rules(void)
{
    return access_new(OWN);
}

static void
role(struct access *access, const char *name, const char *groups)
{
    struct err err = ERR_INIT;

    if (access_add_role(access, name, groups, &err) < 0)
        fail_msg("%s", err.message);
}

static void
peer(struct access *access, const char *match, const char *roles)
{
    struct err err = ERR_INIT;

    if (access_add_peer(access, "p", match, roles, &err) < 0)
        fail_msg("%s", err.message);
}

static struct identity *
certificate(const char *cn, const char *dns, const char *uri)
{
    CLEANUP_FREE char *name = mem_printf("cn:%s", cn);
    struct identity *who = identity_new(name);

    identity_add(who, IDENTITY_CN, cn);
    identity_add(who, IDENTITY_SHA256, PRINT);
    if (dns)
        identity_add(who, IDENTITY_DNS, dns);
    if (uri)
        identity_add(who, IDENTITY_URI, uri);
    return who;
}

static struct identity *
unix_peer(unsigned uid, unsigned gid)
{
    CLEANUP_FREE char *name = mem_printf("uid:%u", uid);
    struct identity *who = identity_new(name);

    identity_add_number(who, IDENTITY_UID, uid);
    identity_add_number(who, IDENTITY_GID, gid);
    return who;
}

static void
has(const struct access *access, struct identity *takes, const char *roles)
{
    CLEANUP_IDENTITY struct identity *who = takes;
    CLEANUP_RIGHTS struct rights *rights = rights_of(access, who);
    CLEANUP_BUF struct buf text = BUF_INIT;

    rights_text(rights, &text);
    assert_string_equal(text.data, roles);
}

/* --- identities ---------------------------------------------------------- */

static void
test_identity_has_one_form_of_each_value(void **state)
{
    static const struct {
        enum identity_kind kind;
        const char *given, *kept;
    } rows[] = {
        {IDENTITY_CN, "Engine", "Engine"},
        {IDENTITY_CN, "", NULL},
        {IDENTITY_DNS, "Engine.Example", "engine.example"},
        {IDENTITY_URI, "spiffe://X/y", "spiffe://X/y"},
        {IDENTITY_UID, "0", "0"},
        {IDENTITY_UID, "007", "7"},
        {IDENTITY_UID, "-1", NULL},
        {IDENTITY_UID, "4294967295", NULL},
        {IDENTITY_UID, "99999999999", NULL},
        {IDENTITY_GID, "x", NULL},
        {IDENTITY_GID, " 1", NULL},
        {IDENTITY_SHA256, PRINT, PRINT},
        {IDENTITY_SHA256, PRINT "0", NULL},
        {IDENTITY_SHA256, "00:11", NULL},
        {IDENTITY_SHA256,
         "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:"
         "77:88:99:AA:BB:CC:DD:EE:FF",
         PRINT},
        {IDENTITY_SHA256, "zz" PRINT, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_FREE char *kept = identity_canon(rows[i].kind, rows[i].given);

        if (rows[i].kept)
            assert_string_equal(kept, rows[i].kept);
        else
            assert_null(kept);
    }
    assert_int_equal(identity_kind_parse("cn", 2), IDENTITY_CN);
    assert_int_equal(identity_kind_parse("cnx", 3), -1);
    assert_int_equal(identity_kind_parse("", 0), -1);
}

static void
test_identity_is_counted(void **state)
{
    struct identity *who = certificate("a", NULL, NULL);
    struct identity *same = identity_ref(who);

    (void)state;
    identity_unref(who);
    assert_true(identity_has(same, IDENTITY_CN, "a"));
    assert_false(identity_has(same, IDENTITY_DNS, "a"));
    assert_true(identity_has_certificate(same));
    assert_string_equal(identity_name(same), "cn:a");
    identity_unref(same);
    assert_null(identity_ref(NULL));
    identity_unref(NULL);
}

/* --- roles --------------------------------------------------------------- */

/* What the shipped roles hold, as the manual's table says. */
static void
test_shipped_roles(void **state)
{
    static const struct {
        const char *role, *groups;
    } rows[] = {
        {"Monitor", "VM_READ HOST_READ"},
        {"Operator", "VM_READ VM_OPERATE DISK_ATTACH HOST_READ"},
        {"DataCenterAdmin",
         "VM_READ VM_OPERATE VM_CREATE DISK_ATTACH DISK_CREATE "
         "CONFIGURE_SCSI_GENERIC_IO HOST_READ AUDIT_READ"},
        {"SuperUser",
         "VM_READ VM_OPERATE VM_CREATE DISK_ATTACH DISK_CREATE "
         "CONFIGURE_SCSI_GENERIC_IO HOST_READ HOST_ADMIN AUDIT_READ"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_ACCESS struct access *access = rules();
        CLEANUP_IDENTITY struct identity *who = unix_peer(5, 5);
        CLEANUP_RIGHTS struct rights *rights = NULL;
        CLEANUP_BUF struct buf groups = BUF_INIT;

        peer(access, "uid:5", rows[i].role);
        rights = rights_of(access, who);
        for (enum access_group g = 0; g < ACCESS_GROUPS; g++)
            if (rights_allow(rights, g, NULL))
                buf_printf(&groups, "%s%s", groups.len ? " " : "",
                           access_group_name(g));
        assert_string_equal(groups.data, rows[i].groups);
    }
}

static void
test_groups_have_names(void **state)
{
    (void)state;
    for (enum access_group g = 0; g < ACCESS_GROUPS; g++)
        assert_int_equal(access_group_parse(access_group_name(g)), g);
    assert_int_equal(access_group_parse("vm_read"), -1);
    assert_int_equal(access_group_parse(NULL), -1);
}

static void
test_who_has_a_group(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();
    CLEANUP_BUF struct buf text = BUF_INIT;

    (void)state;
    role(access, "LunKeeper", "CONFIGURE_SCSI_GENERIC_IO");
    access_roles_with(access, ACCESS_CONFIGURE_SCSI_GENERIC_IO, &text);
    assert_string_equal(text.data, "SuperUser, DataCenterAdmin, LunKeeper");
}

/* --- whom rules match ---------------------------------------------------- */

static void
test_any_fact_matches(void **state)
{
    static const char *const matches[] = {
        "cn:Engine%20One",
        "dns:E.example",
        "uri:spiffe://x/e",
        "sha256:" PRINT,
        "cn:other, sha256:" PRINT,
        "uid:5 cn:Engine%20One",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        CLEANUP_ACCESS struct access *access = rules();

        peer(access, matches[i], "Monitor");
        has(access, certificate("Engine One", "e.EXAMPLE", "spiffe://x/e"),
            "Monitor");
        has(access, certificate("e.example", NULL, NULL),
            i == 3 || i == 4 ? "Monitor" : "none");
    }
}

static void
test_unix_peers(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();

    (void)state;
    peer(access, "uid:5", "Monitor");
    peer(access, "gid:50", "Operator");
    has(access, unix_peer(5, 1), "Monitor");
    has(access, unix_peer(6, 50), "Operator");
    has(access, unix_peer(5, 50), "Monitor, Operator");
    has(access, unix_peer(50, 5), "none");
    has(access, unix_peer(0, 9), "SuperUser");
    has(access, unix_peer(OWN, 9), "SuperUser");
    has(access, identity_new("uid:0"), "none"); /* a name is no fact */
    has(access, NULL, "none");
}

/* Without TLS nothing is known of a peer: as of an unknown certificate. */
static void
test_plain_peers(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();
    struct err err = ERR_INIT;

    (void)state;
    has(access, identity_new("plain:127.0.0.1"), "none");
    assert_int_equal(access_set_default(access, "Monitor", &err), 0);
    has(access, identity_new("plain:127.0.0.1"), "Monitor");
    has(access, unix_peer(5, 1), "none");
}

/* A certificate whose name looks like a uid is none. */
static void
test_a_certificate_is_no_uid(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();

    (void)state;
    peer(access, "uid:5", "SuperUser");
    has(access, certificate("uid:5", "0", "0"), "none");
    has(access, certificate("0", NULL, NULL), "none");
}

static void
test_default_is_for_certificates_that_nothing_matches(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();
    struct err err = ERR_INIT;

    (void)state;
    assert_false(access_serves_tls(access));
    peer(access, "uid:5", "Monitor");
    assert_false(access_serves_tls(access));
    assert_int_equal(access_set_default(access, "Monitor", &err), 0);
    assert_true(access_serves_tls(access));
    peer(access, "cn:out", "");
    peer(access, "cn:in", "Operator");
    has(access, certificate("any", NULL, NULL), "Monitor");
    has(access, certificate("in", NULL, NULL), "Operator");
    has(access, certificate("out", NULL, NULL), "none");
    has(access, unix_peer(6, 6), "none");
    assert_int_equal(access_set_default(access, "", &err), 0);
    assert_true(access_serves_tls(access));
    has(access, certificate("any", NULL, NULL), "none");
}

/* --- objects ------------------------------------------------------------- */

static void
test_limits(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();
    CLEANUP_IDENTITY struct identity *who = unix_peer(5, 5);
    CLEANUP_RIGHTS struct rights *rights = NULL;
    const struct access_object web = {VM, "web-1", NULL};
    const struct access_object db = {"9" VM, "db-1", NULL};
    const struct access_object disk = {"9" VM, "db-1", DISK};
    const struct access_object other = {"9" VM, "db-1", "3" DISK};
    const struct access_object unnamed = {NULL, "", ""};

    (void)state;
    peer(access, "uid:5", "Operator@vm:web-*, DataCenterAdmin@disk:" DISK);
    rights = rights_of(access, who);
    assert_true(rights_allow(rights, ACCESS_VM_OPERATE, &web));
    assert_false(rights_allow(rights, ACCESS_VM_OPERATE, &db));
    assert_false(rights_allow(rights, ACCESS_VM_OPERATE, NULL));
    assert_false(rights_allow(rights, ACCESS_VM_OPERATE, &unnamed));
    /* The host is no VM: a limited role says nothing of it. */
    assert_false(rights_allow(rights, ACCESS_HOST_READ, NULL));
    assert_true(rights_allow(rights, ACCESS_DISK_ATTACH, &disk));
    assert_false(rights_allow(rights, ACCESS_DISK_ATTACH, &other));
    assert_true(rights_allow(rights, ACCESS_CONFIGURE_SCSI_GENERIC_IO, &disk));
    assert_false(
        rights_allow(rights, ACCESS_CONFIGURE_SCSI_GENERIC_IO, &web));
    assert_true(rights_possible(rights, ACCESS_DISK_CREATE, &web));
    assert_false(rights_possible(rights, ACCESS_HOST_ADMIN, &web));
    assert_true(rights_anywhere(rights, ACCESS_AUDIT_READ));
    assert_false(rights_anywhere(rights, ACCESS_HOST_ADMIN));
}

static void
test_limit_by_uuid_and_beside_others(void **state)
{
    CLEANUP_ACCESS struct access *access = rules();
    CLEANUP_IDENTITY struct identity *who = unix_peer(5, 5);
    CLEANUP_RIGHTS struct rights *rights = NULL;
    const struct access_object one = {VM, "x", NULL};
    const struct access_object two = {"9" VM, "x", NULL};

    (void)state;
    peer(access, "uid:5", "Operator@vm:" VM);
    peer(access, "gid:5", "Monitor");
    rights = rights_of(access, who);
    assert_true(rights_allow(rights, ACCESS_VM_OPERATE, &one));
    assert_false(rights_allow(rights, ACCESS_VM_OPERATE, &two));
    assert_true(rights_allow(rights, ACCESS_VM_READ, &two));
    assert_true(rights_allow(rights, ACCESS_HOST_READ, NULL));
    assert_false(rights_possible(rights, ACCESS_VM_OPERATE, &two));
}

/* --- refused ------------------------------------------------------------- */

static void
test_rules_that_are_refused(void **state)
{
    static const struct {
        const char *match, *roles, *part;
    } peers[] = {
        {"", "Monitor", "who it is"},
        {"engine", "Monitor", "match: \"engine\""},
        {"cn:", "Monitor", "match: \"cn:\""},
        {"cn:a b", "Monitor", "match: \"b\""},
        {"cn:a%2", "Monitor", "%20 for a blank"},
        {"cn:a%00", "Monitor", "%20 for a blank"},
        {"user:root", "Monitor", "match: \"user:root\""},
        {"uid:root", "Monitor", "match: \"uid:root\""},
        {"sha256:12", "Monitor", "64 DIGITS"},
        {"cn:a", "Monitr", "roles: \"Monitr\""},
        {"cn:a", "Monitor@web", "ROLE@vm:"},
        {"cn:a", "Monitor@vm:", "ROLE@vm:"},
        {"cn:a", "Monitor@disk:", "ROLE@disk:"},
        {"cn:a", "@vm:x", "roles: \"@vm:x\""},
    };
    static const struct {
        const char *name, *groups, *part;
    } roles[] = {
        {"SuperUser", "", "a name that no other role has"},
        {"a b", "", "1..64 letters"},
        {"a@b", "", "1..64 letters"},
        {"", "", "1..64 letters"},
        {"X", "VM_READ, VM_WRITE", "groups: \"VM_WRITE\""},
    };
    CLEANUP_ACCESS struct access *access = rules();
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        assert_int_equal(access_add_peer(access, "p", peers[i].match,
                                         peers[i].roles, &err),
                         -1);
        unit_err(&err, ERR_INVALID, peers[i].part);
    }
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        assert_int_equal(access_add_role(access, roles[i].name,
                                         roles[i].groups, &err),
                         -1);
        unit_err(&err, ERR_INVALID, roles[i].part);
    }
    role(access, "X", "");
    assert_int_equal(access_add_role(access, "X", "", &err), -1);
    assert_int_equal(access_set_default(access, "Nobody", &err), -1);
    unit_err(&err, ERR_INVALID, "tls_default_role");
    assert_int_equal(access->npeers, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity_has_one_form_of_each_value),
        cmocka_unit_test(test_identity_is_counted),
        cmocka_unit_test(test_shipped_roles),
        cmocka_unit_test(test_groups_have_names),
        cmocka_unit_test(test_who_has_a_group),
        cmocka_unit_test(test_any_fact_matches),
        cmocka_unit_test(test_unix_peers),
        cmocka_unit_test(test_plain_peers),
        cmocka_unit_test(test_a_certificate_is_no_uid),
        cmocka_unit_test(test_default_is_for_certificates_that_nothing_matches),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limit_by_uuid_and_beside_others),
        cmocka_unit_test(test_rules_that_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
