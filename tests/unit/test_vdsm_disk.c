// SPDX-License-Identifier: Apache-2.0
/*
 * Disks of an engine's VM: plugged and unplugged as its documents say, with
 * metadata that follow; a guest that is silent; media, sizes, limits.
 */
#include "tests/unit/engine_house.h"

#define VM "{'vmID': '" ENGINE_VM "'"
#define ALIAS(n) "ua-" ENGINE_DISK(n)
#define UNPLUG(n)                                                              \
    "<hotunplug><devices><disk><alias name=\"" ALIAS(n)                        \
    "\"/></disk></devices></hotunplug>"

static void
start(struct house *house, const char *sample)
{
    engine_house_start(house);
    engine_house_create_sample(house, sample);
}

static void
plug_sample(struct house *house, const char *name)
{
    CLEANUP_FREE char *xml = engine_house_sample(house, name);

    engine_house_plug(house, xml);
    assert_int_equal(json_object_size(house->answer), 0);
}

static json_t *
unplug(struct house *house, const char *xml)
{
    return engine_house_xml(house, "VM.hotunplugDisk", "params", xml);
}

/* What the engine's metadata of the VM says of a drive. */
static bool
has_entry(const struct house *house, const char *target, const char *text)
{
    CLEANUP_VM_INFO struct vm_info info = engine_house_info(house);
    CLEANUP_FREE char *key =
        mem_printf("<device devtype=\"disk\" name=\"%s\"/>", target);
    CLEANUP_FREE char *entry = ovirt_member(info.live->ovirt, key);

    return entry && strstr(entry, text);
}

/* "sda" is a hint: the host assigns, and the entry is called so, too. */
static void
plug_and_unplug(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/addr-kept");
    plug_sample(&house, "plug/gap");
    engine_house_disk(&house, ALIAS("3"), "sdc", "0:0:0:1");
    assert_true(has_entry(&house, "sdc", ENGINE_DISK("3")));
    assert_true(has_entry(&house, "sda", ENGINE_DISK("1")));
    engine_house_live(&house, "relabel=\"no\"", true);
    assert_non_null(unplug(&house, UNPLUG("3")));
    assert_false(has_entry(&house, "sdc", ""));
    engine_house_live(&house, ALIAS("3"), false);
    assert_non_null(unplug(&house, UNPLUG("3")));
    assert_null(unplug(&house, UNPLUG("9")));
    unit_err(&house.err, ERR_NOT_FOUND, ALIAS("9"));
    plug_sample(&house, "plug/gap");
    engine_house_disk(&house, ALIAS("3"), "sdc", "0:0:0:1");
    plug_sample(&house, "plug/gap");
    house_end(&house);
}

/* The place that the engine gives is another disk's. */
static void
taken_address(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;

    (void)state;
    start(&house, "run/addr-kept");
    xml = engine_house_sample(&house, "plug/gap");
    strstr(xml, "unit=\"1\"")[6] = '5';
    engine_house_plug(&house, xml);
    engine_house_disk(&house, ALIAS("3"), "sdc", "0:0:0:0");
    house_end(&house);
}

/* A disk that is unplugged keeps its place only until the engine gives it to
 * another. */
static void
place_of_an_absent_disk(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL, *path = NULL;
    char *at;

    (void)state;
    start(&house, "run/addr-kept");
    plug_sample(&house, "plug/gap");
    assert_non_null(unplug(&house, UNPLUG("3")));
    xml = engine_house_sample(&house, "plug/gap");
    for (at = xml; (at = strstr(at, "000000000003")); at += 12)
        at[11] = '4';
    path = mem_printf("%s/22222222-0000-0000-0000-000000000004",
                      house.folder);
    unit_write(path, "");
    assert_int_equal(truncate(path, 1 << 20), 0);
    engine_house_plug(&house, xml);
    engine_house_disk(&house, ALIAS("4"), "sdc", "0:0:0:1");
    house_do(&house, "GetDisk", "{'disk': '" ENGINE_DISK("3") "'}");
    house_is(&house, "address", "absent");
    plug_sample(&house, "plug/gap");
    engine_house_disk(&house, ALIAS("3"), "sdd", "0:0:0:0");
    house_end(&house);
}

