// SPDX-License-Identifier: Apache-2.0
/*
 * Documents about one device: what is kept, what is put right, what is
 * refused; the older dictionary of a drive; and the engine's metadata.
 */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/spec/engine.h"
#include "agent/spec/ovirt.h"

#define ID(id) "11111111-0000-0000-0000-00000000000" id

static void
warns(const json_t *warnings, const char *part)
{
    CLEANUP_FREE char *text = json_text(warnings, NULL);

    if (part ? !strstr(text, part) : json_array_size(warnings) > 0)
        fail_msg("'%s' is not as expected in %s", part ? part : "(nothing)",
                 text);
}

/* --- disks ---------------------------------------------------------------- */

#define PLUG(disk, meta)                                                       \
    "<x><devices>" disk "</devices><metadata xmlns:o='" OVIRT_VM_URI "'>"      \
    "<o:vm>" meta "</o:vm></metadata></x>"

static struct disk *
read_disk(const char *xml, json_t **warnings)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        engine_plug_read(xml, "disk", &err);
    struct disk *disk = plug ? engine_plug_disk(plug, &err) : NULL;

    if (!disk)
        fail_msg("%s", err.message);
    *warnings = json_incref(plug->warnings);
    return disk;
}

/* Whatever berth has no field for is in what is plugged. */
static void
nothing_lost(void **state)
{
    static const char *const kept[] = {
        "rawio=\"yes\"", "model=\"virtio-transitional\"", "<vendor>V</vendor>",
        "<product>P</product>", "logical_block_size=\"512\"",
        "detect_zeroes=\"unmap\"", "queues=\"4\"", "copy_on_read=\"on\"",
        "<encryption", "rotation_rate=\"1\"", "group_name", "<shareable/>",
        "<wwn>5000c50015ea71aa</wwn>", "snapshot=\"no\"",
        "<total_bytes_sec_max>9</total_bytes_sec_max>"};
    CLEANUP_JSON json_t *warnings = NULL;
    CLEANUP_DISK struct disk *disk = read_disk(
        PLUG("<disk type='file' device='disk' rawio='yes' snapshot='no' "
             "model='virtio-transitional'><source file='/i/1'>"
             "<encryption format='luks'><secret type='passphrase' "
             "uuid='aaaaaaaa-0000-0000-0000-000000000001'/></encryption>"
             "</source><driver name='qemu' type='raw' detect_zeroes='unmap' "
             "queues='4' copy_on_read='on' discard_no_unref='on'/>"
             "<target dev='sda' bus='scsi' rotation_rate='1'/>"
             "<blockio logical_block_size='512'/><vendor>V</vendor>"
             "<product>P</product><wwn>5000c50015ea71aa</wwn><shareable/>"
             "<iotune><total_bytes_sec>5</total_bytes_sec>"
             "<total_bytes_sec_max>9</total_bytes_sec_max>"
             "<total_iops_sec>0</total_iops_sec>"
             "<group_name>g</group_name></iotune></disk>",
             ""),
        &warnings);
    CLEANUP_FREE char *xml = NULL;
    CLEANUP_JSON json_t *record = disk_to_json(disk, NULL);
    CLEANUP_DISK struct disk *again = disk_from_record(record, NULL);
    CLEANUP_FREE char *later = NULL;

    (void)state;
    assert_non_null(again);
    free(disk->target);
    disk->target = mem_dup("sdq");
    free(again->target);
    again->target = mem_dup("sdq");
    xml = disk_xml(disk);
    later = disk_xml(again);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        if (!strstr(xml, kept[i]))
            fail_msg("%s is lost in %s", kept[i], xml);
    assert_non_null(strstr(xml, "dev=\"sdq\""));
    assert_null(strstr(xml, "total_iops_sec"));
    assert_null(strstr(xml, "discard_no_unref"));
    assert_string_equal(xml, later);
    warns(warnings, NULL);
}

static void
disk_rules(void **state)
{
    CLEANUP_JSON json_t *warnings = NULL, *none = NULL;
    CLEANUP_DISK struct disk *lun = read_disk(
        PLUG("<disk type='block' device='disk'><target dev='vda' bus='virtio'/>"
             "<source dev='/dev/mapper/1'><reservations managed='yes'/>"
             "</source><serial>" ID("7") "</serial></disk>",
             ""),
        &warnings);
    CLEANUP_DISK struct disk *empty = read_disk(
        PLUG("<disk type='file' device='cdrom'><target dev='sdc' bus='sata'/>"
             "<source file=''><seclabel model='dac' type='none' relabel='no'/>"
             "</source></disk>",
             ""),
        &none);

    (void)state;
    warns(warnings, "reservations");
    assert_null(strstr(lun->foreign, "reservations"));
    assert_non_null(strstr(lun->foreign, "relabel=\"no\""));
    assert_string_equal(lun->id, ID("7"));
    assert_string_equal(lun->alias, "ua-" ID("7"));
    assert_null(lun->target);
    assert_int_equal(empty->source_type, DISK_SOURCE_NONE);
    assert_null(strstr(empty->foreign, "source"));
}

