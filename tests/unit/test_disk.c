// SPDX-License-Identifier: Apache-2.0
/* Disks: defaults, the rules between fields, there and back, differences. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/spec/disk.h"

#define ID "11111111-1111-4111-8111-111111111111"
#define FILE_SOURCE "\"source\":{\"type\":\"file\",\"path\":\"/a.raw\"}"

static struct disk *
try(const char *json, struct err *err)
{
    CLEANUP_JSON json_t *obj = json_parse(json, strlen(json), NULL, NULL);

    if (!obj)
        fail_msg("bad JSON in the test: %s", json);
    return disk_from_json(obj, "disk.", err);
}

static struct disk *
wish(const char *json)
{
    struct err err = ERR_INIT;
    struct disk *disk = try(json, &err);

    if (!disk)
        fail_msg("%s: %s", json, err.message);
    return disk;
}

/* fields: what follows disk_id and source in the object. */
static void
refuses(const char *fields, const char *param)
{
    CLEANUP_FREE char *json =
        mem_printf("{\"disk_id\":\"" ID "\"," FILE_SOURCE ",%s}", fields);
    struct err err = ERR_INIT;
    CLEANUP_DISK struct disk *disk = try(json, &err);

    if (disk)
        fail_msg("%s was taken", json);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param, param);
}

static void
takes(const char *fields)
{
    CLEANUP_FREE char *json = mem_printf("{" FILE_SOURCE ",%s}", fields);
    CLEANUP_DISK struct disk *disk = wish(json);

    assert_int_equal(strlen(disk->id), UUID_TEXT - 1);
}

static void
defaults_of_an_image(void **state)
{
    CLEANUP_DISK struct disk *d =
        wish("{\"disk_id\":\"" ID "\"," FILE_SOURCE "}");
    CLEANUP_DISK struct disk *back =
        wish("{" FILE_SOURCE ",\"cache\":\"writeback\"}");

    (void)state;
    assert_int_equal(d->kind, DISK_IMAGE);
    assert_string_equal(disk_bus(d), "scsi");
    assert_string_equal(d->alias, "ua-" ID);
    assert_string_equal(d->serial, ID);
    assert_string_equal(d->format, "raw");
    assert_string_equal(d->cache, "none");
    assert_string_equal(d->io, "native");
    assert_string_equal(d->discard, "unmap");
    assert_string_equal(d->error_policy, "stop");
    assert_true(d->wanted);
    assert_false(d->read_only);
    assert_null(back->io);
    assert_string_not_equal(back->id, d->id);
}

static void
defaults_of_a_cdrom(void **state)
{
    CLEANUP_DISK struct disk *d =
        wish("{\"kind\":\"cdrom\",\"source\":null,\"plugged\":false}");

    (void)state;
    assert_int_equal(d->source_type, DISK_SOURCE_NONE);
    assert_int_equal(d->interface, DISK_SATA);
    assert_true(d->read_only);
    assert_null(d->serial);
    assert_null(d->cache);
    assert_null(d->format);
    assert_false(d->wanted);
}

