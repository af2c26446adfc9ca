// SPDX-License-Identifier: Apache-2.0
/*
 * Documents of a central engine. Golden: every line of
 * tests/golden/engine/samples.jsonl, read, placed and printed, is its .txt;
 * each domain is valid against libvirt's schema, which the engine's own is
 * not. BERTH_GOLDEN_UPDATE=1 rewrites. Then single rules, one by one.
 */
#include "tests/unit/unit.h"

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/spec/engine.h"
#include "agent/spec/ovirt.h"

#define FOLDER "tests/golden/engine/"
#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"

static const struct engine_host host = {.virt = "kvm",
                                        .os_name = "Debian GNU/Linux",
                                        .os_version = "12",
                                        .serial = "S-1"};
static const struct engine_host plain = {.virt = "kvm"};
static const struct engine_known nothing = {.ndisks = 0};

/* --- golden --------------------------------------------------------------- */

static void
add_warnings(struct buf *out, const json_t *warnings)
{
    json_t *text;
    size_t i;

    json_array_foreach((json_t *)warnings, i, text)
        buf_printf(out, "warning: %s\n", json_string_value(text));
}

static void
check_schema(const char *xml)
{
    char folder[256], path[300];
    const char *argv[] = {"xmllint", "--noout", "--relaxng", SCHEMA, path,
                          NULL};
    struct proc_result result;
    struct err err = ERR_INIT;

    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/domain.xml", folder);
    unit_write(path, xml);
    if (proc_run(&(struct proc){.argv = argv, .timeout_ms = 60000,
                                .max_output = 65536},
                 &result, &err) < 0)
        fail_msg("%s", err.message);
    if (result.status != 0)
        fail_msg("%s\n%s", result.errout, xml);
    proc_result_free(&result);
}

static void
print_domain(const char *xml, struct buf *out)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain =
        engine_domain_read(xml, &plain, &err);
    CLEANUP_FREE char *text = NULL;

    if (!domain || engine_place(domain, &nothing, &err) < 0)
        fail_msg("%s", err.message);
    text = xml_pretty(xml_root(domain->doc));
    check_schema(text);
    buf_printf(out, "%s\n", text);
    add_warnings(out, domain->warnings);
}

static void
print_plug(const char *xml, struct buf *out)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        engine_plug_read(xml, "disk", &err);
    CLEANUP_DISK struct disk *disk = plug ? engine_plug_disk(plug, &err) : NULL;
    CLEANUP_JSON json_t *json = NULL;
    CLEANUP_FREE char *text = NULL, *flat = NULL, *meta = NULL;
    CLEANUP_XML xmlDocPtr doc = NULL;

    if (!disk)
        fail_msg("%s", err.message);
    disk->target = mem_dup("sdz");
    json = disk_to_json(disk, "vm");
    text = json_pretty(json);
    flat = disk_xml(disk);
    doc = xml_parse(flat, strlen(flat), NULL);
    free(flat);
    flat = xml_pretty(xml_root(doc));
    meta = ovirt_text(plug->meta);
    buf_printf(out, "%s\n%s\n%s\n", text, flat, meta);
    add_warnings(out, plug->warnings);
}

static void
compare(const char *name, const char *have)
{
    CLEANUP_FREE char *file = mem_dup(name);
    CLEANUP_FREE char *path = NULL, *want = NULL;

    for (char *p = file; *p; p++)
        if (*p == '/')
            *p = '_';
    path = mem_printf(FOLDER "%s.txt", file);
    if (getenv("BERTH_GOLDEN_UPDATE"))
        unit_write(path, have);
    want = file_read(path, 1 << 20, NULL, NULL);
    if (!want || strcmp(want, have) != 0)
        fail_msg("%s differs; it is now:\n%s", path, have);
}

