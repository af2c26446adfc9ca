// SPDX-License-Identifier: Apache-2.0
/* New VMs: what the wish may say, and that every place is given once. */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/spec/vm.h"

static const struct vm_defaults defaults = {true, 8, false, "qemu"};

static struct vm *
try(const char *fields, struct err *err)
{
    CLEANUP_FREE char *json =
        mem_printf("{\"name\":\"vm\",\"memory\":134217728%s%s}",
                   *fields ? "," : "", fields);
    CLEANUP_JSON json_t *obj = json_parse(json, strlen(json), NULL, NULL);

    if (!obj)
        fail_msg("bad JSON in the test: %s", json);
    return vm_from_json(obj, &defaults, err);
}

static struct vm *
wish(const char *fields)
{
    struct err err = ERR_INIT;
    struct vm *vm = try(fields, &err);

    if (!vm)
        fail_msg("%s: %s", fields, err.message);
    return vm;
}

static struct vm *
placed(const char *fields)
{
    struct err err = ERR_INIT;
    struct vm *vm = wish(fields);

    if (vm_place(vm, &err) < 0)
        fail_msg("%s: %s", fields, err.message);
    return vm;
}

static void
refuses(const char *fields, const char *param)
{
    struct err err = ERR_INIT;
    CLEANUP_VM struct vm *vm = try(fields, &err);

    if (vm)
        fail_msg("%s was taken", fields);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param, param);
}

static void
refuses_place(const char *fields, enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;
    CLEANUP_VM struct vm *vm = wish(fields);

    if (vm_place(vm, &err) == 0)
        fail_msg("%s was placed", fields);
    unit_err(&err, kind, part);
}

static void
filled_in(void **state)
{
    CLEANUP_VM struct vm *vm = wish("");
    CLEANUP_VM struct vm *off = wish("\"virtio_scsi\":false,\"vcpus\":null");

    (void)state;
    assert_int_equal(strlen(vm->id), UUID_TEXT - 1);
    assert_string_equal(vm->machine, "q35");
    assert_string_equal(vm->virt, "qemu");
    assert_string_equal(vm->firmware, "bios");
    assert_string_equal(vm->graphics, "none");
    assert_int_equal(vm->vcpus, 1);
    assert_int_equal(vm->spare_root_ports, 8);
    assert_int_equal(vm->ncontrollers, 1);
    assert_string_equal(vm->controllers[0].alias, "ua-scsi0");
    assert_int_equal(off->ncontrollers, 0);
    assert_int_equal(off->vcpus, 1);
}

static void
refused(void **state)
{
    (void)state;
    refuses("\"vcpus\":0", "vcpus");
    refuses("\"arch\":\"aarch64\"", "arch");
    refuses("\"machine\":\"pc-virt\"", "machine");
    refuses("\"virt\":\"xen\"", "virt");
    refuses("\"graphics\":\"spice\"", "graphics");
    refuses("\"serial_log\":\"log\"", "serial_log");
    refuses("\"initrd\":\"/i\"", "initrd");
    refuses("\"cmdline\":\"x\"", "cmdline");
    refuses("\"spare_root_ports\":241", "spare_root_ports");
    refuses("\"virtio_scsi\":false,\"controllers\":[{\"index\":0}]",
            "virtio_scsi");
    refuses("\"controllers\":[{\"index\":0},{\"index\":0}]",
            "controllers[1].index");
    refuses("\"controllers\":[{\"index\":0,\"iothread\":1}]",
            "controllers[0].iothread");
    refuses("\"controllers\":[7]", "controllers[0]");
    refuses("\"disks\":[7]", "disks[0]");
    refuses("\"disks\":[{\"interface\":\"virtio\",\"iothread\":1,\"source\":"
            "{\"type\":\"file\",\"path\":\"/a\"}}]",
            "disks[0].iothread");
    refuses("\"disks\":[{\"kind\":\"cdrom\",\"disk_id\":\"11111111-1111-4111-"
            "8111-111111111111\"},{\"kind\":\"cdrom\",\"disk_id\":\"11111111-"
            "1111-4111-8111-111111111111\"}]",
            "disks.disk_id");
}

