// SPDX-License-Identifier: Apache-2.0
/* Questions about VMs and disks, from a VM table filled by hand. */
#include "tests/unit/root.h"
#include "tests/unit/unit.h"

#include "agent/verbs/table.h"

#define VM "11111111-2222-4333-8444-555555555555"
#define DISK "2b77a3c0-6f4e-4c5b-9a66-0123456789ab"
#define ALIAS "ua-" DISK
#define SPARE "3c88a3c0-6f4e-4c5b-9a66-0123456789ab"

static const char q35[] =
    "<domain type='qemu'><name>db</name><uuid>" VM "</uuid>"
    "<memory unit='KiB'>262144</memory><vcpu>2</vcpu>"
    "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>"
    "<controller type='pci' index='0' model='pcie-root'/>"
    "<controller type='pci' index='1' model='pcie-root-port'>"
    "<alias name='ua-port1'/><address type='pci' domain='0x0000' bus='0x00'"
    " slot='0x02' function='0x0' multifunction='on'/></controller>"
    "<controller type='pci' index='2' model='pcie-root-port'>"
    "<alias name='ua-port2'/><address type='pci' domain='0x0000' bus='0x00'"
    " slot='0x02' function='0x1'/></controller>"
    "<controller type='pci' index='3' model='pcie-root-port'>"
    "<alias name='ua-port3'/><address type='pci' domain='0x0000' bus='0x00'"
    " slot='0x02' function='0x2'/></controller>"
    "<controller type='scsi' index='0' model='virtio-scsi'>"
    "<alias name='ua-scsi0'/><address type='pci' domain='0x0000' bus='0x01'"
    " slot='0x00' function='0x0'/></controller>"
    "<controller type='sata' index='0'><address type='pci' domain='0x0000'"
    " bus='0x00' slot='0x1f' function='0x2'/></controller>"
    "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
    "<source file='/images/a.raw'/><target dev='sda' bus='scsi'/>"
    "<alias name='ua-" DISK "'/><address type='drive' controller='0' bus='0'"
    " target='0' unit='3'/></disk>"
    "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/>"
    "<alias name='sata0-0-0'/><address type='drive' controller='0' bus='0'"
    " target='0' unit='0'/></disk>"
    "<interface type='user'><mac address='52:54:00:00:00:01'/>"
    "<model type='virtio'/><address type='pci' domain='0x0000' bus='0x00'"
    " slot='0x03' function='0x0'/></interface>"
    "</devices></domain>";

struct house {
    struct env env;
    struct root root;
};

static void
no_event(void *ctx, const struct hyper_event *event)
{
    (void)ctx;
    (void)event;
}

static int
build(void **state)
{
    struct house *house = calloc(1, sizeof(*house));
    struct err err = ERR_INIT;

    house->root = root_enter(&house->env);
    house->env.vms = vm_table_new();
    house->env.sampled = sampled_new();
    house->env.hyper = hyper_open("local", "fake:", no_event, NULL, &err);
    if (!house->env.hyper)
        fail_msg("%s", err.message);
    *state = house;
    return 0;
}

static int
tear_down(void **state)
{
    struct house *house = *state;

    hyper_close(house->env.hyper);
    vm_table_free(house->env.vms);
    sampled_free(house->env.sampled);
    root_leave(&house->root);
    free(house);
    return 0;
}

static void
see(struct house *house, const char *state, bool active)
{
    const struct vm_seen seen = {.uuid = VM,
                                 .name = "db",
                                 .state = state,
                                 .reason = "user",
                                 .active = active,
                                 .persistent = true};
    struct err err = ERR_INIT;
    CLEANUP_DOMAIN struct domain *domain = domain_parse(q35, &err);

    if (!domain)
        fail_msg("%s", err.message);
    vm_table_seen(house->env.vms, &seen);
    vm_table_views(house->env.vms, VM, active ? domain : NULL, domain);
}

/* Row of a recorded disk, from its own JSON. */
static void
put_disk(struct house *house, const char *json)
{
    CLEANUP_JSON json_t *obj = json_parse(json, strlen(json), NULL, NULL);
    struct err err = ERR_INIT;
    CLEANUP_DISK struct disk *disk = disk_from_record(obj, &err);
    struct device *device;

    if (!disk)
        fail_msg("%s", err.message);
    device = device_for_disk(disk);
    vm_table_device_put(house->env.vms, VM, device);
    device_free(device);
}

static void
record(struct house *house)
{
    const struct vm_record row = {
        .uuid = VM, .name = "db", .virtio_scsi = true, .guest_os = "linux"};