static void
samples(void **state)
{
    struct err err = ERR_INIT;
    size_t len, n = 0;
    CLEANUP_FREE char *all =
        file_read(FOLDER "samples.jsonl", 1 << 20, &len, &err);
    char *save = NULL;

    (void)state;
    assert_non_null(all);
    for (char *line = strtok_r(all, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save), n++) {
        CLEANUP_JSON json_t *sample =
            json_parse(line, strlen(line), &(struct json_limits){16, 1 << 24},
                       &err);
        const char *name = json_get_text(sample, "case", NULL);
        CLEANUP_BUF struct buf out = BUF_INIT;

        assert_non_null(name);
        (strncmp(name, "run/", 4) == 0 ? print_domain : print_plug)(
            json_get_text(sample, "xml", ""), &out);
        compare(name, out.data);
    }
    assert_int_equal(n, 20);
}

/* --- reading -------------------------------------------------------------- */

#define DOMAIN(type, before, devices, meta)                                    \
    "<domain type='" type "' xmlns:ovirt-vm='" OVIRT_VM_URI "'>"               \
    "<name>v</name><uuid>aaaaaaaa-0000-0000-0000-000000000001</uuid>" before   \
    "<os><type machine='pc-q35-rhel8.6.0'>hvm</type></os>"                     \
    "<devices>" devices "</devices><metadata><ovirt-vm:vm>" meta               \
    "</ovirt-vm:vm></metadata></domain>"

static struct engine_domain *
read_domain(const char *xml, const struct engine_known *known)
{
    struct err err = ERR_INIT;
    struct engine_domain *domain = engine_domain_read(xml, &host, &err);

    if (!domain || (known && engine_place(domain, known, &err) < 0))
        fail_msg("%s", err.message);
    return domain;
}

static void
refuse_domain(const char *xml, const struct engine_host *on,
              enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    if (engine_domain_read(xml, on, &err))
        fail_msg("it was read: %s", xml);
    unit_err(&err, kind, part);
}

/* The text of a domain holds (or lacks) part. */
static void
holds(const struct engine_domain *domain, const char *part, bool wanted)
{
    CLEANUP_FREE char *text = xml_text(xml_root(domain->doc));

    if ((strstr(text, part) != NULL) != wanted)
        fail_msg("'%s' is %s in\n%s", part, wanted ? "not" : "", text);
}

static void
warns(const json_t *warnings, const char *part)
{
    CLEANUP_FREE char *text = json_text(warnings, NULL);

    if (part ? !strstr(text, part) : json_array_size(warnings) > 0)
        fail_msg("'%s' is not as expected in %s", part ? part : "(nothing)",
                 text);
}

static void
kvm_without_kvm(void **state)
{
    static const char xml[] =
        DOMAIN("kvm",
               "<features><acpi/><hyperv><vpindex state='on'/></hyperv>"
               "</features><clock><timer name='hypervclock'/>"
               "<timer name='rtc'/></clock>",
               "", "");
    const struct engine_host here = {.virt = "qemu"};
    const struct engine_host slow = {.virt = "qemu", .allow_tcg = true};
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = NULL;

    (void)state;
    refuse_domain(xml, &here, ERR_UNSUPPORTED, "allow_tcg");
    domain = engine_domain_read(xml, &slow, NULL);
    holds(domain, " type=\"qemu\">", true);
    warns(domain->warnings, "emulated");
    holds(domain, "hyperv", false);
    holds(domain, "acpi", true);
    holds(domain, "rtc", true);
}

static void
bad_documents(void **state)
{
    (void)state;
    refuse_domain("<domain", &host, ERR_INVALID, "well-formed");
    refuse_domain("<network/>", &host, ERR_INVALID, "<domain>");
    refuse_domain("<domain><uuid>x</uuid></domain>", &host, ERR_INVALID,
                  "name");
    refuse_domain("<domain><name>../v</name></domain>", &host, ERR_INVALID,
                  "name");
    refuse_domain("<domain><name>v</name><uuid>x</uuid></domain>", &host,
                  ERR_INVALID, "UUID");
    refuse_domain(DOMAIN("kvm", "",
                         "<lease><target path='LEASE-PATH:v:d'/></lease>", ""),
                  &host, ERR_UNSUPPORTED, "LEASE-PATH:v:d");
    refuse_domain(DOMAIN("kvm", "",
                         "<disk type='file' device='cdrom'>"
                         "<source file='PAYLOAD:'/></disk>",
                         ""),
                  &host, ERR_UNSUPPORTED, "payload");
}

