// SPDX-License-Identifier: Apache-2.0
/*
 * Hook scripts around what an engine asks under VDSM's names: the points that
 * native verbs have no use for, custom properties, answers that scripts
 * rewrite.
 */
#include "tests/unit/engine_house.h"
#include "agent/plan/hook_verb.h"
#include "tests/unit/hook_house.h"

#define VM "{'vmID': '" ENGINE_VM "'"
#define NIC "ua-44444444-0000-0000-0000-000000000001"
#define MAC "56:6f:00:00:00:01"

static const char nic[] =
    "<hotplug><devices><interface type=\"bridge\"><model type=\"virtio\"/>"
    "<link state=\"up\"/><source bridge=\"ovirtmgmt\"/><mac address=\"" MAC
    "\"/><alias name=\"" NIC "\"/></interface></devices><metadata "
    "xmlns:ovirt-vm=\"" OVIRT_VM_URI "\"><ovirt-vm:vm><ovirt-vm:device "
    "devtype=\"interface\" mac_address=\"" MAC "\"><ovirt-vm:custom>"
    "<ovirt-vm:color>red</ovirt-vm:color></ovirt-vm:custom></ovirt-vm:device>"
    "</ovirt-vm:vm></metadata></hotplug>";
static const char no_nic[] =
    "<hotunplug><devices><interface><alias name=\"" NIC "\"/></interface>"
    "</devices></hotunplug>";
static const char dimm[] =
    "<hotplug><devices><memory model=\"dimm\"><target><size unit=\"MiB\">256"
    "</size><node>0</node></target><alias name=\"ua-dimm\"/></memory>"
    "</devices></hotplug>";

/* Each point of the list says that it fired. */
static void
note(const struct house *house, const char *const *points)
{
    for (; *points; points++)
        hook_house_script(house, *points, "note",
                          "echo $hook_point${color:+ $color} >>$NOTE");
}

static void
start(struct house *house)
{
    engine_house_start(house);
    engine_house_create_sample(house, "run/image-file-raw");
    house_until(house, "GetVm", "{'vm': 'vm1'}", "state", "running");
}

static void
ask(struct house *house, const char *verb, const char *xml)
{
    if (!engine_house_xml(house, verb, "params", xml))
        fail_msg("%s: %s", verb, house->err.message);
}

static void
test_nics(void **state)
{
    static const char *const points[] = {
        "before_nic_hotplug",       "after_nic_hotplug",
        "after_nic_hotplug_fail",   "before_nic_hotunplug",
        "after_nic_hotunplug",      "after_nic_hotunplug_fail",
        "before_update_device",     "after_update_device",
        "after_update_device_fail", NULL};
    struct house house;

    (void)state;
    start(&house);
    note(&house, points);
    hook_house_script(&house, "before_nic_hotplug", "tune",
                      "sed -i 's|<link state=.up.|<link state=\"down\"|' "
                      "\"$_hook_domxml\"");
    ask(&house, "VM.hotplugNic", nic);
    hook_house_expect(&house,
                      "before_nic_hotplug red\nafter_nic_hotplug red\n");
    engine_house_live(&house, "<link state=\"down\"", true);
    house_do(&house, "VM.updateDevice",
             VM ", 'params': {'deviceType': 'interface', 'alias': '" NIC
                "', 'linkActive': true}}");
    hook_house_expect(&house,
                      "before_update_device red\nafter_update_device red\n");
    ask(&house, "VM.hotunplugNic", no_nic);
    hook_house_expect(&house, "before_nic_hotunplug red\n"
                              "after_nic_hotunplug red\n");
    house_script(&house, "attach 1 fail HYPERVISOR_FAILED no bridge");
    assert_null(engine_house_xml(&house, "VM.hotplugNic", "params", nic));
    hook_house_expect(&house, "before_nic_hotplug red\n"
                              "after_nic_hotplug_fail red\n");
    house_end(&house);
}

static void
test_memory_and_cpus(void **state)
{
    static const char *const points[] = {
        "before_memory_hotplug", "after_memory_hotplug",
        "before_set_num_of_cpus", "after_set_num_of_cpus", NULL};
    struct house house;

    (void)state;
    start(&house);
    note(&house, points);
    ask(&house, "VM.hotplugMemory", dimm);
    hook_house_expect(&house, "before_memory_hotplug\nafter_memory_hotplug\n");
    house_do(&house, "VM.setNumberOfCpus", VM ", 'numberOfCpus': 3}");
    hook_house_expect(&house,
                      "before_set_num_of_cpus\nafter_set_num_of_cpus\n");
    hook_house_script(&house, "before_set_num_of_cpus", "no",
                      "echo no more >&2; exit 2");
    house_refuse(&house, "VM.setNumberOfCpus", VM ", 'numberOfCpus': 4}",
                 ERR_HOOK_FAILED, "no more");
    house_end(&house);
}

