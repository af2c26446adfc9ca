// SPDX-License-Identifier: Apache-2.0
/*
 * What a change of XML needs: a row per change, on a domain or on one disk.
 * "from" → "to" replaces text in the example; needs is what the sum of all
 * changes found must be.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "hooks/judge.h"

#define QEMU JUDGE_QEMU_COMMANDLINE
#define DEVICE JUDGE_ADD_DEVICE
#define SOURCE JUDGE_SOURCE
#define PRIVILEGE JUDGE_PRIVILEGE
#define NEVER JUDGE_NEVER

#define DISK                                                             \
    "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"   \
    "<source file='/ok/a.img'/><target dev='sda' bus='scsi'/>"           \
    "<serial>s1</serial><alias name='ua-1'/>"                            \
    "<address type='drive' controller='0' bus='0' target='0' unit='3'/>" \
    "</disk>"
#define DOMAIN                                                                \
    "<domain type='kvm'><name>vm</name><uuid>u-1</uuid><metadata>"            \
    "<berth:vm xmlns:berth='urn:berth:vm:1'><r/></berth:vm>"                  \
    "<o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom/></o:vm></metadata>"   \
    "<memory>1</memory><os><type>hvm</type><kernel>/k</kernel></os>"          \
    "<cpu><feature name='vmx' policy='require'/>"                             \
    "<feature name='svm' policy='disable'/></cpu><devices>"                   \
    "<emulator>/usr/bin/qemu</emulator>" DISK                                 \
    "<controller type='scsi' index='0' model='virtio-scsi'/>"                 \
    "<interface type='network'><mac address='52:54:00:00:00:01'/>"            \
    "<source network='default'/></interface>"                                 \
    "<serial type='pty'><target port='0'/></serial>"                          \
    "<hostdev mode='subsystem' type='scsi' rawio='yes'><source/></hostdev>"   \
    "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>" \
    "</devices><seclabel type='dynamic'/></domain>"

static bool
only_ok(void *ctx, const char *path, bool block, const char *format)
{
    (void)ctx;
    (void)block;
    return !strncmp(path, "/ok/", 4) && format && !strcmp(format, "raw");
}

static char *
replaced(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);

    if (!at)
        fail_msg("the example lacks '%s'", from);
    return mem_printf("%.*s%s%s", (int)(at - text), text, to,
                      at + strlen(from));
}

static unsigned
needs_of(const char *before, const char *after, size_t *n)
{
    static const struct judge_sources sources = {only_ok, NULL};
    struct err err = ERR_INIT;
    CLEANUP_XML xmlDocPtr a = xml_parse(before, strlen(before), &err);
    CLEANUP_XML xmlDocPtr b = xml_parse(after, strlen(after), &err);
    CLEANUP_JUDGE struct judge_report report = {NULL, 0};
    unsigned needs = 0;

    if (!a || !b ||
        judge_compare(xml_root(a), xml_root(b), &sources, &report, &err) < 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < report.n; i++)
        needs |= report.items[i].needs;
    *n = report.n;
    return needs;
}

struct row {
    const char *from, *to;
    unsigned needs;
};

static void
check_rows(const char *example, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP_FREE char *after = replaced(example, rows[i].from, rows[i].to);
        size_t changes;
        unsigned needs = needs_of(example, after, &changes);

        if (needs != rows[i].needs || !changes)
            fail_msg("'%s' to '%s': needs %x, expected %x (%zu changes)",
                     rows[i].from, rows[i].to, needs, rows[i].needs, changes);
    }
}

static void
test_domain(void **state)
{
    static const struct row rows[] = {
        {"<memory>1<", "<memory>2<", 0},
        {"policy='disable'", "policy='require'", 0},
        {"<feature name='svm' policy='disable'/>", "", 0},
        {"<o:custom/>", "<o:custom>x</o:custom>", 0},
        {"<serial>s1</serial>", "<serial>tag-s1</serial>", 0},
        {"<driver name='qemu' ", "<driver discard='unmap' name='qemu' ", 0},
        {"<name>vm<", "<name>other<", NEVER},
        {"<uuid>u-1<", "<uuid>u-2<", NEVER},
        {"<r/>", "", NEVER},
        {"unit='3'", "unit='4'", NEVER},
        {"<alias name='ua-1'/>", "<alias name='ua-2'/>", NEVER},
        {"<alias name='ua-1'/>", "", NEVER},
        {"dev='sda'", "dev='sdb'", NEVER},
        {"bus='scsi'", "bus='sata'", NEVER},
        {DISK, "", NEVER},
        {"index='0'", "index='1'", NEVER},
        {"model='virtio-scsi'", "model='lsilogic'", NEVER},
        {"<controller type='scsi' index='0' model='virtio-scsi'/>", "", NEVER},
        {"<domain type='kvm'>",
         "<domain type='kvm'><qemu:commandline xmlns:qemu="
         "'http://libvirt.org/schemas/domain/qemu/1.0'>"
         "<qemu:arg value='-S'/></qemu:commandline>",
         QEMU},
        {"<domain type='kvm'>",
         "<domain type='kvm'><any:override xmlns:any="
         "'http://libvirt.org/schemas/domain/qemu/1.0'/>",
         QEMU},
        {"<devices>",
         "<devices><disk type='file'><driver type='raw'/>"
         "<source file='/ok/b.img'/><target dev='vda'/></disk>",
         DEVICE},
        {"<devices>",
         "<devices><disk type='file'><driver type='raw'/>"
         "<source file='/etc/shadow'/><target dev='vda'/></disk>",
         DEVICE | SOURCE},
        {"<devices>",
         "<devices><disk type='file' rawio='yes'><driver type='raw'/>"
         "<source file='/ok/b.img'/><target dev='vda'/></disk>",
         DEVICE | PRIVILEGE},
        {"<devices>",
         "<devices><disk type='network' device='cdrom'>"
         "<source protocol='http' name='x'><host name='h'/></source></disk>",
         DEVICE | SOURCE},
        {"<devices>",
         "<devices><disk type='block' device='lun'><driver type='raw'/>"
         "<source dev='/ok/b'/><target dev='vda'/></disk>",
         DEVICE | PRIVILEGE},
        {"<devices>",
         "<devices><interface type='network'><source network='n'/>"
         "</interface>",
         DEVICE | SOURCE},
        {"<devices>", "<devices><interface type='user'/>", DEVICE},
        {"<devices>", "<devices><interface type='direct'/>",
         DEVICE | PRIVILEGE},
        {"<devices>", "<devices><hostdev type='pci'/>", DEVICE | PRIVILEGE},
        {"<devices>", "<devices><sound model='ich6'/>", DEVICE},
        {"/usr/bin/qemu", "/tmp/qemu", PRIVILEGE},
        {"<seclabel type='dynamic'/>", "", PRIVILEGE},
        {"<seclabel type='dynamic'/>", "<seclabel type='none'/>", PRIVILEGE},
        {"rawio='yes'", "rawio='no'", PRIVILEGE},
        {"<source/></hostdev>", "<source/><boot order='1'/></hostdev>", 0},
        {"<interface type='network'>", "<interface type='direct'>", PRIVILEGE},
        {"<source network='default'/>",
         "<source network='default'/><script path='/x'/>", PRIVILEGE},
        {"network='default'", "network='other'", SOURCE},
        {"<kernel>/k<", "<kernel>/etc/x<", SOURCE},
        {"<os>", "<os><loader>/x</loader>", SOURCE},
        {"<serial type='pty'>", "<serial type='file'>", SOURCE},
        {"<target port='0'/>", "<target port='0'/><log file='/x'/>", SOURCE},
        {"/dev/random", "/dev/sda", SOURCE},
    };

    (void)state;
    check_rows(DOMAIN, rows, sizeof(rows) / sizeof(*rows));
}

static void
test_disk(void **state)
{
    static const struct row rows[] = {
        {"device='disk'", "device='lun'", PRIVILEGE},
        {"device='disk'", "device='disk' rawio='yes'", PRIVILEGE},
        {"device='disk'", "device='disk' sgio='unfiltered'", PRIVILEGE},
        {"file='/ok/a.img'/>",
         "file='/ok/a.img'><reservations managed='yes'/></source>", PRIVILEGE},
        {"file='/ok/a.img'/>",
         "file='/ok/a.img'><seclabel relabel='no'/></source>", PRIVILEGE},
        {"/ok/a.img", "/ok/b.img", 0},
        {"/ok/a.img", "/etc/shadow", SOURCE},
        {"type='raw'", "type='qcow2'", SOURCE},
        {"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
         "<source file='/ok/a.img'/>",
         "<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
         "<source dev='/ok/lv'/>",
         0},
        {"<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
         "<source file='/ok/a.img'/>",
         "<disk type='block' device='disk'><driver name='qemu' type='raw'/>"
         "<source dev='/dev/sda'/>",
         SOURCE},
        {"<disk type='file'", "<disk type='network'", SOURCE},
        {"<source file='/ok/a.img'/>",
         "<source file='/ok/a.img'/><backingStore type='file'>"
         "<source file='/ok/c'/></backingStore>",
         SOURCE},
        /* What libvirt may read otherwise than we do. */
        {"<source file='/ok/a.img'/>",
         "<source file='/ok/a.img'/><source file='/etc/shadow'/>", SOURCE},
        {"<source file='/ok/a.img'/>",
         "<source xmlns:x='urn:x' x:file='/etc/shadow' file='/ok/a.img'/>",
         SOURCE},
        {"<source file='/ok/a.img'/>",
         "<x:source xmlns:x='urn:x' file='/etc/shadow'/>"
         "<source file='/ok/a.img'/>",
         SOURCE},
        {"<source file='/ok/a.img'/>",
         "<x:source xmlns:x='urn:x' file='/ok/a.img'/>", SOURCE},
        {"unit='3'", "unit='4'", NEVER},
        {"<address type='drive' controller='0' bus='0' target='0' "
         "unit='3'/>",
         "", NEVER},
        {"ua-1", "ua-2", NEVER},
        {"<serial>s1</serial>", "", 0},
    };

    (void)state;
    check_rows(DISK, rows, sizeof(rows) / sizeof(*rows));
}

