// SPDX-License-Identifier: Apache-2.0
/* What only our record knows, in the domain's metadata: written with the rows,
 * found by another host, believed as far as it deserves. */
#include "tests/unit/house.h"

#include "agent/plan/mirror.h"
#include "agent/plan/settle.h"

#define DISK "99999999-2222-4333-8444-555555555555"
#define LUN "77777777-2222-4333-8444-555555555555"
#define VM "11111111-2222-4333-8444-555555555555"

static void
make(struct house *house, const char *more)
{
    CLEANUP_FREE char *text = mem_printf(
        "{'vm_id': '" VM "', 'name': 'web', 'memory': 134217728, 'vcpus': 1"
        "%s}",
        more);

    house_do(house, "CreateVm", text);
}

static void
add(struct house *house, const char *id, const char *more)
{
    CLEANUP_FREE char *text = mem_printf(
        "{'vm': 'web', 'disk_id': '%s', 'source': {'type': 'file', 'path': "
        "'%s/%.4s.raw', 'format': 'raw'}, 'size': 1048576%s}",
        id, house->folder, id, more);

    house_do(house, "AddDisk", text);
}

/* The text in the definition, or what runs; "" where there is none. */
static char *
text_in(struct house *house, enum hyper_xml which)
{
    CLEANUP_TEXT char *xml =
        hyper_domain_xml(house->env.hyper, VM, which, &house->err);
    CLEANUP_DOMAIN struct domain *view = domain_parse(xml, &house->err);

    assert_non_null(view);
    return mem_dup(view->metadata ? view->metadata : "");
}

static void
both_hold(struct house *house, const char *part, bool holds)
{
    CLEANUP_FREE char *config = text_in(house, HYPER_XML_CONFIG);
    CLEANUP_FREE char *live = text_in(house, HYPER_XML_LIVE);

    assert_string_equal(config, live);
    if ((strstr(config, part) != NULL) != holds)
        fail_msg("'%s' is %s '%s'", part, holds ? "not in" : "in", config);
}

/* Another host: the domain is there, our record is not. */
static void
move(struct house *house)
{
    char uuid[UUID_TEXT];

    house_close(house);
    unit_folder(house->folder);
    house_open(house);
    if (adopt_find(&house->env, VM, uuid, &house->err) < 0 ||
        settle_wait(&house->env, VM, &house->err) < 0 ||
        adopt_refresh(&house->env, VM, false, &house->err) < 0 ||
        adopt_vm(&house->env, VM, &house->err) < 0)
        fail_msg("%s", house->err.message);
}

static void
test_an_unplugged_disk_is_told(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "");
    house_do(&house, "StartVm", "{'vm': 'web', 'paused': true}");
    add(&house, DISK, "");
    both_hold(&house, DISK, false); /* its alias says it */
    house_do(&house, "HotUnplugDisk", "{'vm': 'web', 'disk': '" DISK "'}");
    both_hold(&house, DISK, true);
    both_hold(&house, "\"unit\":0", true);
    house_do(&house, "HotPlugDisk", "{'vm': 'web', 'disk': '" DISK "'}");
    both_hold(&house, DISK, false);
    add(&house, LUN, ", 'plugged': false");
    both_hold(&house, LUN, true);
    house_do(&house, "RemoveDisk", "{'vm': 'web', 'disk': '" LUN "'}");
    both_hold(&house, LUN, false);
    house_end(&house);
}

static void
test_another_host_finds_it(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, ", 'guest_os': 'windows'");
    add(&house, LUN, "");
    add(&house, DISK, ", 'plugged': false, 'serial': 'mine'");
    house_do(&house, "RemoveDisk", "{'vm': 'web', 'disk': '" LUN "'}");
    move(&house);
    house_do(&house, "GetDisk", "{'vm': 'web', 'disk': '" DISK "'}");
    house_is(&house, "address.unit", "1");
    house_is(&house, "state", "unplugged");
    house_is(&house, "serial", "mine");
    house_do(&house, "StartVm", "{'vm': 'web', 'paused': true}");
    house_end(&house);
}

static void
test_the_flag_goes_along(void **state)
{
    CLEANUP_VM_INFO struct vm_info info = {.recorded = false};
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, ", 'virtio_scsi': false, 'guest_os': 'windows'");
    move(&house);
    assert_true(vm_table_get(house.env.vms, VM, &info));
    assert_false(info.record.virtio_scsi);
    assert_string_equal(info.record.guest_os, "windows");
    house_end(&house);
}

/* The text in the definition becomes this, by somebody else's hand. */
static void
forge(struct house *house, const char *text)
{
    CLEANUP_TEXT char *xml = hyper_domain_xml(house->env.hyper, VM,
                                              HYPER_XML_CONFIG, &house->err);
    struct edit edit = {.kind = EDIT_SET_METADATA, .text = (char *)text};
    CLEANUP_TEXT char *edited = domain_edit(xml, &edit, 1, &house->err);

    assert_non_null(edited);
    assert_int_equal(hyper_define(house->env.hyper, edited, &house->err), 0);
}