    vm_table_put(house->env.vms, &row);
    put_disk(house, "{\"disk_id\": \"" DISK "\", \"kind\": \"image\","
                    " \"interface\": \"virtio_scsi\", \"source\": {\"type\":"
                    " \"file\", \"path\": \"/images/a.raw\"}, \"target\":"
                    " \"sda\", \"alias\": \"ua-" DISK "\", \"address\":"
                    " {\"type\": \"drive\", \"unit\": 3}, \"plugged\": true,"
                    " \"serial\": \"s-1\", \"state\": \"plugged\"}");
    put_disk(house, "{\"disk_id\": \"" SPARE "\", \"kind\": \"image\","
                    " \"interface\": \"virtio\", \"source\": {\"type\":"
                    " \"file\", \"path\": \"/images/b.raw\"}, \"target\":"
                    " \"vda\", \"alias\": \"ua-" SPARE "\", \"address\":"
                    " {\"type\": \"pci\", \"bus\": 2, \"slot\": 0},"
                    " \"plugged\": false, \"state\": \"unplugged\"}");
}

static json_t *
call(struct house *house, const char *name, const char *params,
     struct err *err)
{
    CLEANUP_JSON json_t *obj = json_parse(params, strlen(params), NULL, NULL);
    const struct verb *verb = table_find(name);
    struct verb_call c = {.verb = verb,
                          .env = &house->env,
                          .params = obj,
                          .request.who = house->root.who};

    assert_non_null(obj);
    return verb->run(&c, err);
}

static json_t *
answer(struct house *house, const char *name, const char *params)
{
    struct err err = ERR_INIT;
    json_t *result = call(house, name, params, &err);

    if (!result)
        fail_msg("%s: %s", name, err.message);
    return result;
}

static void
refused(struct house *house, const char *name, const char *params,
        enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(call(house, name, params, &err));
    unit_err(&err, kind, part);
}

/* A value by its path: "ports.free", "disks.0.alias". */
static const json_t *
at(const json_t *value, const char *path)
{
    char copy[128], *save = NULL;

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, ".", &save); key && value;
         key = strtok_r(NULL, ".", &save))
        value = json_is_array(value)
                    ? json_array_get(value, strtoul(key, NULL, 10))
                    : json_object_get(value, key);
    return value;
}

static void
says(const json_t *value, const char *path, const char *text)
{
    const char *found = json_string_value(at(value, path));

    if (!found || strcmp(found, text) != 0)
        fail_msg("%s is %s, expected %s", path, found ? found : "no text",
                 text);
}

static void
counts(const json_t *value, const char *path, json_int_t number)
{
    assert_true(json_is_integer(at(value, path)));
    assert_int_equal(json_integer_value(at(value, path)), number);
}

static void
a_vm_as_an_object(void **state)
{
    struct house *house = *state;
    json_t *vm;

    see(house, "running", true);
    record(house);
    vm = answer(house, "GetVm", "{\"vm\": \"db\"}");
    says(vm, "vm_id", VM);
    says(vm, "hypervisor", "local");
    says(vm, "state", "running");
    says(vm, "machine", "pc-q35-7.2");
    says(vm, "virt", "qemu");
    says(vm, "firmware", "bios");
    says(vm, "guest_os", "linux");
    says(vm, "controllers.0.alias", "ua-scsi0");
    counts(vm, "memory", 268435456);
    counts(vm, "vcpus", 2);
    counts(vm, "ports.total", 3);
    counts(vm, "ports.free", 1); /* one is kept for the unplugged disk */
    assert_true(json_is_true(at(vm, "recorded")));
    assert_true(json_is_false(at(vm, "adopted")));
    assert_true(json_is_true(at(vm, "virtio_scsi")));
    assert_true(json_integer_value(at(vm, "age_ms")) < 10000);
    assert_null(at(vm, "paused_because"));
    /* Rows first, then the drive that only libvirt has. */
    assert_int_equal(json_array_size(at(vm, "disks")), 3);
    says(vm, "disks.0.disk_id", DISK);
    says(vm, "disks.0.vm", VM);
    says(vm, "disks.1.state", "unplugged");
    says(vm, "disks.2.kind", "cdrom");
    assert_true(json_is_null(at(vm, "disks.2.disk_id")));
    json_decref(vm);
    refused(house, "GetVm", "{\"vm\": \"web\"}", ERR_NOT_FOUND, "web");
}

static void
why_it_paused(void **state)
{
    struct house *house = *state;
    json_t *vm;

    see(house, "paused", true);
    record(house);
    vm_table_fault(house->env.vms, VM, "ua-" DISK, "ENOSPC");
    vm = answer(house, "GetVm", "{\"vm\": \"db\"}");
    says(vm, "paused_because.reason", "ENOSPC");
    says(vm, "paused_because.disk", DISK);
    json_decref(vm);
    vm = answer(house, "ListVms", "{}");
    says(vm, "vms.0.paused_because.disk", DISK);
    json_decref(vm);
}

static void
nobody_recorded_it(void **state)
{
    struct house *house = *state;
    json_t *list;

    see(house, "shut_off", false);
    list = answer(house, "ListVms", "{}");
    counts(list, "vms.0.disks", 2);
    assert_true(json_is_false(at(list, "vms.0.recorded")));
    json_decref(list);
    list = answer(house, "ListDisks", "{\"vm\": \"1111\"}");
    assert_int_equal(json_array_size(at(list, "disks")), 2);
    says(list, "disks.0.vm_name", "db");
    says(list, "disks.0.target", "sda");
    json_decref(list);
}