/* 46 after the wait, and the unplug stays pending; the guest's late answer
 * ends it, metadata and all. */
static void
silent_guest(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/image-VirtIO");
    house_set(&house, "vdsm.unplug_wait_ms=20");
    house_script(&house, "detach 1 silent");
    assert_null(unplug(&house, UNPLUG("1")));
    unit_err(&house.err, ERR_TIMEOUT, "completes by itself");
    engine_house_live(&house, ALIAS("1"), true);
    assert_true(has_entry(&house, "vda", ENGINE_DISK("1")));
    assert_null(unplug(&house, UNPLUG("1")));
    unit_err(&house.err, ERR_TIMEOUT, "completes by itself");
    fake_release(hyper_backend(house.env.hyper), ENGINE_VM, ALIAS("1"));
    house_until(&house, "GetDisk", "{'disk': '" ENGINE_DISK("1") "'}", "state",
                "unplugged");
    house_until(&house, "ListOperations", "{'state': 'pending'}",
                "operations.0.op_id", "absent");
    assert_false(has_entry(&house, "vda", ""));
    house_end(&house);
}

static void
guest_that_refuses(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/image-VirtIO");
    house_script(&house, "detach 1 refused");
    assert_null(unplug(&house, UNPLUG("1")));
    unit_err(&house.err, ERR_BAD_STATE, "keeps");
    assert_true(has_entry(&house, "vda", ENGINE_DISK("1")));
    house_end(&house);
}

/* The dictionary of earlier years, by ids: both ways. */
static void
drive_dictionary(void **state)
{
    struct house house;
    CLEANUP_FREE char *set = NULL, *path = NULL;

    (void)state;
    start(&house, "run/image-file-raw");
    path = mem_printf("%s/" ENGINE_DISK("a"), house.folder);
    unit_write(path, "");
    assert_int_equal(truncate(path, 1 << 20), 0);
    set = mem_printf(VM ", 'params': {'drive': {'iface': 'scsi',"
                        " 'format': 'raw', 'imageID': '" ENGINE_DISK("a")
                        "', 'path': '%s'}}}",
                     path);
    house_do(&house, "VM.hotplugDisk", set);
    engine_house_disk(&house, ALIAS("a"), "sdb", "0:0:0:1");
    assert_true(has_entry(&house, "sdb", ENGINE_DISK("a")));
    house_do(&house, "VM.hotunplugDisk",
             VM ", 'params': {'drive': {'imageID': '" ENGINE_DISK("a")
                "'}}}");
    engine_house_live(&house, ALIAS("a"), false);
    house_refuse(&house, "VM.hotplugDisk",
                 VM ", 'params': {'drive': {'poolID': '../..'}}}", ERR_INVALID,
                 "poolID");
    house_refuse(&house, "VM.hotplugDisk",
                 VM ", 'params': {'drive': {'GUID': '../x'}}}", ERR_INVALID,
                 "GUID");
    house_refuse(&house, "VM.hotplugDisk", VM ", 'params': {}}", ERR_INVALID,
                 "xml");
    house_end(&house);
}

static void
not_running(void **state)
{
    struct house house;
    CLEANUP_FREE char *xml = NULL;

    (void)state;
    engine_house_start(&house);
    house_do(&house, "CreateVm",
             "{'vm_id': '" ENGINE_VM "', 'name': 'vm1',"
             " 'memory': 134217728}");
    xml = engine_house_sample(&house, "plug/first");
    assert_null(engine_house_xml(&house, "VM.hotplugDisk", "params", xml));
    unit_err(&house.err, ERR_BAD_STATE, "shut_off");
    house_end(&house);
}

/* A VM of our own has no metadata, and gets the engine's. */
static void
persistent(void **state)
{
    struct house house;

    (void)state;
    engine_house_start(&house);
    house_do(&house, "CreateVm",
             "{'vm_id': '" ENGINE_VM "', 'name': 'vm1',"
             " 'memory': 134217728}");
    house_do(&house, "StartVm", "{'vm': 'vm1'}");
    plug_sample(&house, "plug/first");
    assert_true(has_entry(&house, "sda", ENGINE_DISK("1")));
    house_do(&house, "GetVmXml", "{'vm': 'vm1', 'which': 'config'}");
    assert_non_null(strstr(json_get_text(house.answer, "xml", ""),
                           ALIAS("1")));
    assert_non_null(unplug(&house, UNPLUG("1")));
    house_do(&house, "GetVmXml", "{'vm': 'vm1', 'which': 'config'}");
    assert_null(strstr(json_get_text(house.answer, "xml", ""), ALIAS("1")));
    house_end(&house);
}

