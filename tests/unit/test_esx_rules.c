// SPDX-License-Identifier: Apache-2.0
/* What a VMware host takes: URIs, paths, memory, MAC addresses, domains. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/hyper/esx_domain.h"
#include "agent/hyper/esx_rules.h"
#include "agent/hyper/esx_uri.h"

static void
uris_are_read(void **state)
{
    static const struct {
        const char *text, *sdk, *path;
    } good[] = {
        {"esx://host/", "https://host:443/sdk", ""},
        {"esx://root@host:8989/?no_verify=1&auto_answer=1",
         "https://host:8989/sdk", ""},
        {"esx://host/?transport=http", "http://host:80/sdk", ""},
        {"gsx://host/", "https://host:8333/sdk", ""},
        {"gsx://host/?transport=http", "http://host:8222/sdk", ""},
        {"vpx://u@vc/DC/host", "https://vc:443/sdk", "DC/host"},
        {"vpx://vc/folder/DC/other/cluster/host/", "https://vc:443/sdk",
         "folder/DC/other/cluster/host"},
        {"vpx://vc/a%20b/host", "https://vc:443/sdk", "a b/host"},
        {"esx://h/?vcenter=*", "https://h:443/sdk", ""},
        {"esx://h/?proxy=socks5://p:1080", "https://h:443/sdk", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP_FREE char *sdk = NULL;
        struct esx_uri uri;
        struct err err = ERR_INIT;

        if (esx_uri_parse(good[i].text, &uri, &err) < 0)
            fail_msg("%s: %s", good[i].text, err.message);
        sdk = esx_uri_sdk(&uri);
        assert_string_equal(sdk, good[i].sdk);
        assert_string_equal(uri.path, good[i].path);
    }
}

static void
bad_uris_are_refused(void **state)
{
    static const struct {
        const char *text, *part;
        enum err_kind kind;
    } bad[] = {
        {"esx+ssh://host/", "libvirtd", ERR_UNSUPPORTED},
        {"vpx+tls://host/a/b", "libvirtd", ERR_UNSUPPORTED},
        {"esx://host/?transport=ftp", "http or https", ERR_INVALID},
        {"esx://host/?transport=", "http or https", ERR_INVALID},
        {"esx://host/?no_verify=yes", "0 or 1", ERR_INVALID},
        {"esx://host/?auto_answer=2", "0 or 1", ERR_INVALID},
        {"esx://host/?proxy=ftp://x", "socks", ERR_INVALID},
        {"esx://host/?proxy=http://x:99999", "socks", ERR_INVALID},
        {"esx://host/?vcenter=a/b", "vCenter", ERR_INVALID},
        {"esx://host/?x=1", "auto_answer", ERR_INVALID},
        {"esx://u:p@host/", "password", ERR_INVALID},
        {"esx://host/DC", "no path", ERR_INVALID},
        {"vpx://host/", "DATACENTER", ERR_INVALID},
        {"vpx://host/DC", "DATACENTER", ERR_INVALID},
        {"vpx://host/DC//h", "DATACENTER", ERR_INVALID},
        {"qemu:///system", "esx://", ERR_INVALID},
        {"", "SCHEME", ERR_INVALID},
        {"esx://", "", ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct esx_uri uri;
        struct err err = ERR_INIT;

        if (esx_uri_parse(bad[i].text, &uri, &err) == 0)
            fail_msg("%s was taken", bad[i].text);
        unit_err(&err, bad[i].kind, bad[i].part);
    }
}

static void
paths(void **state)
{
    static const char *const bad[] = {
        NULL,           "a/b.vmdk",        "[ds]a/b.vmdk", "[ds]  a/b.vmdk",
        "[] a/b.vmdk",  "[ds] b.vmdk",     "[ds] a/b.iso", "[ds] ../b.vmdk",
        "[ds] a/../b.vmdk", "[ds] a//b.vmdk", "[ds] ./b.vmdk", "[ds] /b.vmdk"};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(esx_rules_path("p", "[ds 1] a/b c.vmdk", ".vmdk", &err),
                     0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(esx_rules_path("p", bad[i], ".vmdk", &err), -1);
}

static void
numbers_and_addresses(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(esx_rules_memory(64 << 20, &err), 0);
    assert_int_equal(esx_rules_memory((64 << 20) + 1024, &err), -1);
    assert_int_equal(esx_rules_memory(0, &err), -1);
    assert_int_equal(esx_rules_units("ParaVirtualSCSIController", 14), 65);
    assert_int_equal(esx_rules_units("ParaVirtualSCSIController", 13), 16);
    assert_int_equal(esx_rules_units("VirtualLsiLogicController", 19), 16);
    assert_int_equal(esx_rules_mac("m", "00:50:56:3f:00:01", NULL, &err), 0);
    assert_int_equal(esx_rules_mac("m", "00:50:56:40:00:01", NULL, &err), -1);
    assert_int_equal(esx_rules_mac("m", "00:0c:29:40:00:01", NULL, &err), -1);
    assert_int_equal(
        esx_rules_mac("m", "00:0c:29:40:00:01", "generated", &err), 0);
    assert_int_equal(esx_rules_mac("m", "00:50:56:80:00:01", "vpx", &err), 0);
    assert_int_equal(esx_rules_mac("m", "52:54:00:00:00:01", "static", &err),
                     0);
    assert_int_equal(esx_rules_mac("m", "53:54:00:00:00:01", "static", &err),
                     -1);
    unit_err(&err, ERR_INVALID, "unicast");
    assert_int_equal(esx_rules_mac("m", "nonsense", "static", &err), -1);
    assert_int_equal(esx_rules_mac("m", "00:50:56:3f:00:01", "x", &err), -1);
}

static int
check(const char *memory, const char *devices, struct err *err)
{
    CLEANUP_FREE char *text = mem_printf(
        "<domain type='vmware'><name>a</name><memory%s</memory><devices>%s"
        "</devices></domain>",
        memory, devices);
    CLEANUP_XML xmlDocPtr doc = xml_parse(text, strlen(text), err);

    assert_non_null(doc);
    *err = (struct err)ERR_INIT;
    return esx_domain_check(doc, err);
}

#define MEMORY " unit='MiB'>64"
static void
domains(void **state)
{
    static const struct {
        const char *devices, *part;
    } bad[] = {
        {"<controller type='scsi' model='virtio-scsi'/>", "vmpvscsi"},
        {"<interface type='network'/>", "bridge"},
        {"<interface type='bridge'><model type='virtio'/></interface>",
         "vmxnet3"},
        {"<interface type='bridge'><mac address='00:0c:29:0:0:1'/>"
         "</interface>", "MAC"},
        {"<disk device='lun'><target dev='sda' bus='scsi'/></disk>",
         "AddDisk"},
        {"<disk><source file='a.vmdk'/><target dev='sda' bus='scsi'/></disk>",
         "datastore"},
        {"<disk><target dev='sdzz' bus='scsi'/></disk>", "sdbh"},
        {"<disk><target dev='sdh' bus='scsi'/><address controller='0' "
         "unit='7'/></disk>", "unit 8"},
        {"<disk><target bus='scsi'/></disk>", "target dev"},
    };
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(check(MEMORY, "", &err), 0);
    assert_int_equal(check(">65536", "", &err), 0);
    assert_int_equal(check(">65537", "", &err), -1);
    assert_int_equal(check(" unit='miles'>1", "", &err), -1);
    assert_int_equal(
        check(MEMORY, "<disk><target dev='sdh' bus='scsi'/><address "
                      "controller='0' unit='8'/></disk>", &err),
        0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (check(MEMORY, bad[i].devices, &err) == 0)
            fail_msg("%s was taken", bad[i].devices);
        if (!strstr(err.message, bad[i].part))
            fail_msg("%s: %s", bad[i].devices, err.message);
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(uris_are_read),
        cmocka_unit_test(bad_uris_are_refused),
        cmocka_unit_test(paths),
        cmocka_unit_test(numbers_and_addresses),
        cmocka_unit_test(domains),
    };

    return CASES(cases);
}