static void
names_of_this_host(void **state)
{
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = read_domain(
        DOMAIN("kvm",
               "<sysinfo><system><entry name='product'>OS-NAME:</entry>"
               "<entry name='version'>OS-VERSION:</entry>"
               "<entry name='serial'>HOST-SERIAL:</entry></system></sysinfo>",
               "", "<ovirt-vm:launchPaused>true</ovirt-vm:launchPaused>"),
        NULL);
    const struct engine_host mute = {.virt = "kvm"};
    CLEANUP_FREE char *machine = NULL;
    CLEANUP_ENGINE_DOMAIN struct engine_domain *bare = engine_domain_read(
        DOMAIN("kvm",
               "<sysinfo><system><entry name='serial'>HOST-SERIAL:</entry>"
               "</system></sysinfo>",
               "", ""),
        &mute, NULL);

    (void)state;
    holds(domain, "Debian GNU/Linux", true);
    holds(domain, ">12<", true);
    holds(domain, ">S-1<", true);
    machine = engine_domain_machine(domain);
    assert_string_equal(machine, "pc-q35-rhel8.6.0");
    engine_domain_set_machine(domain, "q35");
    holds(domain, "machine=\"q35\"", true);
    assert_true(domain->paused);
    holds(bare, "entry", false);
    holds(bare, "pc-q35-rhel8.6.0", true);
    assert_false(bare->paused);
}