static void
refused_nics(void **state)
{
    (void)state;
    refuses("\"nics\":[{\"mac\":\"52:54:00:aa:bb\"}]", "nics[0].mac");
    refuses("\"nics\":[{\"mac\":\"52:54: 0:aa:bb:cc\"}]", "nics[0].mac");
    refuses("\"nics\":[{\"mac\":\"52-54-00-aa-bb-cc\"}]", "nics[0].mac");
    refuses("\"nics\":[{\"network\":\"a\",\"bridge\":\"b\"}]",
            "nics[0].bridge");
    refuses("\"nics\":[{\"network\":\"<a>\"}]", "nics[0].network");
    refuses("\"nics\":[{\"model\":\"e1000\"}]", "nics[0].model");
    refuses("\"machine\":\"pc\",\"nics\":[{\"model\":\"e1000e\"}]",
            "nics[0].model");
    refuses("\"nics\":[{\"address\":{\"type\":\"drive\",\"unit\":0}}]",
            "nics[0].address");
    refuses("\"nics\":[{\"nic_id\":\"11111111-1111-4111-8111-111111111111\"},"
            "{\"nic_id\":\"11111111-1111-4111-8111-111111111111\"}]",
            "nics[1].nic_id");
}

static void
places_refused(void **state)
{
    (void)state;
    refuses_place("\"nics\":[{\"address\":{\"type\":\"pci\",\"bus\":1,"
                  "\"slot\":1}}]",
                  ERR_INVALID, "nics[0].address");
    refuses_place("\"machine\":\"pc\",\"nics\":[{\"address\":{\"type\":\"pci\","
                  "\"bus\":1,\"slot\":0}}]",
                  ERR_INVALID, "nics[0].address");
    refuses_place("\"nics\":[{\"address\":{\"type\":\"pci\",\"bus\":241,"
                  "\"slot\":0}}]",
                  ERR_NO_FREE_PORT, "240 fit");
    refuses_place("\"graphics\":\"vnc\",\"nics\":[{\"address\":{\"type\":"
                  "\"pci\",\"bus\":0,\"slot\":1}}]",
                  ERR_INVALID, "video");
    refuses_place("\"disks\":[{\"kind\":\"cdrom\"},{\"kind\":\"cdrom\"},"
                  "{\"kind\":\"cdrom\"},{\"kind\":\"cdrom\"},{\"kind\":"
                  "\"cdrom\"},{\"kind\":\"cdrom\"},{\"kind\":\"cdrom\"}]",
                  ERR_NO_FREE_UNIT, "sata");
}

/* n disks of an interface, as the value of "disks". */
static char *
disks(unsigned n, const char *interface)
{
    struct buf b = BUF_INIT;

    for (unsigned i = 0; i < n; i++)
        buf_printf(&b,
                   "%s{\"interface\":\"%s\",\"source\":{\"type\":\"file\","
                   "\"path\":\"/images/%u.raw\"}}",
                   i ? "," : "\"disks\":[", interface, i);
    buf_add_text(&b, "]");
    return buf_steal(&b);
}

/* Devices of the domain that vm makes: no address twice, all on ports. */
static struct domain *
check_domain(const struct vm *vm)
{
    CLEANUP_FREE char *xml = vm_xml(vm, NULL);
    struct err err = ERR_INIT;
    struct domain *d = domain_parse(xml, &err);
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();

    assert_non_null(d);
    for (size_t i = 0; i < d->npci; i++) {
        assert_null(address_pool_owner(pool, NULL, &d->pci[i].address));
        address_pool_take(pool, NULL, &d->pci[i].address, d->pci[i].what);
    }
    for (size_t i = 0; i < d->ndisks; i++) {
        const struct disk *disk = d->disks[i];

        assert_ptr_equal(domain_disk_by_target(d, disk->target), disk);
        if (disk->address.type == ADDRESS_DRIVE)
            assert_null(address_pool_owner(pool, disk_bus(disk),
                                           &disk->address));
        address_pool_take(pool, disk_bus(disk), &disk->address, "a disk");
    }
    return d;
}