static void
test_form_is_no_change(void **state)
{
    size_t n;

    (void)state;
    needs_of("<disk a='1' b='2'><x/>  <y>t</y></disk>",
             "<?xml version='1.0'?>\n<disk  b='2'\n a='1'><!-- c -->\n"
             "<x></x>\n  <y><![CDATA[t]]></y></disk>",
             &n);
    assert_int_equal(n, 0);
}

static void
test_order_of_devices_is_no_change(void **state)
{
    size_t n;

    (void)state;
    needs_of("<domain><devices><disk><alias name='a'/><s/></disk>"
             "<disk><alias name='b'/></disk></devices></domain>",
             "<domain><devices><disk><alias name='b'/></disk>"
             "<disk><alias name='a'/><s/></disk></devices></domain>",
             &n);
    assert_int_equal(n, 0);
}

static void
test_words_of_a_change(void **state)
{
    CLEANUP_FREE char *after =
        replaced(DOMAIN, "name='qemu' ", "name='qemu' discard='unmap' ");
    CLEANUP_XML xmlDocPtr a = xml_parse(DOMAIN, strlen(DOMAIN), NULL);
    CLEANUP_XML xmlDocPtr b = xml_parse(after, strlen(after), NULL);
    CLEANUP_JUDGE struct judge_report report = {NULL, 0};
    CLEANUP_JSON json_t *list = NULL;

    (void)state;
    assert_int_equal(
        judge_compare(xml_root(a), xml_root(b), NULL, &report, NULL), 0);
    assert_int_equal(report.n, 1);
    assert_string_equal(report.items[0].what,
                        "devices/disk[ua-1]/driver@discard");
    assert_null(report.items[0].from);
    assert_string_equal(report.items[0].to, "unmap");
    assert_null(judge_refused(&report, 0));
    list = judge_json(&report);
    assert_string_equal(json_get_text(json_array_get(list, 0), "to", ""),
                        "unmap");
}

