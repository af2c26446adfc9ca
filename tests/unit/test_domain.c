// SPDX-License-Identifier: Apache-2.0
/* The parsed domain: numbers, free places, what nobody planned; its edits. */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/spec/domain.h"

#define ID "11111111-1111-4111-8111-111111111111"

static struct domain *
parse(const char *xml)
{
    struct err err = ERR_INIT;
    struct domain *d = domain_parse(xml, &err);

    if (!d)
        fail_msg("%s", err.message);
    return d;
}

static struct domain *
with_head(const char *head)
{
    CLEANUP_FREE char *xml = mem_printf("<domain>%s</domain>", head);

    return parse(xml);
}

/* A q35 domain with n root ports, and more devices. */
static char *
q35(unsigned n, const char *more)
{
    struct buf b = BUF_INIT;

    buf_add_text(&b, "<domain><name>vm</name><devices>"
                     "<controller type='pci' index='0' model='pcie-root'/>");
    for (unsigned i = 1; i <= n; i++)
        buf_printf(&b,
                   "<controller type='pci' index='%u' "
                   "model='pcie-root-port'><address type='pci' bus='0' "
                   "slot='%u' function='%u'/></controller>",
                   i, 2 + (i - 1) / 8, (i - 1) % 8);
    buf_printf(&b, "%s</devices></domain>", more);
    return buf_steal(&b);
}

static void
memory_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } all[] = {
        {"<memory>4</memory>", 4096},
        {"<memory unit='KiB'> 4 \n</memory>", 4096},
        {"<memory unit='k'>4</memory>", 4096},
        {"<memory unit='KB'>4</memory>", 4000},
        {"<memory unit='M'>4</memory>", 4u << 20},
        {"<memory unit='MB'>4</memory>", 4000000},
        {"<memory unit='GiB'>3</memory>", 3ull << 30},
        {"<memory unit='TiB'>1</memory>", 1ull << 40},
        {"<memory unit='EiB'>1</memory>", 1ull << 60},
        {"<memory unit='b'>5</memory>", 5},
        {"<memory unit='bytes'>5</memory>", 5},
        {"<memory unit='EiB'>99</memory>", 0},
        {"<memory>-1</memory>", 0},
        {"<memory>4x</memory>", 0},
        {"<memory>99999999999999999999999</memory>", 0},
        {"<memory/>", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CLEANUP_DOMAIN struct domain *d = with_head(all[i].text);

        if (d->memory != all[i].bytes)
            fail_msg("%s gave %llu", all[i].text,
                     (unsigned long long)d->memory);
    }
}

static void
vcpus(void **state)
{
    CLEANUP_DOMAIN struct domain *all = with_head("<vcpu>4</vcpu>");
    CLEANUP_DOMAIN struct domain *some =
        with_head("<vcpu current='2'>4</vcpu><iothreads>3</iothreads>");
    CLEANUP_DOMAIN struct domain *bad = with_head("<vcpu current='x'>y</vcpu>");

    (void)state;
    assert_int_equal(all->vcpus, 4);
    assert_int_equal(some->vcpus, 2);
    assert_int_equal(some->niothreads, 3);
    assert_true(domain_has_iothread(some, 3));
    assert_false(domain_has_iothread(some, 4));
    assert_int_equal(bad->vcpus, 0);
}

/* libvirt numbers those that are not named from 1 on. */
static void
iothread_numbers(void **state)
{
    CLEANUP_DOMAIN struct domain *d =
        with_head("<iothreads>3</iothreads><iothreadids><iothread id='2'/>"
                  "<iothread id='7'/></iothreadids>");

    (void)state;
    assert_int_equal(d->niothreads, 3);
    assert_true(domain_has_iothread(d, 1));
    assert_true(domain_has_iothread(d, 2));
    assert_true(domain_has_iothread(d, 7));
    assert_false(domain_has_iothread(d, 3));
}

static char *
edited(const char *xml, enum edit_kind kind, const struct controller *c)
{
    struct controller copy = *c;
    struct edit edit = {.kind = kind, .controller = &copy};
    struct err err = ERR_INIT;
    char *out = domain_edit(xml, &edit, 1, &err);

    if (!out)
        fail_msg("%s", err.message);
    return out;
}