static void
spare_ports_stay_spare(void **state)
{
    static const char *const all[] = {
        "\"spare_root_ports\":5",
        "\"spare_root_ports\":5,\"graphics\":\"vnc\",\"nics\":[{},{}]",
        "\"spare_root_ports\":5,\"nics\":[{\"address\":{\"type\":\"pci\","
        "\"bus\":0,\"slot\":2}}]",
        "\"spare_root_ports\":5,\"nics\":[{\"address\":{\"type\":\"pci\","
        "\"bus\":4,\"slot\":0}},{}]"};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_VM struct vm *vm = placed(all[i]);
        CLEANUP_DOMAIN struct domain *d = check_domain(vm);
        CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
        CLEANUP_FREE struct domain_port *ports = NULL;
        size_t n, spare = 0;

        domain_take_addresses(d, pool);
        ports = domain_ports(d, pool, &n);
        for (size_t k = 0; k < n; k++)
            spare += ports[k].holder == NULL;
        assert_int_equal(spare, 5);
        assert_int_equal(n, vm->nports);
    }
}

static void
virtio_disks_fill_ports(void **state)
{
    CLEANUP_FREE char *most = disks(232, "virtio");
    CLEANUP_FREE char *too_many = disks(240, "virtio");
    CLEANUP_FREE char *pc = disks(28, "virtio");
    CLEANUP_FREE char *full = mem_printf("\"spare_root_ports\":7,%s", most);
    CLEANUP_FREE char *old = mem_printf("\"machine\":\"pc\",%s", pc);
    CLEANUP_FREE char *over = mem_printf("\"machine\":\"pc\",%s", too_many);
    CLEANUP_VM struct vm *vm = placed(full);
    CLEANUP_DOMAIN struct domain *d = check_domain(vm);
    CLEANUP_VM struct vm *small = placed(old);
    CLEANUP_DOMAIN struct domain *e = check_domain(small);

    (void)state;
    assert_int_equal(vm->nports, 240);
    assert_int_equal(d->ndisks, 232);
    assert_int_equal(small->nports, 0);
    assert_int_equal(e->ndisks, 28);
    refuses_place(too_many, ERR_NO_FREE_PORT, "249 PCIe root ports");
    refuses_place(over, ERR_NO_FREE_PORT, "do not fit");
}

static void
a_thousand_disks(void **state)
{
    CLEANUP_FREE char *many = disks(1000, "virtio_scsi");
    CLEANUP_VM struct vm *vm = placed(many);
    CLEANUP_DOMAIN struct domain *d = check_domain(vm);

    (void)state;
    assert_int_equal(d->ndisks, 1000);
    assert_string_equal(vm->disks[999]->target, "sdall");
    assert_int_equal(vm->disks[999]->address.drive.target, 3);
    assert_int_equal(vm->disks[999]->address.drive.unit, 999 - 3 * 255);
}

/* What was placed stays, and what is only recorded keeps its place. */
static void
placing_again_changes_nothing(void **state)
{
    CLEANUP_VM struct vm *vm = placed(
        "\"nics\":[{}],\"disks\":[{\"plugged\":false,\"source\":{\"type\":"
        "\"file\",\"path\":\"/a\"}},{\"source\":{\"type\":\"file\",\"path\":"
        "\"/b\"}}]");
    CLEANUP_FREE char *first = vm_xml(vm, "m");
    CLEANUP_FREE char *second = NULL;
    struct err err = ERR_INIT;

    (void)state;
    if (vm_place(vm, &err) < 0)
        fail_msg("%s", err.message);
    second = vm_xml(vm, "m");
    assert_string_equal(first, second);
    assert_null(strstr(first, "\"/a\""));
    assert_int_equal(vm->disks[0]->address.drive.unit, 0);
    assert_int_equal(vm->disks[1]->address.drive.unit, 1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(filled_in),
        cmocka_unit_test(refused),
        cmocka_unit_test(refused_nics),
        cmocka_unit_test(places_refused),
        cmocka_unit_test(spare_ports_stay_spare),
        cmocka_unit_test(virtio_disks_fill_ports),
        cmocka_unit_test(a_thousand_disks),
        cmocka_unit_test(placing_again_changes_nothing),
    };

    return CASES(cases);
}