static void
bad_plugs(void **state)
{
    static const struct {
        const char *xml, *part;
        enum err_kind kind;
    } rows[] = {
        {"<x/>", "one device", ERR_INVALID},
        {"<x><devices><interface/></devices></x>", "one device", ERR_INVALID},
        {PLUG("<disk type='file'><target bus='scsi'/></disk>", ""), "source",
         ERR_INVALID},
        {PLUG("<disk type='file'><source file='/i'/><target bus='usb'/></disk>",
              ""),
         "bus", ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = ERR_INIT;
        CLEANUP_ENGINE_PLUG struct engine_plug *plug =
            engine_plug_read(rows[i].xml, "disk", &err);

        if (plug)
            assert_null(engine_plug_disk(plug, &err));
        unit_err(&err, rows[i].kind, rows[i].part);
    }
}

static void
too_big(void **state)
{
    CLEANUP_BUF struct buf text = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    buf_add_text(&text, "<x><devices><disk>");
    for (int i = 0; i < 10000; i++)
        buf_add_text(&text, "<anything/>");
    buf_add_text(&text, "</disk></devices></x>");
    assert_null(engine_plug_read(text.data, "disk", &err));
    unit_err(&err, ERR_LIMIT, "the most");
}

/* The dictionary of earlier years. */
static void
drive(void **state)
{
    CLEANUP_JSON json_t *given = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s, s:i, s:s, s:s, s:s},"
        " s:{s:i}, s:b}",
        "iface", "scsi", "format", "cow", "device", "disk", "poolID", "P",
        "domainID", "D", "imageID", ID("3"), "volumeID", "V",
        "propagateErrors", "on", "address", "type", "drive", "controller", 0,
        "bus", "0", "target", "0", "unit", "4", "iotune", "read_iops_sec", 9,
        "readonly", 1);
    struct err err = ERR_INIT;
    CLEANUP_FREE char *xml = engine_plug_from_drive(given, "/i/v", &err);
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        engine_plug_read(xml, "disk", &err);
    CLEANUP_DISK struct disk *disk = engine_plug_disk(plug, &err);
    CLEANUP_FREE char *volume = ovirt_get(plug->meta, "volumeID");
    CLEANUP_JSON json_t *bad = json_pack("{s:s}", "diskType", "network");

    (void)state;
    assert_string_equal(disk->id, ID("3"));
    assert_string_equal(disk->path, "/i/v");
    assert_string_equal(disk->format, "qcow2");
    assert_string_equal(disk->error_policy, "enospace");
    assert_int_equal(disk->address.drive.unit, 4);
    assert_int_equal(disk->iotune.read_iops_sec, 9);
    assert_true(disk->read_only);
    assert_string_equal(volume, "V");
    assert_null(engine_plug_from_drive(bad, "/i/v", &err));
    unit_err(&err, ERR_INVALID, "drive.diskType");
}

/* --- metadata ------------------------------------------------------------- */

static void
metadata(void **state)
{
    static const char entry[] =
        "<device devtype=\"disk\" name=\"sdb\"><GUID>1</GUID></device>";
    struct err err = ERR_INIT;
    CLEANUP_FREE char *one = ovirt_edit(NULL, entry, false, &err);
    CLEANUP_FREE char *two = ovirt_edit(
        one, "<device devtype='disk' name='sda'/>", false, &err);
    CLEANUP_FREE char *there = ovirt_member(two, entry);
    CLEANUP_FREE char *less = ovirt_edit(
        two, "<device devtype='disk' name='sdb'/>", true, &err);
    CLEANUP_FREE char *typed =
        ovirt_edit(less, "<a type='bool'>x</a>", false, &err);
    CLEANUP_FREE char *other =
        ovirt_edit(typed, "<a type='int'>y</a>", false, &err);

    (void)state;
    assert_string_equal(one, "<vm><device devtype=\"disk\" name=\"sdb\">"
                             "<GUID>1</GUID></device></vm>");
    assert_string_equal(there, entry);
    assert_string_equal(less,
                        "<vm><device devtype=\"disk\" name=\"sda\"/></vm>");
    assert_null(strstr(other, ">x<"));
    assert_non_null(strstr(other, "<a type=\"int\">y</a>"));
    assert_null(ovirt_member(NULL, entry));
    assert_null(ovirt_edit("<", entry, false, &err));
    assert_null(ovirt_edit(NULL, "<", false, &err));
}

/* A LUN that has no image goes by its GUID, and is found by it. */
static void
luns(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_PLUG struct engine_plug *plug = engine_plug_read(
        PLUG("<disk><target dev='sda'/></disk>",
             "<o:device devtype='disk' name='sda'><o:GUID>36</o:GUID>"
             "</o:device>"),
        "disk", &err);
    CLEANUP_FREE char *text = ovirt_text(plug->meta);
    CLEANUP_FREE char *vm = ovirt_edit(NULL, text, false, &err);
    CLEANUP_JSON json_t *ids = json_pack("{s:s}", "GUID", "36");
    CLEANUP_JSON json_t *wrong = json_pack("{s:s}", "GUID", "37");
    CLEANUP_JSON json_t *no_ids = json_object();
    CLEANUP_FREE char *drive_name = ovirt_drive(vm, ids);

    (void)state;
    assert_non_null(strstr(text, "<imageID>36</imageID>"));
    assert_string_equal(drive_name, "sda");
    assert_null(ovirt_drive(vm, wrong));
    assert_null(ovirt_drive(vm, no_ids));
    assert_null(ovirt_drive(NULL, ids));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(nothing_lost),
        cmocka_unit_test(disk_rules),
        cmocka_unit_test(bad_plugs),
        cmocka_unit_test(too_big),
        cmocka_unit_test(drive),
        cmocka_unit_test(metadata),
        cmocka_unit_test(luns),
    };

    xml_init();
    json_init();
    return CASES(cases);
}