static void
rules(void **state)
{
    (void)state;
    takes("\"interface\":\"virtio\",\"iothread\":1,\"read_only\":true");
    takes("\"shareable\":true,\"wwn\":\"5000C500a0b1c2d3\"");
    takes("\"interface\":\"virtio\",\"address\":{\"type\":\"pci\",\"bus\":3,"
          "\"slot\":0}");
    takes("\"cache\":\"directsync\",\"io\":\"native\",\"size\":512");
    refuses("\"interface\":\"ide\"", "disk.interface");
    refuses("\"interface\":\"other\"", "disk.interface");
    refuses("\"interface\":\"virtio\",\"kind\":\"cdrom\"", "disk.interface");
    refuses("\"kind\":\"cdrom\",\"read_only\":false", "disk.read_only");
    refuses("\"kind\":\"cdrom\",\"size\":512", "disk.size");
    refuses("\"interface\":\"sata\",\"read_only\":true", "disk.read_only");
    refuses("\"shareable\":true,\"cache\":\"directsync\"", "disk.shareable");
    refuses("\"cache\":\"default\",\"io\":\"native\"", "disk.io");
    refuses("\"boot_order\":0", "disk.boot_order");
    refuses("\"boot_order\":1001", "disk.boot_order");
    refuses("\"serial\":\"0123456789012345678901234567890123456\"",
            "disk.serial");
    refuses("\"serial\":\"<\"", "disk.serial");
    refuses("\"wwn\":\"5000c500a0b1c2d\"", "disk.wwn");
    refuses("\"wwn\":\"5000c500a0b1c2dg\"", "disk.wwn");
    refuses("\"wwn\":\"5000c500a0b1c2d3\",\"interface\":\"sata\"", "disk.wwn");
    refuses("\"iothread\":1", "disk.iothread");
    refuses("\"iotune\":{\"total_iops_sec\":1,\"write_iops_sec\":1}",
            "disk.iotune.total_iops_sec");
    refuses("\"iotune\":{\"iops\":1}", "disk.iotune.iops");
    refuses("\"iotune\":{\"total_iops_sec\":-1}", "disk.iotune.total_iops_sec");
    refuses("\"interface\":\"virtio\",\"address\":{\"type\":\"drive\","
            "\"unit\":0}",
            "disk.address.type");
    refuses("\"interface\":\"sata\",\"address\":{\"type\":\"drive\","
            "\"unit\":6}",
            "disk.address");
    refuses("\"address\":{\"type\":\"drive\",\"unit\":0,\"bus\":1}",
            "disk.address");
    refuses("\"address\":{\"type\":\"drive\",\"unit\":0,\"lun\":1}",
            "disk.address.lun");
    refuses("\"sgio\":\"filtered\"", "disk.sgio");
    refuses("\"size\":1000", "disk.size");
}

static void
source_rules(void **state)
{
    static const char *const bad[][2] = {
        {"{}", "disk.source"},
        {"{\"source\":null}", "disk.source"},
        {"{\"source\":\"/a\"}", "disk.source"},
        {"{\"source\":{\"type\":\"file\"}}", "disk.source.path"},
        {"{\"source\":{\"path\":\"/a\"}}", "disk.source.type"},
        {"{\"source\":{\"type\":\"iscsi\",\"path\":\"/a\"}}",
         "disk.source.path"},
        {"{\"source\":{\"type\":\"none\"}}", "disk.source.type"},
        {"{\"source\":{\"type\":\"file\",\"path\":\"/a\",\"format\":\"vdi\"}}",
         "disk.source.format"},
        {"{\"source\":{\"type\":\"block\",\"path\":\"/a\",\"format\":"
         "\"qcow2\"}}",
         "disk.source.format"},
        {"{\"source\":{\"type\":\"file\",\"path\":\"/a\",\"x\":1}}",
         "disk.source.x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = ERR_INIT;
        CLEANUP_DISK struct disk *disk = try(bad[i][0], &err);

        assert_null(disk);
        assert_string_equal(err.param, bad[i][1]);
    }
    assert_null(disk_from_json(NULL, "disk.", NULL));
}

/* What is returned can be sent back, and what is recorded is read again. */
static void
json_there_and_back(void **state)
{
    CLEANUP_DISK struct disk *disk = wish(
        "{\"disk_id\":\"" ID "\",\"source\":{\"type\":\"block\",\"path\":"
        "\"/dev/<&\\\"']]>\"},\"boot_order\":7,\"iotune\":{\"total_bytes_sec\":"
        "1000000000000000},\"wwn\":\"5000c500a0b1c2d3\",\"address\":{\"type\":"
        "\"drive\",\"controller\":2,\"bus\":0,\"target\":255,\"unit\":16383}}");
    CLEANUP_JSON json_t *first = NULL, *second = NULL, *third = NULL;
    CLEANUP_DISK struct disk *again = NULL, *record = NULL;
    struct err err = ERR_INIT;

    (void)state;
    disk->target = mem_dup("sdc");
    disk->state = DISK_UNPLUG_PENDING;
    first = disk_to_json(disk, "9c1f");
    again = disk_from_json(first, "", &err);
    if (!again)
        fail_msg("%s", err.message);
    again->target = mem_dup("sdc");
    again->state = DISK_UNPLUG_PENDING;
    second = disk_to_json(again, "9c1f");
    assert_true(json_equal(first, second));
    record = disk_from_record(first, &err);
    third = disk_to_json(record, "9c1f");
    assert_true(json_equal(first, third));
}

static void
records(void **state)
{
    const char *foreign =
        "{\"disk_id\":\"" ID "\",\"kind\":\"lun\",\"interface\":\"other\","
        "\"source\":{\"type\":\"other\"},\"serial\":\"any thing\","
        "\"alias\":\"scsi0-0-0-0\",\"state\":\"plugged\"}";
    static const char *const damaged[] = {
        "[]", "{}", "{\"disk_id\":\"x\"}",
        "{\"disk_id\":\"" ID "\",\"kind\":\"tape\"}",
        "{\"disk_id\":\"" ID "\",\"address\":{\"type\":\"drive\"}}"};
    CLEANUP_JSON json_t *obj = json_parse(foreign, strlen(foreign), NULL, NULL);
    CLEANUP_DISK struct disk *disk = disk_from_record(obj, NULL);
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(disk->kind, DISK_LUN);
    assert_int_equal(disk->interface, DISK_OTHER_BUS);
    assert_string_equal(disk->alias, "scsi0-0-0-0");
    assert_int_equal(disk_check(disk, "", &err), -1);
    unit_err(&err, ERR_INVALID, "interface");
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        CLEANUP_JSON json_t *bad =
            json_parse(damaged[i], strlen(damaged[i]), NULL, NULL);

        assert_null(disk_from_record(bad, &err));
        assert_int_equal(err.kind, ERR_INTERNAL);
    }
}