static void
before_it_was_read(void **state)
{
    struct house *house = *state;
    const struct vm_seen seen = {
        .uuid = VM, .name = "db", .state = "running", .reason = "",
        .active = true};
    json_t *vm;

    vm_table_seen(house->env.vms, &seen);
    vm = answer(house, "GetVm", "{\"vm\": \"db\"}");
    assert_true(json_is_null(at(vm, "memory")));
    assert_true(json_is_null(at(vm, "age_ms")));
    counts(vm, "ports.total", 0);
    json_decref(vm);
    vm = answer(house, "GetTopology", "{\"vm\": \"db\"}");
    assert_int_equal(json_array_size(at(vm, "tree")), 0);
    json_decref(vm);
}

static void
one_disk(void **state)
{
    static const char *const refs[] = {DISK, ALIAS, "2b77", "sda", "s-1"};
    struct house *house = *state;
    json_t *disk;

    see(house, "running", true);
    record(house);
    for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++) {
        char params[128];

        snprintf(params, sizeof(params), "{\"vm\": \"db\", \"disk\": \"%s\"}",
                 refs[i]);
        disk = answer(house, "GetDisk", params);
        says(disk, "disk_id", DISK);
        counts(disk, "address.unit", 3);
        json_decref(disk);
    }
    disk = answer(house, "GetDisk", "{\"disk\": \"" SPARE "\"}");
    says(disk, "vm", VM);
    says(disk, "source.path", "/images/b.raw");
    json_decref(disk);
    refused(house, "GetDisk", "{\"vm\": \"db\", \"disk\": \"sdz\"}",
            ERR_NOT_FOUND, "sdz");
    refused(house, "GetDisk", "{\"disk\": \"dead\"}", ERR_NOT_FOUND, "dead");
    refused(house, "GetDisk", "{\"vm\": \"web\", \"disk\": \"sda\"}",
            ERR_NOT_FOUND, "web");
}

static void
tree_of_buses(void **state)
{
    struct house *house = *state;
    json_t *all;

    see(house, "running", true);
    record(house);
    all = answer(house, "GetTopology", "{\"vm\": \"db\"}");
    says(all, "vm", VM);
    says(all, "name", "db");
    counts(all, "ports.total", 3);
    says(all, "tree.0.kind", "root_port");
    says(all, "tree.0.address", "0000:00:02.0");
    says(all, "tree.0.alias", "ua-port1");
    assert_true(json_is_false(at(all, "tree.0.free")));
    says(all, "tree.0.children.0.kind", "controller");
    says(all, "tree.0.children.0.label", "virtio-scsi 0");
    says(all, "tree.0.children.0.children.0.label", "target 0");
    says(all, "tree.0.children.0.children.0.children.0.label", "sda");
    says(all, "tree.0.children.0.children.0.children.0.detail",
         "/images/a.raw");
    counts(all, "tree.0.children.0.children.0.children.0.unit", 3);
    /* A port that waits for a disk which is not plugged. */
    says(all, "tree.1.detail", "kept for ua-" SPARE);
    assert_true(json_is_false(at(all, "tree.1.free")));
    assert_true(json_is_true(at(all, "tree.2.free")));
    says(all, "tree.3.kind", "nic");
    says(all, "tree.3.detail", "52:54:00:00:00:01");
    says(all, "tree.4.label", "sata 0");
    says(all, "tree.4.children.0.detail", "no medium");
    says(all, "tree.5.label", "unplugged disks");
    says(all, "tree.5.children.0.disk_id", SPARE);
    assert_int_equal(json_array_size(at(all, "tree")), 6);
    json_decref(all);
}

static const char secret[] =
    "<domain type='qemu'><name>db</name><uuid>" VM "</uuid>"
    "<memory unit='KiB'>262144</memory><vcpu>1</vcpu>"
    "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>"
    "<graphics type='vnc' port='-1' passwd='hunter2'/>"
    "</devices></domain>";

static void
xml_without_passwords(void **state)
{
    struct house *house = *state;
    struct err err = ERR_INIT;
    json_t *result;
    const char *xml;

    see(house, "shut_off", false);
    if (hyper_define(house->env.hyper, secret, &err) < 0)
        fail_msg("%s", err.message);
    result = answer(house, "GetVmXml", "{\"vm\": \"db\"}");
    says(result, "which", "config");
    xml = json_string_value(at(result, "xml"));
    assert_non_null(strstr(xml, "<name>db</name>"));
    assert_non_null(strstr(xml, "type=\"vnc\""));
    assert_null(strstr(xml, "hunter2"));
    json_decref(result);
    refused(house, "GetVmXml", "{\"vm\": \"db\", \"which\": \"live\"}",
            ERR_BAD_STATE, "does not run");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, build, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(a_vm_as_an_object), CASE(why_it_paused),
        CASE(nobody_recorded_it), CASE(before_it_was_read),
        CASE(one_disk),          CASE(tree_of_buses),
        CASE(xml_without_passwords),
    };

    return CASES(cases);
}
