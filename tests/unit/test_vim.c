// SPDX-License-Identifier: Apache-2.0
/*
 * vSphere's SOAP: requests against recorded ones element by element, recorded
 * answers read, faults known by their type, places of disks.
 */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/hyper/vim_spec.h"
#include "agent/hyper/vim_task.h"
#include "agent/plan/remote_disks.h"

static const struct vim_ref vm9 = {"VirtualMachine", "vm-9"};

static char *
recorded(const char *name, size_t *len)
{
    CLEANUP_FREE char *path = mem_printf("tests/soap/%s.xml", name);
    struct err err = ERR_INIT;
    char *text = file_read(path, 1 << 20, len, &err);

    if (!text)
        fail_msg("%s", err.message);
    return text;
}

/* --- requests --------------------------------------------------------------- */

/* Elements, their types and texts, without the blanks between them. */
static void
flatten(xmlNodePtr node, struct buf *out)
{
    CLEANUP_FREE char *type = vim_soap_type(node);
    CLEANUP_FREE char *ref = xml_attr(node, "type");

    buf_printf(out, "<%s %s %s>", (const char *)node->name,
               type && *type ? type : "-", ref ? ref : "-");
    if (!xml_child(node, NULL)) {
        CLEANUP_FREE char *text = xml_content(node);

        buf_add_text(out, text);
    }
    for (xmlNodePtr child = xml_child(node, NULL); child;
         child = xml_next(child, NULL))
        flatten(child, out);
    buf_add_text(out, "</>\n");
}

static char *
flat(const char *text, size_t len)
{
    struct err err = ERR_INIT;
    CLEANUP_XML xmlDocPtr doc = xml_parse(text, len, &err);
    struct buf out = BUF_INIT;

    if (!doc)
        fail_msg("%s", err.message);
    flatten(xml_path(xml_root(doc), "Body"), &out);
    return buf_steal(&out);
}

static void
is_as_recorded(struct vim_spec *spec /* takes */, const char *name)
{
    CLEANUP_FREE char *made = vim_spec_text(spec);
    size_t len;
    CLEANUP_FREE char *wanted = recorded(name, &len);
    CLEANUP_FREE char *a = flat(made, strlen(made));
    CLEANUP_FREE char *b = flat(wanted, len);

    vim_spec_free(spec);
    assert_string_equal(a, b);
}

static struct vim_spec *
with_disk(const struct vim_disk_spec *disk)
{
    struct vim_spec *spec = vim_spec_new(&vm9, NULL);

    vim_spec_add_disk(spec, disk);
    return spec;
}

static void
requests_are_as_recorded(void **state)
{
    struct vim_disk_spec disk = {
        .key = -1,
        .controller = 202,
        .unit = 1,
        .path = "[LocalDS_0] ha-host_VM0/data1.vmdk",
        .size = UINT64_C(1) << 30,
        .thin = 1,
        .create = true};
    struct vim_spec *spec;

    (void)state;
    is_as_recorded(with_disk(&disk), "17-add-new-disk.req");
    spec = vim_spec_new(&vm9, NULL);
    vim_spec_add_controller(spec, "ParaVirtualSCSIController", -101, 1);
    disk = (struct vim_disk_spec){.key = -102,
                                  .controller = -101,
                                  .path = "[LocalDS_0] ha-host_VM0/pv1.vmdk",
                                  .size = 4096 * 1024,
                                  .thin = 1,
                                  .create = true};
    vim_spec_add_disk(spec, &disk);
    is_as_recorded(spec, "73-add-controller-and-disk.req");
    disk = (struct vim_disk_spec){
        .key = -1,
        .controller = 202,
        .unit = 8,
        .path = "[LocalDS_0] ha-host_VM0/rdm1.vmdk",
        .lun = "/vmfs/devices/disks/naa.60000000000000000e00000000010001",
        .compat = "physicalMode",
        .create = true};
    is_as_recorded(with_disk(&disk), "110-add-rdm-physical.req");
    disk.path = "[LocalDS_0] ha-host_VM0/rdm2.vmdk";
    disk.lun = "/vmfs/devices/disks/naa.60000000000000000e00000000010002";
    disk.compat = "virtualMode";
    disk.mode = "independent_persistent";
    disk.unit = 9;
    is_as_recorded(with_disk(&disk), "115-add-rdm-virtual.req");
    disk = (struct vim_disk_spec){.key = -1,
                                  .controller = 202,
                                  .unit = 8,
                                  .path =
                                      "[LocalDS_0] ha-host_VM0/rdm1.vmdk",
                                  .mapping = true};
    is_as_recorded(with_disk(&disk), "141-add-rdm-existing.req");
}