static struct disk *
through_xml(const struct disk *disk)
{
    CLEANUP_FREE char *xml = disk_xml(disk);
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), NULL);

    assert_non_null(doc);
    return disk_from_xml(xml_root(doc));
}

static void
xml_there_and_back(void **state)
{
    static const char *const all[] = {
        "{" FILE_SOURCE ",\"read_only\":true,\"shareable\":true,"
        "\"boot_order\":3,\"iotune\":{\"read_iops_sec\":5},\"address\":{"
        "\"type\":\"drive\",\"controller\":1,\"target\":200,\"unit\":9000}}",
        "{" FILE_SOURCE ",\"interface\":\"virtio\",\"iothread\":2,"
        "\"address\":{\"type\":\"pci\",\"bus\":31,\"slot\":0}}",
        "{\"source\":{\"type\":\"block\",\"path\":\"/dev/<&\\\"']]>ü\"}}",
        "{\"kind\":\"cdrom\"}",
        "{\"kind\":\"cdrom\",\"interface\":\"ide\"," FILE_SOURCE "}"};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_DISK struct disk *disk = wish(all[i]);
        CLEANUP_DISK struct disk *seen = NULL;
        CLEANUP_JSON json_t *want = NULL, *have = NULL;

        disk->target = mem_dup("sda");
        disk->state = DISK_PLUGGED;
        seen = through_xml(disk);
        assert_null(disk_mismatch(disk, seen));
        want = disk_to_json(disk, NULL);
        have = disk_to_json(seen, NULL);
        assert_true(json_equal(want, have));
    }
}