/* --- media ---------------------------------------------------------------- */

static void
medium_is(const struct house *house, const char *path)
{
    CLEANUP_VM_INFO struct vm_info info = engine_house_info(house);
    const struct disk *cd = domain_disk_by_target(info.live, "sdc");

    assert_non_null(cd);
    if (path)
        assert_string_equal(cd->path, path);
    else
        assert_null(cd->path);
}

#define CD_ID(n) "33333333-0000-0000-0000-00000000000" n
#define CD_SPEC                                                                \
    "'drive_spec': {'poolID': '" CD_ID("1") "', 'domainID': '" CD_ID("2")      \
    "', 'imageID': '" CD_ID("3") "', 'volumeID': '" CD_ID("4")                 \
    "', 'device': 'cdrom'}"

static void
media(void **state)
{
    struct house house;
    CLEANUP_FREE char *path = NULL, *text = NULL, *set = NULL, *volume = NULL;
    CLEANUP_FREE char *dir = NULL;
    struct err err = ERR_INIT;

    (void)state;
    start(&house, "run/cdrom-q35");
    medium_is(&house, NULL);
    path = mem_printf("%s/a.iso", house.folder);
    unit_write(path, "iso");
    text = mem_printf(VM ", 'driveSpec': {'iface': 'sata', 'index': '2',"
                         " 'path': '%s'}}",
                      path);
    house_do(&house, "VM.changeCD", text);
    medium_is(&house, path);
    engine_house_live(&house, "relabel=\"no\"", true);
    house_do(&house, "VM.changeCD",
             VM ", 'driveSpec': {'iface': 'sata', 'index': '2', 'path': ''}}");
    medium_is(&house, NULL);
    dir = mem_printf("%s/" CD_ID("1") "/" CD_ID("2") "/images/" CD_ID("3"),
                     house.folder);
    assert_int_equal(file_mkdirs(dir, 0755, &err), 0);
    volume = mem_printf("%s/" CD_ID("4"), dir);
    unit_write(volume, "iso");
    set = mem_printf("vdsm.repository=%s", house.folder);
    house_set(&house, set);
    house_do(&house, "VM.changeCD",
             VM ", 'driveSpec': {'iface': 'sata', 'index': 2, " CD_SPEC "}}");
    medium_is(&house, volume);
    assert_true(has_entry(&house, "sdc", CD_ID("4")));
    house_do(&house, "VM.changeCD",
             VM ", 'driveSpec': {'iface': 'sata', 'index': 2,"
                " 'drive_spec': {}}}");
    medium_is(&house, NULL);
    assert_false(has_entry(&house, "sdc", ""));
    house_refuse(&house, "VM.changeCD", VM ", 'driveSpec': 7}", ERR_INVALID,
                 "driveSpec");
    house_refuse(&house, "VM.changeCD", VM ", 'driveSpec': '/etc/passwd'}",
                 ERR_SOURCE_DENIED, "/etc/passwd");
    house_end(&house);
}

static void
no_drive(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/image-file-raw");
    house_refuse(&house, "VM.changeCD", VM ", 'driveSpec': ''}",
                 ERR_NOT_FOUND, "no CD drive");
    house_end(&house);
}

/* --- sizes ---------------------------------------------------------------- */

#define IDS                                                                    \
    "'driveSpecs': {'poolID': 'bbbbbbbb-0000-0000-0000-000000000001',"         \
    " 'domainID': 'cccccccc-0000-0000-0000-000000000001',"                     \
    " 'imageID': '" ENGINE_DISK("1") "',"                                      \
    " 'volumeID': '22222222-0000-0000-0000-000000000001'}"