static void
removals_are_as_recorded(void **state)
{
    const struct vim_device device = {
        .kind = VIM_DISK, .type = "VirtualDisk", .key = 203};
    struct vim_spec *spec = vim_spec_new(&vm9, NULL);

    (void)state;
    vim_spec_remove_disk(spec, &device, false);
    is_as_recorded(spec, "190-remove-keep.req");
    spec = vim_spec_new(&vm9, NULL);
    vim_spec_remove_disk(spec, &device, true);
    is_as_recorded(spec, "201-remove-destroy.req");
}

static void
an_edit_is_as_recorded(void **state)
{
    char path[] = "[LocalDS_0] ha-host_VM0/data1.vmdk";
    const struct vim_device device = {
        .kind = VIM_DISK,
        .type = "VirtualDisk",
        .key = 203,
        .controller = 202,
        .unit = 1,
        .backing_type = "VirtualDiskFlatVer2BackingInfo",
        .path = path,
        .mode = "persistent",
        .size = UINT64_C(1) << 30};
    struct vim_spec *spec = vim_spec_new(&vm9, NULL);

    (void)state;
    vim_spec_edit_disk(spec, &device, UINT64_C(2) << 30, NULL);
    is_as_recorded(spec, "153-edit-extend.req");
}

/* Text of a caller never becomes markup. */
static void
markup_stays_text(void **state)
{
    const struct vim_disk_spec disk = {
        .key = -1, .path = "[ds] a/</fileName><x>&.vmdk", .create = true};
    struct vim_spec *spec = with_disk(&disk);
    CLEANUP_FREE char *text = vim_spec_text(spec);

    (void)state;
    vim_spec_free(spec);
    assert_non_null(strstr(text, "&lt;/fileName&gt;&lt;x&gt;&amp;.vmdk"));
}

/* --- answers ------------------------------------------------------------------ */

static void
read_devices(struct vim_vm *vm)
{
    size_t len;
    CLEANUP_FREE char *text = recorded("12-devices.res", &len);
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    struct err err = ERR_INIT;

    answer.doc = vim_soap_reply(text, len, "RetrievePropertiesEx",
                                &answer.body, &answer.fault, &err);
    assert_non_null(answer.doc);
    *vm = (struct vim_vm){.ref = vm9, .hardware = 13};
    snprintf(vm->uuid, sizeof(vm->uuid),
             "b03b24de-847f-5b0d-85f4-221b300038a8");
    vim_vm_read_devices(
        vim_vm_property(xml_path(answer.body, "returnval/objects"),
                        "config.hardware.device"),
        vm);
}

static void
devices_are_read(void **state)
{
    CLEANUP_VIM_VM struct vim_vm vm;
    const struct vim_device *disk;

    (void)state;
    read_devices(&vm);
    assert_int_equal(vm.ndevices, 13);
    disk = vim_vm_device(&vm, 255511522);
    assert_non_null(disk);
    assert_int_equal(disk->kind, VIM_DISK);
    assert_int_equal(disk->backing, VIM_BACKING_FILE);
    assert_string_equal(disk->path, "[LocalDS_0] ha-host_VM0/disk1.vmdk");
    assert_int_equal(disk->size, 1024 * 1024);
    assert_true(disk->thin);
    assert_int_equal(vim_vm_device(&vm, 202)->kind, VIM_SCSI);
}

static void
refused(const char *text, const char *method, const char *fault,
        enum err_kind kind)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    struct err err = ERR_INIT;

    answer.doc = vim_soap_reply(text, strlen(text), method, &answer.body,
                                &answer.fault, &err);
    assert_null(answer.doc);
    assert_string_equal(answer.fault.type, fault);
    assert_int_equal(err.kind, kind);
}