/* A controller brings the I/O thread it names; what is unknown stays. */
static void
controller_edits(void **state)
{
    CLEANUP_FREE char *bare = q35(2, "");
    struct controller c;
    CLEANUP_FREE char *added = NULL, *changed = NULL, *twice = NULL;
    CLEANUP_FREE char *removed = NULL;

    (void)state;
    controller_init(&c, "scsi", "virtio-scsi", 0);
    c.iothread = 2;
    added = edited(bare, EDIT_ADD_CONTROLLER, &c);
    assert_non_null(strstr(added, "<iothreads>1</iothreads>"));
    assert_non_null(strstr(added, "<iothread id=\"2\"/>"));
    assert_non_null(strstr(added, "<driver iothread=\"2\"/>"));
    c.iothread = 3;
    c.queues = 4;
    changed = edited(added, EDIT_REPLACE_CONTROLLER, &c);
    assert_non_null(strstr(changed, "<iothreads>2</iothreads>"));
    assert_non_null(strstr(changed, "<driver queues=\"4\" iothread=\"3\"/>"));
    twice = edited(changed, EDIT_REPLACE_CONTROLLER, &c);
    assert_string_equal(twice, changed);
    removed = edited(twice, EDIT_REMOVE_CONTROLLER, &c);
    assert_null(strstr(removed, "virtio-scsi"));
    assert_non_null(strstr(removed, "pcie-root-port"));
}

/* Threads that only had a count keep their numbers. */
static void
unnamed_threads(void **state)
{
    struct controller c;
    CLEANUP_FREE char *same = NULL, *more = NULL;

    (void)state;
    controller_init(&c, "scsi", "virtio-scsi", 0);
    c.iothread = 2;
    same = edited("<domain><iothreads>2</iothreads><devices/></domain>",
                  EDIT_ADD_CONTROLLER, &c);
    assert_null(strstr(same, "iothreadids"));
    c.iothread = 5;
    more = edited("<domain><iothreads>2</iothreads><devices/></domain>",
                  EDIT_ADD_CONTROLLER, &c);
    assert_non_null(strstr(more, "<iothreads>3</iothreads>"));
    assert_non_null(strstr(more, "<iothread id=\"1\"/><iothread id=\"2\"/>"
                                 "<iothread id=\"5\"/>"));
}

static void
not_a_domain(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_null(domain_parse("<network/>", &err));
    unit_err(&err, ERR_INVALID, "<network>");
    assert_null(domain_parse("<domain>", &err));
    unit_err(&err, ERR_INVALID, "line 1");
    assert_null(domain_parse("", &err));
    assert_null(domain_edit("<network/>", NULL, 0, &err));
    unit_err(&err, ERR_INVALID, "<network>");
}

static void
references(void **state)
{
    struct domain *d = parse("<domain/>");

    (void)state;
    assert_ptr_equal(domain_ref(d), d);
    domain_unref(d);
    assert_int_equal(json_array_size(d->nics), 0);
    domain_unref(d);
    assert_null(domain_ref(NULL));
    domain_unref(NULL);
}

static void
machine(void **state)
{
    CLEANUP_FREE char *xml = q35(1, "");
    CLEANUP_DOMAIN struct domain *by_root = parse(xml);
    CLEANUP_DOMAIN struct domain *by_name =
        with_head("<os><type machine='pc-q35-9.0'>hvm</type></os>");
    CLEANUP_DOMAIN struct domain *pc =
        with_head("<os><type machine='pc-i440fx-9.0'>hvm</type></os>");

    (void)state;
    assert_true(domain_is_q35(by_root));
    assert_true(domain_is_q35(by_name));
    assert_false(domain_is_q35(pc));
}

static void
free_ports(void **state)
{
    CLEANUP_FREE char *xml = q35(
        240, "<disk type='file'><target dev='vda' bus='virtio'/><alias "
             "name='ua-x'/><address type='pci' bus='0x01' slot='0'/></disk>"
             "<video><address type='pci' bus='3' slot='0'/></video>");
    CLEANUP_DOMAIN struct domain *d = parse(xml);
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    CLEANUP_FREE struct domain_port *ports = NULL;
    struct err err = ERR_INIT;
    struct address a;
    size_t n;

    (void)state;
    domain_take_addresses(d, pool);
    ports = domain_ports(d, pool, &n);
    assert_int_equal(n, 240);
    assert_string_equal(ports[0].holder, "ua-x");
    assert_null(ports[1].holder);
    assert_string_equal(ports[2].holder, "video");
    for (unsigned i = 0; i < 238; i++) {
        assert_int_equal(domain_free_pci(d, pool, &a, &err), 0);
        assert_int_equal(a.pci.slot, 0);
        assert_null(address_pool_owner(pool, NULL, &a));
        address_pool_take(pool, NULL, &a, "a holder with rather a long name");
    }
    assert_int_equal(a.pci.bus, 240);
    assert_int_equal(domain_free_pci(d, pool, &a, &err), -1);
    unit_err(&err, ERR_NO_FREE_PORT, "VM vm has 240 PCIe root ports");
    unit_err(&err, ERR_NO_FREE_PORT, "ua-x on bus 1");
    unit_err(&err, ERR_NO_FREE_PORT, "use interface virtio_scsi");
}