/* What an engine's document of a VM has, with a custom property in it. */
static char *
with_property(const struct house *house, const char *name)
{
    CLEANUP_FREE char *xml = engine_house_sample(house, "run/image-file-raw");
    const char *at = strstr(xml, "<ovirt-vm:vm>");

    assert_non_null(at);
    at += strlen("<ovirt-vm:vm>");
    return mem_printf("%.*s<ovirt-vm:custom><ovirt-vm:%s>blue</ovirt-vm:%s>"
                      "</ovirt-vm:custom>%s",
                      (int)(at - xml), xml, name, name, at);
}

static void
test_start_with_custom_properties(void **state)
{
    static const char *const points[] = {"before_vm_start", "after_vm_start",
                                         NULL};
    CLEANUP_FREE char *xml = NULL;
    struct house house;

    (void)state;
    engine_house_start(&house);
    note(&house, points);
    hook_house_script(&house, "before_vm_start", "50_discard",
                      "sed -i 's|<driver |<driver discard=\"unmap\" |' "
                      "\"$_hook_domxml\"");
    hook_house_script(&house, "before_vm_start", "60_source",
                      "dir=${NOTE%/note}; echo data >$dir/local.img\n"
                      "sed -i \"s|file=.$dir/[^ />]*|file=\\\"$dir/local.img"
                      "\\\"|\" \"$_hook_domxml\"");
    xml = with_property(&house, "color");
    engine_house_create(&house, xml);
    engine_house_live(&house, "local.img", true);
    hook_house_await(&house, "before_vm_start blue\nafter_vm_start blue\n");
    engine_house_live(&house, "discard=\"unmap\"", true);
    house_end(&house);
}

static void
test_hostile_property_starts_nothing(void **state)
{
    static const char *const points[] = {"before_vm_start", NULL};
    CLEANUP_FREE char *xml = NULL;
    struct house house;

    (void)state;
    engine_house_start(&house);
    note(&house, points);
    xml = with_property(&house, "LD_PRELOAD");
    assert_null(engine_house_xml(&house, "VM.create", "vmParams", xml));
    unit_err(&house.err, ERR_HOOK_UNSAFE, "LD_PRELOAD");
    hook_house_expect(&house, "");
    house_end(&house);
}

static void
test_checksums_in_capabilities(void **state)
{
    CLEANUP_JSON json_t *sums = NULL;
    struct house house;

    (void)state;
    start(&house);
    hook_house_script(&house, "before_vm_start", "a", "");
    sums = hook_env_checksums(&house.env);
    assert_int_equal(
        strlen(json_get_text(
            json_object_get(json_object_get(sums, "before_vm_start"), "a"),
            "checksum", "")),
        64);
    house_end(&house);
}

static void
test_answers_are_rewritten(void **state)
{
    struct house house;
    const struct hook_env_for who = {ENGINE_VM, NULL, "flow-1", 0};
    json_t *answer = NULL;
    struct err err = ERR_INIT;

    (void)state;
    start(&house);
    hook_verb_watch(&house.env);
    assert_false(hook_verb_scripted(&house.env, HOOK_VERB_VM_STATS));
    hook_house_script(&house, "after_get_vm_stats", "a",
                      "sed -i 's|blue|red|' \"$_hook_json\"");
    hook_verb_watch(&house.env);
    assert_true(hook_verb_scripted(&house.env, HOOK_VERB_VM_STATS));
    assert_false(hook_verb_scripted(&house.env, HOOK_VERB_STATS));
    assert_int_equal(
        hook_verb_before(&house.env, HOOK_VERB_VM_STATS, &who, &err), 0);
    answer = hook_verb_after(&house.env, HOOK_VERB_VM_STATS, &who,
                             json_pack("[{s:s}]", "color", "blue"));
    assert_string_equal(json_get_text(json_array_get(answer, 0), "color", ""),
                        "red");
    /* A result that is no JSON, or another kind of it, is dropped. */
    hook_house_script(&house, "after_get_vm_stats", "a",
                      "echo '{}' >\"$_hook_json\"");
    answer = hook_verb_after(&house.env, HOOK_VERB_VM_STATS, &who, answer);
    assert_true(json_is_array(answer));
    hook_house_script(&house, "before_get_vm_stats", "a",
                      "[ $(cat \"$_hook_json\") = '{}' ] || exit 1\n"
                      "echo not now >&2; exit 2");
    assert_int_equal(
        hook_verb_before(&house.env, HOOK_VERB_VM_STATS, &who, &err), -1);
    unit_err(&err, ERR_HOOK_FAILED, "not now");
    json_decref(answer);
    house_end(&house);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nics),
        cmocka_unit_test(test_memory_and_cpus),
        cmocka_unit_test(test_start_with_custom_properties),
        cmocka_unit_test(test_hostile_property_starts_nothing),
        cmocka_unit_test(test_checksums_in_capabilities),
        cmocka_unit_test(test_answers_are_rewritten),
    };

    return CASES(tests);
}
