// SPDX-License-Identifier: Apache-2.0
/* Controllers: there and back in JSON and XML, and what is refused. */
#include "tests/unit/unit.h"

#include "agent/spec/controller.h"

static int
from_json(const char *json, struct controller *out, struct err *err)
{
    CLEANUP_JSON json_t *obj = json_parse(json, strlen(json), NULL, NULL);

    assert_non_null(obj);
    return controller_from_json(obj, "controllers[0].", out, err);
}

static void
json_there_and_back(void **state)
{
    const char *json =
        "{\"index\":3,\"queues\":4,\"iothread\":null,\"max_sectors\":512,"
        "\"cmd_per_lun\":null,\"alias\":\"ua-scsi3\",\"address\":{\"type\":"
        "\"pci\",\"domain\":0,\"bus\":2,\"slot\":0,\"function\":0}}";
    struct controller c;
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = NULL;
    CLEANUP_FREE char *text = NULL;

    (void)state;
    if (from_json(json, &c, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(controller_is_virtio_scsi(&c));
    obj = controller_to_json(&c);
    text = json_text(obj, NULL);
    assert_string_equal(text, json);
}

static void
refuses(const char *json, const char *param)
{
    struct controller c = {.index = 77};
    struct err err = ERR_INIT;

    if (from_json(json, &c, &err) == 0)
        fail_msg("%s was taken", json);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_string_equal(err.param, param);
    assert_int_equal(c.index, 77);
}

static void
refused_json(void **state)
{
    (void)state;
    refuses("{}", "controllers[0].index");
    refuses("{\"index\":100}", "controllers[0].index");
    refuses("{\"index\":0,\"queues\":0}", "controllers[0].queues");
    refuses("{\"index\":0,\"model\":\"lsilogic\"}", "controllers[0].model");
    refuses("{\"index\":0,\"address\":{\"type\":\"drive\",\"unit\":0}}",
            "controllers[0].address");
    refuses("{\"index\":0,\"address\":{\"type\":\"pci\",\"bus\":1}}",
            "controllers[0].address.slot");
}

static void
xml_there_and_back(void **state)
{
    struct controller c, seen;
    CLEANUP_FREE char *text = NULL;
    CLEANUP_XML xmlDocPtr doc = NULL;

    (void)state;
    controller_init(&c, "pci", "pcie-root-port", 7);
    c.address.type = ADDRESS_PCI;
    c.address.pci.slot = 2;
    c.multifunction = true;
    c.queues = 8;
    text = controller_xml(&c);
    assert_non_null(strstr(text, "<alias name=\"ua-port7\"/>"));
    doc = xml_parse(text, strlen(text), NULL);
    controller_from_xml(xml_root(doc), &seen);
    assert_memory_equal(&seen, &c, sizeof(c));
    assert_false(controller_is_virtio_scsi(&seen));
}

static void
foreign_xml(void **state)
{
    const char *text = "<controller type='scsi' index='-3'><driver "
                       "queues='99999999999'/><alias name='"
                       "0123456789012345678901234567890123456789012345678901234"
                       "5678901234567890123456789'/></controller>";
    CLEANUP_XML xmlDocPtr doc = xml_parse(text, strlen(text), NULL);
    struct controller c;

    (void)state;
    controller_from_xml(xml_root(doc), &c);
    assert_int_equal(c.index, 0);
    assert_int_equal(c.queues, 0);
    assert_string_equal(c.model, "");
    assert_int_equal(strlen(c.alias), sizeof(c.alias) - 1);
    assert_int_equal(c.address.type, ADDRESS_NONE);
    assert_false(controller_is_virtio_scsi(&c));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(json_there_and_back),
        cmocka_unit_test(refused_json),
        cmocka_unit_test(xml_there_and_back),
        cmocka_unit_test(foreign_xml),
    };

    return CASES(cases);
}