static void
no_ports_at_all(void **state)
{
    CLEANUP_FREE char *xml = q35(0, "");
    CLEANUP_DOMAIN struct domain *d = parse(xml);
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    struct err err = ERR_INIT;
    struct address a;

    (void)state;
    assert_int_equal(domain_free_pci(d, pool, &a, &err), -1);
    unit_err(&err, ERR_NO_FREE_PORT, "has 0 PCIe root ports");
}

static void
free_slots(void **state)
{
    CLEANUP_DOMAIN struct domain *d = with_head(
        "<devices><controller type='pci' index='0' model='pci-root'/><video>"
        "<address type='pci' slot='0x02'/></video><sound><address type='pci' "
        "slot='0x03' function='0x3'/></sound></devices>");
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    struct err err = ERR_INIT;
    struct address a;

    (void)state;
    domain_take_addresses(d, pool);
    for (unsigned slot = 4; slot <= 31; slot++) {
        assert_int_equal(domain_free_pci(d, pool, &a, &err), 0);
        assert_int_equal(a.pci.slot, slot);
        address_pool_take(pool, NULL, &a, "x");
    }
    assert_int_equal(domain_free_pci(d, pool, &a, &err), -1);
    unit_err(&err, ERR_NO_FREE_PORT, "no free slot");
}

static void
lookups(void **state)
{
    CLEANUP_DOMAIN struct domain *d = with_head(
        "<devices><disk><target dev='sda'/></disk><disk><target dev='sdb'/>"
        "<alias name='ua-b'/></disk><controller type='scsi' index='2'/>"
        "</devices>");

    (void)state;
    assert_string_equal(domain_disk_by_alias(d, "ua-b")->target, "sdb");
    assert_null(domain_disk_by_alias(d, "ua-a"));
    assert_null(domain_disk_by_alias(d, NULL));
    assert_null(domain_disk_by_target(d, "sda")->alias);
    assert_null(domain_disk_by_target(d, NULL));
    assert_non_null(domain_controller(d, "scsi", 2));
    assert_null(domain_controller(d, "scsi", 0));
    assert_null(domain_controller(d, "sata", 2));
}

static void
expect_unplanned(const char *before, const char *seen,
                 const char *const *allow, const char *words)
{
    CLEANUP_FREE char *a = mem_printf("<devices>%s</devices>", before);
    CLEANUP_FREE char *b = mem_printf("<devices>%s</devices>", seen);
    CLEANUP_DOMAIN struct domain *was = with_head(a);
    CLEANUP_DOMAIN struct domain *is = with_head(b);
    CLEANUP_FREE char *got = domain_unplanned(was, is, allow);

    if (words)
        assert_string_equal(got, words);
    else
        assert_null(got);
}

static void
unplanned(void **state)
{
    const char *one = "<disk><target dev='sda'/><alias name='ua-1'/></disk>";
    const char *two = "<disk><target dev='sda'/><alias name='ua-1'/></disk>"
                      "<disk><target dev='sdb'/><alias name='ua-2'/></disk>";
    const char *scsi = "<controller type='scsi' index='0' model='lsilogic'/>";
    const char *ours = "<controller type='scsi' index='0' "
                       "model='virtio-scsi'><alias name='ua-scsi0'/>"
                       "</controller>";
    const char *const allow[] = {"ua-2", "ua-scsi0", NULL};

    (void)state;
    expect_unplanned(one, one, NULL, NULL);
    expect_unplanned(two, one, NULL, NULL);
    expect_unplanned(one, two, NULL, "disk ua-2 (sdb)");
    expect_unplanned(one, two, allow, NULL);
    expect_unplanned("", ours, allow, NULL);
    expect_unplanned("", ours, NULL, "scsi controller 0 (virtio-scsi)");
    expect_unplanned("", scsi, allow, "scsi controller 0 (lsilogic)");
    expect_unplanned(scsi, scsi, NULL, NULL);
    expect_unplanned("", "<disk/>", NULL, "disk  (no target)");
}

