// SPDX-License-Identifier: Apache-2.0
/*
 * Each row of disk_rules.def: a disk of its kind and interface that breaks it
 * is refused with what the row says, each of its words is taken. What the
 * rows leave open is taken, and the defaults keep the rows.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/spec/disk_rule.h"

/* A value that breaks a row which allows none, or a word of another kind. */
static const struct sample {
    const char *field;
    const char *value;
} samples[] = {
    {"interface", "'ide'"},
    {"source.type", "'nbd'"},
    {"source.format", "'qcow2'"},
    {"size", "1048576"},
    {"read_only", "true"},
    {"serial", "'s-1'"},
    {"wwn", "'5000c500a0b1c2d3'"},
    {"cache", "'writeback'"},
    {"io", "'threads'"},
    {"discard", "'unmap'"},
    {"error_policy", "'ignore'"},
    {"iotune", "{'total_iops_sec':5}"},
    {"iothread", "1"},
    {"sgio", "'filtered'"},
    {"rawio", "true"},
    {"reservations", "true"},
};

static const char *
sample(const char *field)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
        if (strcmp(samples[i].field, field) == 0)
            return samples[i].value;
    fail_msg("there is no sample for a rule of field %s", field);
    return NULL;
}

/* JSON text, ' standing for ". */
static json_t *
value_of(const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);
    struct err err = ERR_INIT;
    json_t *value;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    value = json_parse(json, strlen(json), NULL, &err);
    if (!value)
        fail_msg("%s: %s", text, err.message);
    return value;
}

static json_t *
source_of(const char *type)
{
    static const char *const texts[] = {
        "{'type':'block','path':'/dev/x'}",
        "{'type':'file','path':'/x'}",
        "{'type':'iscsi','host':'h','iqn':'iqn.x','lun':1}",
        "{'type':'nbd','host':'h'}",
        "{'type':'rbd','pool':'p','image':'i'}",
        "{'type':'volume','pool':'p','volume':'v'}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP_JSON json_t *source = value_of(texts[i]);

        if (strcmp(json_get_text(source, "type", ""), type) == 0)
            return json_incref(source);
    }
    fail_msg("no source of type %s", type);
    return NULL;
}

/* The plainest disk that this row speaks of. */
static json_t *
plain(const struct disk_rule *rule)
{
    enum disk_kind kind =
        rule->kind == DISK_RULE_ANY ? DISK_IMAGE : (enum disk_kind)rule->kind;
    enum disk_interface iface =
        rule->interface != DISK_RULE_ANY ? (enum disk_interface)rule->interface
        : kind == DISK_CDROM             ? DISK_SATA
                                         : DISK_VIRTIO_SCSI;
    json_t *obj = json_object();

    /* Only a cdrom may sit on ide at all. */
    if (iface == DISK_IDE && rule->kind == DISK_RULE_ANY)
        kind = DISK_CDROM;
    json_put_text(obj, "kind", disk_kind_name(kind));
    json_put_text(obj, "interface", disk_interface_name(iface));
    json_put(obj, "source", source_of(kind == DISK_LUN ? "block" : "file"));
    return obj;
}

static void
set(json_t *obj, const char *field, json_t *value /* takes */)
{
    if (strcmp(field, "source.type") == 0) {
        json_put(obj, "source", source_of(json_string_value(value)));
        json_decref(value);
    } else if (strcmp(field, "source.format") == 0) {
        json_put(json_object_get(obj, "source"), "format", value);
    } else {
        json_put(obj, field, value);
    }
}

static void
breaks(const struct disk_rule *rule)
{
    CLEANUP_JSON json_t *obj = plain(rule);
    const char *text = sample(rule->field);
    struct err err = ERR_INIT;
    CLEANUP_DISK struct disk *disk = NULL;

    if (strcmp(rule->field, "interface") == 0 && rule->kind == DISK_CDROM)
        text = "'virtio'";
    set(obj, rule->field, value_of(text));
    disk = disk_from_json(obj, "disk.", &err);
    if (disk)
        fail_msg("a row of %s was not kept: %s", rule->field, rule->expected);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param + strlen("disk."), rule->field);
    assert_string_equal(err.expected, rule->expected);
}

static void
takes_words(const struct disk_rule *rule)
{
    for (const char *at = rule->words; at && *at;) {
        size_t len = strcspn(at, "|");
        CLEANUP_FREE char *word = mem_ndup(at, len);
        CLEANUP_JSON json_t *obj = plain(rule);
        struct err err = ERR_INIT;
        CLEANUP_DISK struct disk *disk = NULL;

        set(obj, rule->field, json_string(word));
        disk = disk_from_json(obj, "disk.", &err);
        if (!disk)
            fail_msg("%s %s: %s", rule->field, word, err.message);
        at += len + (at[len] == '|');
    }
}

static void
each_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < disk_nrules; i++) {
        breaks(&disk_rules[i]);
        takes_words(&disk_rules[i]);
    }
}

/* The matrix's other half: what no row forbids is taken. */
static void
what_is_left_open(void **state)
{
    static const char *const good[] = {
        "{'kind':'lun','shareable':true,'boot_order':1,'sgio':'unfiltered',"
        "'rawio':true,'reservations':true,'error_policy':'report'}",
        "{'kind':'lun','sgio':'filtered','cache':'none'}",
        "{'interface':'virtio','iothread':1,'read_only':true,'serial':'a',"
        "'discard':'ignore','iotune':{'total_iops_sec':1}}",
        "{'wwn':'5000c500a0b1c2d3','error_policy':'ignore'}",
        "{'interface':'sata','cache':'unsafe'}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP_JSON json_t *obj = value_of(good[i]);
        struct err err = ERR_INIT;
        CLEANUP_DISK struct disk *disk = NULL;

        json_put(obj, "source", source_of("block"));
        disk = disk_from_json(obj, "", &err);
        if (!disk)
            fail_msg("%s: %s", good[i], err.message);
    }
}

static void
defaults_keep_the_rows(void **state)
{
    CLEANUP_JSON json_t *obj = value_of("{'kind':'lun'}");
    struct err err = ERR_INIT;
    CLEANUP_DISK struct disk *lun = NULL;

    (void)state;
    json_put(obj, "source", source_of("iscsi"));
    lun = disk_from_json(obj, "", &err);
    assert_non_null(lun);
    assert_null(lun->serial);
    assert_null(lun->io);
    assert_null(lun->discard);
    assert_string_equal(lun->cache, "none");
    assert_string_equal(lun->error_policy, "stop");
    assert_string_equal(lun->format, "raw");
    assert_string_equal(lun->path, "iscsi://h:3260/iqn.x/1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row),
        cmocka_unit_test(what_is_left_open),
        cmocka_unit_test(defaults_keep_the_rows),
    };

    return cmocka_run_group_tests_name("disk_rule", tests, NULL, NULL);
}
