// SPDX-License-Identifier: Apache-2.0
/*
 * The picture of a topology: well-formed, whole, harmless whatever the texts
 * hold. BERTH_PICTURE=FILE keeps the one of the first test, to be looked at.
 */
#include "tests/unit/unit.h"

#include "agent/common/file.h"
#include "agent/common/json.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/ctl/picture.h"

#define DISK(target, unit, media, state, more)                                 \
    "{'kind': 'disk', 'label': '" target "', 'unit': " unit                    \
    ", 'address': '0:0:0:" unit "', 'alias': "                                 \
    "'ua-2b77c5f0-6f0e-4c53-9a3b-0d1c5a2e7f1" unit "', 'media': '" media "'," \
    "'state': '" state "', 'interface': 'virtio_scsi'" more "}"
#define SOURCE(path) ", 'detail': '" path "', 'source': '" path "'"

static const char web[] =
    "{'name': 'web-01', 'machine': 'pc-q35-7.2', 'state': 'running',"
    "'ports': {'total': 9, 'free': 5}, 'tree': ["
    "{'kind': 'root_port', 'label': 'root port 1', 'address': '0000:00:02.0',"
    " 'free': false, 'children': [{'kind': 'controller',"
    "  'label': 'virtio-scsi 0', 'alias': 'ua-scsi0',"
    "  'address': '0000:01:00.0', 'detail': 'scsi, 4 queues, I/O thread 1', 'children': ["
    "   {'kind': 'target', 'label': 'target 0', 'children': ["
    DISK("sda", "0", "image", "plugged",
         SOURCE("/var/lib/libvirt/images/web-01/root.qcow2")) ","
    DISK("sdb", "1", "image", "plugged",
         SOURCE("/var/lib/libvirt/images/a-long-name/of-a-folder/that/goes-on/"
                "and-on/data.raw")) ","
    DISK("sdc", "2", "lun", "plugged",
         SOURCE("/dev/disk/by-id/scsi-360000000000000000e00000000010001")
         ", 'behind': '/dev/mapper/mpatha (dm-3) "
         "360000000000000000e00000000010001 IET VIRTUAL-DISK'") ","
    DISK("sdd", "3", "lun", "unplug_pending",
         SOURCE("iqn.2020-01.org.example:store/1 at 192.0.2.5:3260")
         ", 'behind': '360000000000000000e00000000010002 IET VIRTUAL-DISK'")
    ","
    DISK("sde", "4", "cdrom", "plugged", ", 'detail': 'no medium'")
    "]}, {'kind': 'target', 'label': 'target 1', 'children': ["
    DISK("sdf", "7", "image", "plugged", SOURCE("/srv/images/log.raw")) "]}]}]},"
    "{'kind': 'root_port', 'label': 'root port 2', 'address': '0000:00:02.1',"
    " 'free': false, 'children': [{'kind': 'nic', 'label': 'virtio',"
    "  'address': '0000:02:00.0', 'detail': '52:54:00:12:34:56'}]},"
    "{'kind': 'root_port', 'label': 'root port 3', 'address': '0000:00:02.2',"
    " 'free': false, 'children': [{'kind': 'disk', 'label': 'vda',"
    "  'address': '0000:03:00.0', 'interface': 'virtio', 'media': 'image',"
    "  'state': 'rollback_pending',"
    "  'alias': 'ua-3c77c5f0-6f0e-4c53-9a3b-0d1c5a2e7f10'"
    SOURCE("/srv/images/fast.raw") "}]},"
    "{'kind': 'root_port', 'label': 'root port 4', 'address': '0000:00:02.3',"
    " 'free': false, 'detail': 'kept for ua-9d77c5f0'},"
    "{'kind': 'root_port', 'label': 'root port 5', 'address': '0000:00:02.4',"
    " 'free': true},"
    "{'kind': 'root_port', 'label': 'root port 6', 'address': '0000:00:02.5',"
    " 'free': true},"
    "{'kind': 'root_port', 'label': 'root port 7', 'address': '0000:00:02.6',"
    " 'free': true},"
    "{'kind': 'root_port', 'label': 'root port 8', 'address': '0000:00:02.7',"
    " 'free': true},"
    "{'kind': 'root_port', 'label': 'root port 9', 'address': '0000:00:03.0',"
    " 'free': true},"
    "{'kind': 'controller', 'label': 'sata 0', 'address': '0000:00:1f.2',"
    " 'detail': 'sata', 'children': ["
    DISK("sdg", "0", "cdrom", "plugged", SOURCE("/srv/iso/debian.iso")) "]},"
    "{'kind': 'device', 'label': 'unplugged disks', 'children': ["
    DISK("sdh", "9", "image", "unplugged", SOURCE("/srv/images/old.raw"))
    "]}]}";