static struct disk *
a_disk(unsigned unit)
{
    struct disk *disk = disk_new();
    char target[16];

    uuid_new(disk->id);
    disk->alias = mem_printf("ua-%s", disk->id);
    disk->source_type = DISK_SOURCE_FILE;
    disk->path = mem_printf("/images/%u.raw", unit);
    disk_target_name(disk->interface, unit, target);
    disk->target = mem_dup(target);
    disk->address.type = ADDRESS_DRIVE;
    disk->address.drive.unit = unit;
    return disk;
}

/* A batch of edits goes through one tree; what is added can be taken out. */
static void
many_edits(void **state)
{
    const size_t n = 300;
    CLEANUP_FREE struct edit *edits = mem_zalloc(n, sizeof(*edits));
    CLEANUP_FREE char *full = NULL, *empty = NULL;
    struct err err = ERR_INIT;
    CLEANUP_DOMAIN struct domain *d = NULL;

    (void)state;
    for (size_t i = 0; i < n; i++)
        edits[i].disk = a_disk((unsigned)i);
    full = domain_edit("<domain/>", edits, n, &err);
    if (!full)
        fail_msg("%s", err.message);
    d = parse(full);
    assert_int_equal(d->ndisks, n);
    for (size_t i = 0; i < n; i++)
        edits[i].kind = EDIT_REMOVE_DISK;
    empty = domain_edit(full, edits, n, &err);
    assert_string_equal(empty, "<domain><devices/></domain>");
    for (size_t i = 0; i < n; i++)
        edit_clear(&edits[i]);
}

static void
metadata(void **state)
{
    struct edit set = {.kind = EDIT_SET_METADATA,
                       .text = mem_dup("{\"a\": \"<&]]>\"}")};
    struct edit unset = {.kind = EDIT_SET_METADATA};
    const char *foreign = "<domain><metadata><x:vm xmlns:x='urn:x'>theirs"
                          "</x:vm></metadata></domain>";
    CLEANUP_FREE char *once = domain_edit(foreign, &set, 1, NULL);
    CLEANUP_FREE char *twice = domain_edit(once, &set, 1, NULL);
    CLEANUP_FREE char *gone = domain_edit(twice, &unset, 1, NULL);
    CLEANUP_DOMAIN struct domain *d = parse(twice);
    CLEANUP_DOMAIN struct domain *without = parse(gone);

    (void)state;
    assert_string_equal(once, twice);
    assert_string_equal(d->metadata, set.text);
    assert_null(without->metadata);
    assert_non_null(strstr(gone, "theirs"));
    edit_clear(&set);
}

/* Bursts of a limit that stays are kept, those of one that goes are not. */
static void
merged_limits(void **state)
{
    const char *xml =
        "<domain><devices><disk type='file'><target dev='sda' bus='scsi'/>"
        "<alias name='ua-" ID "'/><iotune><total_bytes_sec>10</total_bytes_sec>"
        "<total_bytes_sec_max>20</total_bytes_sec_max>"
        "<total_iops_sec>1</total_iops_sec><total_iops_sec_max>2"
        "</total_iops_sec_max><group_name>g</group_name></iotune></disk>"
        "</devices></domain>";
    CLEANUP_DOMAIN struct domain *before = parse(xml);
    struct edit edit = {.kind = EDIT_REPLACE_DISK,
                        .disk = disk_copy(before->disks[0])};
    CLEANUP_FREE char *out = NULL;

    (void)state;
    edit.disk->iotune.total_iops_sec = 0;
    out = domain_edit(xml, &edit, 1, NULL);
    assert_non_null(strstr(out, "<total_bytes_sec_max>20<"));
    assert_non_null(strstr(out, "<group_name>g<"));
    assert_null(strstr(out, "total_iops_sec"));
    edit_clear(&edit);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(memory_units),    cmocka_unit_test(vcpus),
        cmocka_unit_test(iothread_numbers),
        cmocka_unit_test(controller_edits),
        cmocka_unit_test(unnamed_threads),
        cmocka_unit_test(not_a_domain),    cmocka_unit_test(references),
        cmocka_unit_test(machine),         cmocka_unit_test(free_ports),
        cmocka_unit_test(no_ports_at_all), cmocka_unit_test(free_slots),
        cmocka_unit_test(lookups),         cmocka_unit_test(unplanned),
        cmocka_unit_test(many_edits),      cmocka_unit_test(metadata),
        cmocka_unit_test(merged_limits),
    };

    return CASES(cases);
}