static void
foreign_xml(void **state)
{
    static const struct {
        const char *xml, *id;
        enum disk_source_type source;
        enum disk_interface interface;
    } all[] = {
        {"<disk/>", "", DISK_SOURCE_NONE, DISK_OTHER_BUS},
        {"<disk type='volume' device='lun'><target bus='scsi'/><alias "
         "name='ua-my-disk'/></disk>",
         "", DISK_SOURCE_NONE, DISK_VIRTIO_SCSI},
        {"<disk type='network'><source protocol='rbd' name='p/i'><snapshot "
         "name='s'/></source><target bus='scsi'/></disk>",
         "", DISK_SOURCE_OTHER, DISK_VIRTIO_SCSI},
        {"<disk type='network'><source protocol='nbd' name='e'><host "
         "transport='unix' socket='/s'/></source><target bus='scsi'/></disk>",
         "", DISK_SOURCE_OTHER, DISK_VIRTIO_SCSI},
        {"<disk type='network'><source protocol='iscsi' name='iqn.x/1x'><host "
         "name='h'/></source><target bus='scsi'/></disk>",
         "", DISK_SOURCE_OTHER, DISK_VIRTIO_SCSI},
        {"<disk type='file' device='floppy'><target bus='fdc'/><alias "
         "name='ua-1111'/><boot order='-1'/><driver iothread='-5'/></disk>",
         "", DISK_SOURCE_NONE, DISK_OTHER_BUS},
        {"<disk type='block'><source dev='/x'/><target bus='usb'/><alias "
         "name='ua-11111111-1111-4111-8111-11111111111A'/></disk>",
         "11111111-1111-4111-8111-11111111111a", DISK_SOURCE_BLOCK,
         DISK_OTHER_BUS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_XML xmlDocPtr doc =
            xml_parse(all[i].xml, strlen(all[i].xml), NULL);
        CLEANUP_DISK struct disk *disk = disk_from_xml(xml_root(doc));

        assert_string_equal(disk->id, all[i].id);
        assert_int_equal(disk->source_type, all[i].source);
        assert_int_equal(disk->interface, all[i].interface);
        assert_int_equal(disk->boot_order, 0);
        assert_int_equal(disk->iothread, 0);
    }
}

static void
expect_mismatch(const struct disk *planned, const struct disk *seen,
                const char *words)
{
    CLEANUP_FREE char *text = disk_mismatch(planned, seen);

    assert_string_equal(text, words);
}

static void
mismatches(void **state)
{
    CLEANUP_DISK struct disk *planned =
        wish("{\"disk_id\":\"" ID "\"," FILE_SOURCE
             ",\"address\":{\"type\":\"drive\",\"unit\":2}}");
    CLEANUP_DISK struct disk *seen = disk_copy(planned);

    (void)state;
    assert_null(disk_mismatch(planned, seen));
    seen->read_only = true;
    expect_mismatch(planned, seen, "read_only is true, planned false");
    seen->address.drive.unit = 3;
    expect_mismatch(planned, seen, "address is 0:0:0:3, planned 0:0:0:2");
    seen->address.type = ADDRESS_NONE;
    expect_mismatch(planned, seen, "address is none, planned 0:0:0:2");
    seen->path[1] = 'b';
    expect_mismatch(planned, seen, "source is /b.raw, planned /a.raw");
    seen->interface = DISK_SATA;
    expect_mismatch(planned, seen, "interface is sata, planned virtio_scsi");
    free(STEAL(seen->alias));
    expect_mismatch(planned, seen, "alias is none, planned ua-" ID);
}

static void
target_names(void **state)
{
    static const struct {
        unsigned n;
        const char *name;
    } all[] = {{0, "sda"},     {25, "sdz"},    {26, "sdaa"},
               {701, "sdzz"},  {702, "sdaaa"}, {18277, "sdzzz"},
               {18278, "sdaaaa"}};
    const char *taken[] = {"vda", "sdb", NULL, "sda", "sdzzzzzzzz", "sd1",
                           "sdd", "sda"};
    char name[16];

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        disk_target_name(DISK_VIRTIO_SCSI, all[i].n, name);
        assert_string_equal(name, all[i].name);
    }
    disk_target_pick(DISK_SATA, taken, 8, name);
    assert_string_equal(name, "sdc");
    disk_target_pick(DISK_VIRTIO, taken, 8, name);
    assert_string_equal(name, "vdb");
    disk_target_pick(DISK_IDE, NULL, 0, name);
    assert_string_equal(name, "hda");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(defaults_of_an_image),
        cmocka_unit_test(defaults_of_a_cdrom),
        cmocka_unit_test(rules),
        cmocka_unit_test(source_rules),
        cmocka_unit_test(json_there_and_back),
        cmocka_unit_test(records),
        cmocka_unit_test(xml_there_and_back),
        cmocka_unit_test(foreign_xml),
        cmocka_unit_test(mismatches),
        cmocka_unit_test(target_names),
    };

    return CASES(cases);
}