static void
test_another_root_or_too_much(void **state)
{
    const size_t n = 100001;
    CLEANUP_FREE char *many = mem_zalloc(n + 8, 4);
    CLEANUP_XML xmlDocPtr a = xml_parse("<disk/>", 7, NULL);
    CLEANUP_XML xmlDocPtr b = xml_parse("<domain/>", 9, NULL);
    CLEANUP_XML xmlDocPtr c = NULL;
    CLEANUP_JUDGE struct judge_report report = {NULL, 0};
    struct err err = ERR_INIT;
    char *at = many;

    (void)state;
    assert_int_equal(
        judge_compare(xml_root(a), xml_root(b), NULL, &report, &err), -1);
    unit_err(&err, ERR_INVALID, "expected <disk>");
    at += sprintf(at, "<disk>");
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "<a/>");
    strcpy(at, "</disk>");
    c = xml_parse(many, strlen(many), &err);
    assert_non_null(c);
    assert_int_equal(
        judge_compare(xml_root(a), xml_root(c), NULL, &report, &err), -1);
    unit_err(&err, ERR_LIMIT, "100000 elements");
}

static void
test_grants(void **state)
{
    static const char *const good[] = {"source", "privilege", NULL};
    static const char *const bad[] = {"source", "everything", NULL};
    const char *which = NULL;

    (void)state;
    assert_int_equal(judge_grants(good, &which), SOURCE | PRIVILEGE);
    assert_int_equal(judge_grants(NULL, &which), 0);
    assert_int_equal(judge_grants(bad, &which), -1);
    assert_string_equal(which, "everything");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_disk),
        cmocka_unit_test(test_form_is_no_change),
        cmocka_unit_test(test_order_of_devices_is_no_change),
        cmocka_unit_test(test_words_of_a_change),
        cmocka_unit_test(test_another_root_or_too_much),
        cmocka_unit_test(test_grants),
    };

    xml_init();
    return CASES(tests);
}