static json_t *
json_of(const char *text)
{
    CLEANUP_FREE char *json = mem_dup(text);
    struct err err = ERR_INIT;
    json_t *value;

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    value = json_parse(json, strlen(json), &(struct json_limits){64, 0}, &err);
    if (!value)
        fail_msg("%s", err.message);
    return value;
}

/* The picture, which is one that a parser takes. Returns owned. */
static char *
drawn(const json_t *topology)
{
    struct buf svg = BUF_INIT;
    struct proc_result result;
    struct err err = ERR_INIT;
    const char *argv[] = {"xmllint", "--noout", "-", NULL};

    picture_draw(topology, &svg);
    if (proc_run(&(struct proc){.argv = argv, .input = svg.data,
                                .input_len = svg.len, .timeout_ms = 60000,
                                .max_output = 65536},
                 &result, &err) < 0)
        fail_msg("%s", err.message);
    if (result.status != 0)
        fail_msg("%s\n%s", result.errout, svg.data);
    proc_result_free(&result);
    return buf_steal(&svg);
}

static void
test_everything_is_in_it(void **state)
{
    static const char *const parts[] = {
        "web-01", "5 of 9 root ports free", "virtio-scsi 0", "ua-scsi0",
        "target 1", "unit 7", "/srv/images/log.raw", "mpatha (dm-3)",
        "52:54:00:12:34:56", "unplug_pending", "rollback_pending",
        "kept for ua-9d77c5f0", "port 9", "recorded, not plugged",
        "/srv/images/old.raw", "ua-2b77c5f0-6f0e-4c53-9a3b-0d1c5a2e7f12"};
    CLEANUP_JSON json_t *topology = json_of(web);
    CLEANUP_FREE char *svg = drawn(topology);
    const char *keep = getenv("BERTH_PICTURE");

    (void)state;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!strstr(svg, parts[i]))
            fail_msg("'%s' is not in\n%s", parts[i], svg);
    /* Of what is too long the end tells more. */
    assert_non_null(strstr(svg, "…"));
    assert_non_null(strstr(svg, "and-on/data.raw</text>"));
    if (keep)
        unit_write(keep, svg);
}

static void
test_a_thousand_units_are_cells(void **state)
{
    CLEANUP_JSON json_t *topology = json_of(
        "{'name': 'big', 'machine': 'q35', 'state': 'running', 'tree': ["
        "{'kind': 'controller', 'label': 'virtio-scsi 0', 'children': ["
        "{'kind': 'target', 'label': 'target 0', 'children': []}]}]}");
    json_t *units = json_object_get(
        json_array_get(json_object_get(json_array_get(json_object_get(
                                                          topology, "tree"),
                                                      0),
                                       "children"),
                       0),
        "children");
    CLEANUP_FREE char *svg = NULL;

    (void)state;
    for (int i = 0; i < 255; i++)
        json_array_append_new(
            units, json_pack("{s:s, s:s, s:i, s:s, s:s}", "kind", "disk",
                             "label", "sd", "unit", i, "media", "image",
                             "source", "/srv/x.raw"));
    svg = drawn(topology);
    assert_non_null(strstr(svg, ">254</text>"));
    assert_null(strstr(svg, "unit 254"));
    if (getenv("BERTH_PICTURE")) {
        CLEANUP_FREE char *path = mem_printf("%s.big", getenv("BERTH_PICTURE"));

        unit_write(path, svg);
    }
}

static void
test_texts_are_harmless(void **state)
{
    CLEANUP_JSON json_t *topology = json_of(
        "{'name': '<script>alert(1)</script>', 'state': 'a&b', 'tree': ["
        "{'kind': 'disk', 'label': '<&>', 'source': '\\u0001\\u202e<x>',"
        " 'state': ']]>'}]}");
    CLEANUP_JSON json_t *empty = json_object();
    CLEANUP_FREE char *svg = drawn(topology), *none = drawn(empty);

    (void)state;
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "<x>"));
    assert_non_null(strstr(svg, "a&amp;b"));
    assert_non_null(strstr(none, "</svg>"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_in_it),
        cmocka_unit_test(test_a_thousand_units_are_cells),
        cmocka_unit_test(test_texts_are_harmless),
    };

    json_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