static void
extend(void **state)
{
    struct house house;
    CLEANUP_FREE char *path = NULL;

    (void)state;
    start(&house, "run/image-file-raw");
    path = mem_printf("%s/22222222-0000-0000-0000-000000000001", house.folder);
    assert_int_equal(truncate(path, 3 << 20), 0);
    house_do(&house, "VM.diskSizeExtend", VM ", " IDS ", 'newSize': '99'}");
    assert_string_equal(json_string_value(house.answer), "3145728");
    house_refuse(&house, "VM.diskSizeExtend",
                 VM ", 'driveSpecs': {'GUID': '3600'}, 'newSize': 5}",
                 ERR_NOT_FOUND, "3600");
    house_refuse(&house, "VM.diskSizeExtend",
                 VM ", " IDS ", 'newSize': '-1'}", ERR_INVALID, "newSize");
    house_end(&house);
}

/* --- limits --------------------------------------------------------------- */

static void
limits(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/qos-split");
    house_do(&house, "VM.getIoTune", VM "}");
    house_is(&house, "0.name", "sda");
    house_is(&house, "0.ioTune.read_iops_sec", "10000");
    house_do(&house, "VM.setIoTune",
             VM ", 'tunables': [{'name': 'sda',"
                " 'ioTune': {'total_bytes_sec': '5242880'}}]}");
    house_is(&house, "message", "Done");
    house_do(&house, "VM.getIoTune", VM "}");
    house_is(&house, "0.ioTune.total_bytes_sec", "5242880");
    house_is(&house, "0.ioTune.read_iops_sec", "0");
    house_refuse(&house, "VM.setIoTune",
                 VM ", 'tunables': [{'name': 'sda',"
                    " 'ioTune': {'size_iops_sec': 1}}]}",
                 ERR_INVALID, "size_iops_sec");
    house_refuse(&house, "VM.setIoTune",
                 VM ", 'tunables': [{'name': 'sda', 'ioTune':"
                    " {'total_iops_sec': 1, 'read_iops_sec': 1}}]}",
                 ERR_INVALID, "total");
    house_refuse(&house, "VM.setIoTune",
                 VM ", 'tunables': [{'name': 'sdz', 'ioTune': {}}]}",
                 ERR_NOT_FOUND, "sdz");
    house_end(&house);
}

/* The engine's way: by ids, and kept with the VM. */
static void
policy(void **state)
{
    struct house house;

    (void)state;
    start(&house, "run/image-file-raw");
    house_do(&house, "VM.updateVmPolicy",
             VM ", 'params': {'vcpuLimit': '50', 'ioTune': [{"
                "'poolID': 'bbbbbbbb-0000-0000-0000-000000000001',"
                " 'imageID': '" ENGINE_DISK("1") "',"
                " 'maximum': {'write_bytes_sec': 1048576},"
                " 'guaranteed': {'write_bytes_sec': 1024}}]}}");
    assert_true(json_is_true(house.answer));
    house_do(&house, "VM.getIoTune", VM "}");
    house_is(&house, "0.ioTune.write_bytes_sec", "1048576");
    house_do(&house, "VM.getIoTunePolicy", VM "}");
    house_is(&house, "0.name", "sda");
    house_is(&house, "0.maximum.write_bytes_sec", "1048576");
    house_is(&house, "0.guaranteed.write_bytes_sec", "1024");
    engine_house_live(&house, "vcpuLimit", true);
    house_do(&house, "VM.updateVmPolicy", VM ", 'params': {'ioTune': []}}");
    house_do(&house, "VM.getIoTunePolicy", VM "}");
    assert_int_equal(json_array_size(house.answer), 0);
    engine_house_live(&house, "vcpuLimit", true);
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(plug_and_unplug),
        cmocka_unit_test(taken_address),
        cmocka_unit_test(place_of_an_absent_disk),
        cmocka_unit_test(silent_guest),
        cmocka_unit_test(guest_that_refuses),
        cmocka_unit_test(drive_dictionary),
        cmocka_unit_test(not_running),
        cmocka_unit_test(persistent),
        cmocka_unit_test(media),
        cmocka_unit_test(no_drive),
        cmocka_unit_test(extend),
        cmocka_unit_test(limits),
        cmocka_unit_test(policy),
    };

    return CASES(cases);
}