static void
privileges(void **state)
{
    static const struct {
        const char *xml, *word;
    } rows[] = {
        {DOMAIN("kvm", "", "", ""), NULL},
        {DOMAIN("kvm", "<q:commandline xmlns:q='http://libvirt.org/schemas/"
                       "domain/qemu/1.0'/>",
                "", ""),
         "q:commandline"},
        {DOMAIN("kvm", "<q:capabilities xmlns:q='http://libvirt.org/schemas/"
                       "domain/qemu/1.0'/>",
                "", ""),
         NULL},
        {DOMAIN("kvm", "", "<hostdev type='pci'/><hostdev type='scsi'/>", ""),
         "hostdev scsi"},
        {DOMAIN("kvm", "", "<emulator>/bin/sh</emulator>", ""), "emulator"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CLEANUP_ENGINE_DOMAIN struct engine_domain *domain =
            read_domain(rows[i].xml, NULL);
        CLEANUP_FREE char *word = engine_domain_privilege(domain);

        assert_int_equal(word != NULL, rows[i].word != NULL);
        assert_true(!word || strstr(word, rows[i].word));
    }
}

/* --- places --------------------------------------------------------------- */

#define DISK(id, target, more)                                                 \
    "<disk type='file' device='disk'><target dev='" target "' bus='scsi'/>"    \
    "<source file='/i/" id "'/><alias name='ua-" ID(id) "'/>" more "</disk>"
#define ID(id) "11111111-0000-0000-0000-00000000000" id
#define AT(controller, unit)                                                   \
    "<address type='drive' controller='" controller "' bus='0' target='0' "    \
    "unit='" unit "'/>"
#define SCSI(index, iothread, more)                                            \
    "<controller type='scsi' model='virtio-scsi' index='" index "'>"           \
    "<driver iothread='" iothread "'/>" more "</controller>"
#define PCI(bus) "<address type='pci' bus='" bus "' slot='0'/>"
#define ROOT                                                                   \
    "<controller type='pci' model='pcie-root'/>"                               \
    "<controller type='pci' model='pcie-root-port'/>"                          \
    "<controller type='pci' model='pcie-root-port'/>"

static struct disk *
placed_disk(struct engine_domain *domain, const char *id)
{
    size_t n;
    struct disk **disks = engine_domain_disks(domain, &n);
    struct disk *found = NULL;

    for (size_t i = 0; i < n; i++)
        if (strcmp(disks[i]->id, id) == 0)
            found = disk_copy(disks[i]);
    engine_disks_free(disks, n);
    assert_non_null(found);
    return found;
}

static void
is_at(struct engine_domain *domain, const char *id, const char *target,
      const char *address)
{
    CLEANUP_DISK struct disk *disk = placed_disk(domain, id);
    char text[32];

    address_text(&disk->address, text);
    assert_string_equal(disk->target, target);
    assert_string_equal(text, address);
}

/* What was sent twice is moved, what was not sent is given; the metadata
 * follow the target. */
static void
duplicates(void **state)
{
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = read_domain(
        DOMAIN("kvm", "",
               SCSI("0", "1", "") DISK("1", "sda", AT("0", "0"))
                   DISK("2", "sda", AT("0", "0")) DISK("3", "sdb", "")
                       DISK("4", "sdc", AT("0", "99999")),
               "<ovirt-vm:device devtype='disk' name='sda'><ovirt-vm:imageID>"
               ID("2") "</ovirt-vm:imageID></ovirt-vm:device>"
               "<ovirt-vm:device devtype='disk' name='sda'><ovirt-vm:imageID>"
               ID("1") "</ovirt-vm:imageID></ovirt-vm:device>"),
        &nothing);
    CLEANUP_FREE char *vm = ovirt_text(
        ovirt_find(xml_root(domain->doc), OVIRT_VM_URI));
    CLEANUP_JSON json_t *ids = json_pack("{s:s}", "imageID", ID("2"));
    CLEANUP_FREE char *drive = ovirt_drive(vm, ids);

    (void)state;
    is_at(domain, ID("1"), "sda", "0:0:0:0");
    is_at(domain, ID("2"), "sdd", "0:0:0:1");
    is_at(domain, ID("3"), "sdb", "0:0:0:2");
    is_at(domain, ID("4"), "sdc", "0:0:0:3");
    warns(domain->warnings, "0:0:0:0");
    warns(domain->warnings, "it is sdd");
    warns(domain->warnings, "no drive can have");
    assert_string_equal(drive, "sdd");
}

/* Of two that want one place, the one has it that had it before. */
static void
known_first(void **state)
{
    struct disk row = {.id = ID("2"), .address = {.type = ADDRESS_DRIVE}};
    struct disk other = {.id = ID("3"), .address = {.type = ADDRESS_DRIVE}};
    const struct disk *rows[] = {&row, &other};
    const struct engine_known known = {.disks = rows, .ndisks = 2};
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = NULL;

    (void)state;
    row.address.drive.unit = 7;
    other.address.drive.unit = 5;
    domain = read_domain(DOMAIN("kvm", "",
                                SCSI("0", "1", "")
                                    DISK("1", "sda", AT("0", "7"))
                                        DISK("2", "sdb", AT("0", "7"))
                                            DISK("3", "sdc", ""),
                                ""),
                         &known);
    is_at(domain, ID("1"), "sda", "0:0:0:0");
    is_at(domain, ID("2"), "sdb", "0:0:0:7");
    is_at(domain, ID("3"), "sdc", "0:0:0:5");
}

static struct controller
scsi(unsigned index, unsigned iothread, unsigned bus)
{
    struct controller c;

    controller_init(&c, "scsi", "virtio-scsi", index);
    c.iothread = iothread;
    c.address = (struct address){.type = ADDRESS_PCI};
    c.address.pci.bus = bus;
    return c;
}

static void
controller_is(struct engine_domain *domain, unsigned index, unsigned iothread,
              const char *address)
{
    xmlNodePtr node = xml_path(xml_root(domain->doc), "devices/controller");
    struct controller c;
    char text[32];

    for (; node; node = xml_next(node, "controller")) {
        controller_from_xml(node, &c);
        if (strcmp(c.type, "scsi") != 0 || c.index != index)
            continue;
        address_text(&c.address, text);
        assert_int_equal(c.iothread, iothread);
        assert_string_equal(text, address);
        return;
    }
    fail_msg("there is no controller %u", index);
}

/* The engine made them anew, in another order: the index decides. */
static void
controllers_keep(void **state)
{
    const struct controller rows[] = {scsi(0, 1, 1), scsi(1, 2, 2)};
    const struct engine_known known = {.controllers = rows, .ncontrollers = 2};
    CLEANUP_ENGINE_DOMAIN struct engine_domain *anew = read_domain(
        DOMAIN("kvm", "", ROOT SCSI("0", "2", "") SCSI("1", "1", ""), ""),
        &known);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *swapped = read_domain(
        DOMAIN("kvm", "",
               ROOT SCSI("0", "2", PCI("2")) SCSI("1", "1", PCI("1")), ""),
        &known);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *more = read_domain(
        DOMAIN("kvm", "",
               ROOT SCSI("0", "3", "") SCSI("2", "1", "") SCSI("1", "2", ""),
               ""),
        &known);

    (void)state;
    controller_is(anew, 0, 1, "0000:01:00.0");
    controller_is(anew, 1, 2, "0000:02:00.0");
    warns(anew->warnings, "keeps its iothread");
    controller_is(swapped, 0, 1, "0000:01:00.0");
    controller_is(swapped, 1, 2, "0000:02:00.0");
    warns(swapped->warnings, "keeps its PCI address");
    controller_is(more, 0, 1, "0000:01:00.0");
    controller_is(more, 1, 2, "0000:02:00.0");
    controller_is(more, 2, 3, "");
}

/* A place of another machine is none; what the engine chose anew stands. */
static void
controllers_move(void **state)
{
    const struct controller rows[] = {scsi(0, 0, 9)};
    const struct engine_known known = {.controllers = rows, .ncontrollers = 1};
    CLEANUP_ENGINE_DOMAIN struct engine_domain *few =
        read_domain(DOMAIN("kvm", "", ROOT SCSI("0", "1", ""), ""), &known);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *pc =
        read_domain(DOMAIN("kvm", "", SCSI("0", "1", ""), ""), &known);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *chosen = read_domain(
        DOMAIN("kvm", "", ROOT SCSI("0", "1", PCI("2")), ""), &known);
    CLEANUP_ENGINE_DOMAIN struct engine_domain *twice = read_domain(
        DOMAIN("kvm", "",
               ROOT SCSI("0", "1", PCI("2")) SCSI("0", "2", PCI("2")), ""),
        &known);

    (void)state;
    controller_is(few, 0, 1, "");
    controller_is(pc, 0, 1, "");
    controller_is(chosen, 0, 1, "0000:02:00.0");
    warns(chosen->warnings, NULL);
    controller_is(twice, 1, 2, "");
    warns(twice->warnings, "the second is 1");
    warns(twice->warnings, "0000:02:00.0");
}

static void
controller_forgotten(void **state)
{
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain = read_domain(
        DOMAIN("kvm", "", DISK("1", "sda", AT("3", "0")), ""), &nothing);

    (void)state;
    controller_is(domain, 3, 0, "");
    warns(domain->warnings, "lacks");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(samples),
        cmocka_unit_test(kvm_without_kvm),
        cmocka_unit_test(bad_documents),
        cmocka_unit_test(names_of_this_host),
        cmocka_unit_test(privileges),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(known_first),
        cmocka_unit_test(controllers_keep),
        cmocka_unit_test(controllers_move),
        cmocka_unit_test(controller_forgotten),
    };

    xml_init();
    json_init();
    return CASES(cases);
}