static void
faults_are_known_by_type(void **state)
{
    size_t len;
    CLEANUP_FREE char *login = recorded("02-login-wrong.res", &len);
    CLEANUP_FREE char *expired = recorded("329-expired-call.res", &len);

    (void)state;
    refused(login, "Login", "InvalidLogin", ERR_DENIED);
    refused(expired, "CurrentTime", "NotAuthenticated", ERR_UNREACHABLE);
    refused("<html><body>hello</body></html>", "Login", "",
            ERR_HYPERVISOR_FAILED);
    refused("no xml at all", "Login", "", ERR_HYPERVISOR_FAILED);
    refused("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "Login", "",
            ERR_HYPERVISOR_FAILED);
}

/* --- places ---------------------------------------------------------------------- */

static const struct remote_place_wish anywhere = {"auto", -1, -1, NULL};

static void
places_of_disks(void **state)
{
    CLEANUP_VIM_VM struct vim_vm vm;
    CLEANUP_JSON json_t *rows = json_array();
    CLEANUP_JSON json_t *disks = NULL;
    struct remote_place_wish wish = anywhere;
    struct remote_place place;
    struct err err = ERR_INIT;

    (void)state;
    read_devices(&vm);
    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:s, s:{s:i, s:i}}", "disk_id", "kept",
                        "interface", "scsi", "kind", "image", "address",
                        "controller", 0, "unit", 1));
    disks = remote_disks_merge(&vm, rows);
    assert_int_equal(json_array_size(disks), 3);
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), 0);
    assert_int_equal(place.bus, 0);
    assert_int_equal(place.unit, 2); /* 0 is taken, 1 is kept */
    wish.disk_id = "kept";
    wish.bus = 0;
    wish.unit = 1;
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), 0);
    wish.disk_id = NULL;
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), -1);
    unit_err(&err, ERR_EXISTS, "kept");
    wish.unit = 7;
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), -1);
    unit_err(&err, ERR_INVALID, "0 to 15");
    wish = (struct remote_place_wish){"buslogic", -1, -1, NULL};
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), 0);
    assert_int_equal(place.bus, 1);
    assert_true(place.controller < 0);
    assert_string_equal(place.type, "VirtualBusLogicController");
    wish = (struct remote_place_wish){"auto", 4, -1, NULL};
    assert_int_equal(remote_disks_place(&vm, disks, &wish, &place, &err), -1);
}

/* A machine whose every place is taken. */
static void
a_full_machine(void **state)
{
    static const int buses = ESX_BUSES;
    struct vim_vm vm = {.ref = vm9, .hardware = 13};
    CLEANUP_JSON json_t *disks = NULL;
    struct remote_place place;
    struct err err = ERR_INIT;

    (void)state;
    vm.devices = mem_zalloc((size_t)buses * 16, sizeof(*vm.devices));
    for (int bus = 0; bus < buses; bus++) {
        struct vim_device *controller = &vm.devices[vm.ndevices++];

        *controller = (struct vim_device){.kind = VIM_SCSI,
                                          .type = "VirtualLsiLogicController",
                                          .key = 1000 + bus,
                                          .bus = bus};
        for (int unit = 0; unit < 16; unit++)
            if (unit != ESX_OWN_UNIT)
                vm.devices[vm.ndevices++] =
                    (struct vim_device){.kind = VIM_DISK,
                                        .type = "VirtualDisk",
                                        .key = 2000 + bus * 16 + unit,
                                        .controller = 1000 + bus,
                                        .unit = unit,
                                        .bus = -1};
    }
    disks = remote_disks_merge(&vm, NULL);
    assert_int_equal(json_array_size(disks), 60);
    assert_int_equal(remote_disks_place(&vm, disks, &anywhere, &place, &err),
                     -1);
    unit_err(&err, ERR_NO_FREE_UNIT, "4 SCSI controllers");
    vim_vm_clear(&vm);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(requests_are_as_recorded),
        cmocka_unit_test(removals_are_as_recorded),
        cmocka_unit_test(an_edit_is_as_recorded),
        cmocka_unit_test(markup_stays_text),
        cmocka_unit_test(devices_are_read),
        cmocka_unit_test(faults_are_known_by_type),
        cmocka_unit_test(places_of_disks),
        cmocka_unit_test(a_full_machine),
    };

    return CASES(cases);
}
