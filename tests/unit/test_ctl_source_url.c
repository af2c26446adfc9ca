// SPDX-License-Identifier: Apache-2.0
/* Sources as one word: into members, back into the word, and refused. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/ctl/source_url.h"

static void
there_and_back(void **state)
{
    static const char *const all[][2] = {
        {"iscsi://192.0.2.5:3261/iqn.2026-01.org.example:a/7",
         "{\"type\":\"iscsi\",\"host\":\"192.0.2.5\",\"port\":3261,\"iqn\":"
         "\"iqn.2026-01.org.example:a\",\"lun\":7}"},
        {"iscsi://[2001:db8::5]/iqn.x/0",
         "{\"type\":\"iscsi\",\"host\":\"2001:db8::5\",\"iqn\":\"iqn.x\","
         "\"lun\":0}"},
        {"nbd://store/a/b",
         "{\"type\":\"nbd\",\"host\":\"store\",\"export\":\"a/b\"}"},
        {"nbd://store:10810/",
         "{\"type\":\"nbd\",\"host\":\"store\",\"port\":10810}"},
        {"rbd:vms/a", "{\"type\":\"rbd\",\"pool\":\"vms\",\"image\":\"a\"}"},
        {"volume:default/a.qcow2",
         "{\"type\":\"volume\",\"pool\":\"default\",\"volume\":\"a.qcow2\"}"},
        {"/images/a", "{\"path\":\"/images/a\",\"type\":\"file\"}"},
        {"/dev/sdb", "{\"path\":\"/dev/sdb\",\"type\":\"block\"}"},
        {"/dev/shm/a", "{\"path\":\"/dev/shm/a\",\"type\":\"file\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_JSON json_t *source = json_object();
        CLEANUP_BUF struct buf word = BUF_INIT;
        struct err err = ERR_INIT;
        CLEANUP_TEXT char *text = NULL;

        if (source_url_read(all[i][0], source, &err) < 0)
            fail_msg("%s", err.message);
        text = json_text(source, NULL);
        assert_string_equal(text, all[i][1]);
        source_url_print(source, &word);
        assert_string_equal(word.data, all[i][0]);
    }
}

static void
refused(void **state)
{
    static const char *const bad[] = {
        "iscsi://h/iqn.x",  "iscsi://h/iqn.x/",    "iscsi://h/iqn.x/one",
        "iscsi:///iqn.x/1", "iscsi://h:x/iqn.x/1", "nbd://h",
        "rbd:image",        "volume:pool/",        "iscsi://[::1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP_JSON json_t *source = json_object();
        struct err err = ERR_INIT;

        assert_int_equal(source_url_read(bad[i], source, &err), -1);
        unit_err(&err, ERR_INVALID, "is not of the form");
    }
}

/* What a foreign disk has, and none at all. */
static void
other_sources(void **state)
{
    CLEANUP_JSON json_t *source = json_object();
    CLEANUP_BUF struct buf word = BUF_INIT;

    (void)state;
    source_url_print(NULL, &word);
    assert_string_equal(word.data ? word.data : "", "");
    json_put_text(source, "type", "other");
    source_url_print(source, &word);
    assert_string_equal(word.data, "other");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(refused),
        cmocka_unit_test(other_sources),
    };

    return cmocka_run_group_tests_name("source_url", tests, NULL, NULL);
}