/* An address that something else has by now is not believed. */
static void
test_an_address_that_is_taken(void **state)
{
    struct house house;

    (void)state;
    house_start(&house);
    make(&house, "");
    add(&house, LUN, "");
    forge(&house,
          "{\"version\":1,\"disks\":[{\"disk_id\":\"" DISK "\",\"disk\":{"
          "\"source\":{\"type\":\"file\",\"path\":\"/x\",\"format\":\"raw\"},"
          "\"address\":{\"type\":\"drive\",\"controller\":0,\"unit\":0}}},"
          "{\"disk_id\":\"" LUN "\",\"disk\":{\"source\":{\"type\":\"file\","
          "\"path\":\"/y\",\"format\":\"raw\"}}}]}");
    move(&house);
    house_do(&house, "GetDisk", "{'vm': 'web', 'disk': '" DISK "'}");
    house_is(&house, "state", "unplugged");
    house_is(&house, "address", "absent");
    /* One that the XML has is as the XML has it. */
    house_do(&house, "GetDisk", "{'vm': 'web', 'disk': '" LUN "'}");
    house_is(&house, "state", "plugged");
    house_is(&house, "address.unit", "0");
    house_end(&house);
}

/* --- what is read --------------------------------------------------------- */

#define ENTRY(text) "{\"version\":1,\"disks\":[" text "]}"
#define FILE_DISK "\"source\":{\"type\":\"file\",\"path\":\"/x\",\"format\":\"raw\"}"

static void
test_bad_text_is_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"version\":2}",
        ENTRY("1"),
        ENTRY("{}"),
        ENTRY("{\"disk_id\":\"x\"}"),
        ENTRY("{\"disk_id\":\"" DISK "\"}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"target\":\"../sda\"}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"target\":\"sda\",\"sgio\":\"x\"}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"disk\":{}}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"disk\":{" FILE_DISK
              ",\"surprise\":1}}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"disk\":{" FILE_DISK
              ",\"address\":{\"type\":\"drive\",\"unit\":99999}}}"),
        ENTRY("{\"disk_id\":\"" DISK "\",\"disk\":{" FILE_DISK
              ",\"serial\":\"<&\"}}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP_JSON json_t *bad = json_array();
        CLEANUP_MIRROR struct mirror *mirror = mirror_read(texts[i], bad);

        if (mirror->ndisks || json_array_size(bad) != 1)
            fail_msg("%s is believed", texts[i]);
    }
}

static void
test_a_bad_entry_costs_itself_alone(void **state)
{
    CLEANUP_JSON json_t *bad = json_array();
    CLEANUP_MIRROR struct mirror *mirror = mirror_read(
        ENTRY("{\"disk_id\":\"x\"},{\"disk_id\":\"" DISK
              "\",\"target\":\"sdb\",\"rawio\":true}"),
        bad);

    (void)state;
    assert_int_equal(json_array_size(bad), 1);
    assert_int_equal(mirror->ndisks, 1);
    assert_null(mirror_at(mirror, "sda"));
    assert_null(mirror_at(mirror, NULL));
    assert_true(mirror_at(mirror, "sdb")->asks);
    assert_true(mirror_at(mirror, "sdb")->scsi.rawio);
    assert_int_equal(mirror->virtio_scsi, -1);
}

static void
test_too_much_is_not_believed(void **state)
{
    CLEANUP_JSON json_t *bad = json_array();
    CLEANUP_MIRROR struct mirror *mirror = NULL;
    CLEANUP_BUF struct buf text = BUF_INIT;

    (void)state;
    buf_add_text(&text, "{\"version\":1,\"disks\":[");
    for (int i = 0; i < 1500; i++)
        buf_printf(&text,
                   "%s{\"disk_id\":\"00000000-0000-4000-8000-%012d\","
                   "\"target\":\"sda\"}",
                   i ? "," : "", i);
    buf_add_text(&text, "]}");
    mirror = mirror_read(text.data, bad);
    assert_int_equal(mirror->ndisks, MIRROR_DISKS);
    assert_int_equal(json_array_size(bad), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_unplugged_disk_is_told),
        cmocka_unit_test(test_another_host_finds_it),
        cmocka_unit_test(test_the_flag_goes_along),
        cmocka_unit_test(test_an_address_that_is_taken),
        cmocka_unit_test(test_bad_text_is_left_out),
        cmocka_unit_test(test_a_bad_entry_costs_itself_alone),
        cmocka_unit_test(test_too_much_is_not_believed),
    };

    json_init();
    xml_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
