// SPDX-License-Identifier: Apache-2.0
/*
 * Golden tests of the spec room: each tests/golden/spec/NAME.json is a case,
 * NAME.xml (or NAME.txt where the answer is no XML) what must come out. All
 * XML is valid against libvirt's schema. BERTH_GOLDEN_UPDATE=1 rewrites.
 */
#include "tests/unit/unit.h"

#include <glob.h>

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/spec/vm.h"

#define FOLDER "tests/golden/spec/"
#define SCHEMA "/usr/share/libvirt/schemas/domain.rng"
#define FILE_MAX_BYTES (4u << 20)
#define CASES_MAX 256

static json_t *
load(const char *path)
{
    struct err err = ERR_INIT;
    size_t len;
    CLEANUP_FREE char *text = file_read(path, FILE_MAX_BYTES, &len, &err);
    json_t *value = text ? json_parse(text, len, NULL, &err) : NULL;

    if (!value)
        fail_msg("%s: %s", path, err.message);
    return value;
}

static char *
input(const json_t *obj)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *path = mem_printf(
        FOLDER "input/%s", json_get_text(obj, "domain", "missing"));
    char *text = file_read(path, FILE_MAX_BYTES, NULL, &err);

    if (!text)
        fail_msg("%s", err.message);
    return text;
}

/* The text as people read it; takes xml. */
static char *
pretty(char *xml)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *flat = xml;
    CLEANUP_XML xmlDocPtr doc = NULL;

    if (!flat)
        return NULL;
    doc = xml_parse(flat, strlen(flat), &err);
    if (!doc)
        fail_msg("%s", err.message);
    return xml_pretty(xml_root(doc));
}

/* --- the cases ---------------------------------------------------------- */

static char *
case_vm(const json_t *obj, struct err *err)
{
    struct vm_defaults defaults = {true, 8, false, "qemu"};
    CLEANUP_VM struct vm *vm =
        vm_from_json(json_object_get(obj, "vm"), &defaults, err);

    if (!vm || vm_place(vm, err) < 0)
        return NULL;
    return vm_xml(vm, json_get_text(obj, "metadata", NULL));
}

/* In the smallest domain that the schema takes. */
static char *
case_disk(const json_t *obj, struct err *err)
{
    CLEANUP_DISK struct disk *disk =
        disk_from_json(json_object_get(obj, "disk"), "disk.", err);
    CLEANUP_XML xmlDocPtr doc = xml_new("domain");
    xmlNodePtr root = xml_root(doc);
    char target[16];

    if (!disk)
        return NULL;
    disk_target_name(disk->interface, 0, target);
    disk->target = mem_dup(target);
    xml_set(root, "type", "qemu");
    xml_add(root, "name", "around-a-disk");
    xml_add(root, "memory", "1024");
    xml_add(xml_add(root, "os", NULL), "type", "hvm");
    disk_to_xml(disk, xml_add(root, "devices", NULL));
    return xml_text(root);
}

static enum edit_kind
edit_kind(const char *name)
{
    static const char *const names[] = {"add_disk", "remove_disk",
                                        "replace_disk", "add_controller",
                                        "set_metadata"};

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return (enum edit_kind)i;
    fail_msg("no edit is called '%s'", name);
    return EDIT_ADD_DISK;
}

static int
read_edit(const json_t *obj, struct edit *edit, struct err *err)
{
    const json_t *disk = json_object_get(obj, "disk");
    const json_t *controller = json_object_get(obj, "controller");

    edit->kind = edit_kind(json_get_text(obj, "edit", ""));
    edit->text = mem_dup(json_get_text(obj, "text", NULL));
    if (disk && !(edit->disk = disk_from_record(disk, err)))
        return -1;
    if (!controller)
        return 0;
    edit->controller = mem_zalloc(1, sizeof(*edit->controller));
    return controller_from_json(controller, "controller.", edit->controller,
                                err);
}

static char *
case_edit(const json_t *obj, struct err *err)
{
    const json_t *list = json_object_get(obj, "edits");
    struct edit edits[8] = {{.kind = EDIT_ADD_DISK}};
    size_t n = json_array_size(list);
    CLEANUP_FREE char *xml = input(obj);
    char *out = NULL;
    int ok = 0;

    assert_true(n <= 8);
    for (size_t i = 0; i < n && ok == 0; i++)
        ok = read_edit(json_array_get(list, i), &edits[i], err);
    if (ok == 0)
        out = domain_edit(xml, edits, n, err);
    for (size_t i = 0; i < n; i++)
        edit_clear(&edits[i]);
    return out;
}

static json_t *
show_pci(const struct domain *d)
{
    json_t *list = json_array();

    for (size_t i = 0; i < d->npci; i++) {
        CLEANUP_FREE char *line = NULL;
        char text[32];

        address_text(&d->pci[i].address, text);
        line = mem_printf("%s %s", text, d->pci[i].what);
        json_array_append_new(list, json_string(line));
    }
    return list;
}

/* Where one more device and one more disk would go. */
static void
show_free(const struct domain *d, json_t *out)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    CLEANUP_FREE struct domain_port *ports = NULL;
    struct address a = {.type = ADDRESS_NONE};
    struct err err = ERR_INIT;
    json_t *list = json_array();
    size_t n;

    domain_take_addresses(d, pool);
    ports = domain_ports(d, pool, &n);
    for (size_t i = 0; i < n; i++) {
        CLEANUP_FREE char *line =
            mem_printf("%u %s", ports[i].index,
                       ports[i].holder ? ports[i].holder : "free");

        json_array_append_new(list, json_string(line));
    }
    json_put(out, "ports", list);
    if (domain_free_pci(d, pool, &a, &err) < 0)
        json_put_text(out, "no_free_pci", err.message);
    else
        json_put(out, "free_pci", address_to_json(&a));
    assert_int_equal(address_pool_drive(pool, "scsi", 0, &a, &err), 0);
    json_put(out, "free_unit", address_to_json(&a));
}

static char *
case_adopt(const json_t *obj, struct err *err)
{
    CLEANUP_FREE char *xml = input(obj);
    CLEANUP_DOMAIN struct domain *d = domain_parse(xml, err);
    CLEANUP_JSON json_t *out = json_object();
    json_t *list = json_array();

    if (!d)
        return NULL;
    json_put_text(out, "name", d->name);
    json_put_text(out, "uuid", d->uuid);
    json_put_text(out, "type", d->type);
    json_put_text(out, "machine", d->machine);
    json_put_bool(out, "q35", domain_is_q35(d));
    json_put_int(out, "memory", (json_int_t)d->memory);
    json_put_int(out, "vcpus", d->vcpus);
    json_put_int(out, "iothreads", (json_int_t)d->niothreads);
    json_put_text(out, "firmware", d->firmware);
    json_put_text(out, "graphics", d->graphics);
    json_put_text(out, "serial_log", d->serial_log);
    json_put_text(out, "metadata", d->metadata);
    for (size_t i = 0; i < d->ndisks; i++)
        json_array_append_new(list, disk_to_json(d->disks[i], NULL));
    json_put(out, "disks", list);
    json_put(out, "nics", json_incref(d->nics));
    json_put(out, "pci", show_pci(d));
    show_free(d, out);
    return json_pretty(out);
}

static const struct runner {
    const char *name;
    char *(*run)(const json_t *obj, struct err *err);
    bool xml;
} runners[] = {
    {"vm", case_vm, true},
    {"disk", case_disk, true},
    {"edit", case_edit, true},
    {"adopt", case_adopt, false},
};

/* --- comparing ---------------------------------------------------------- */

static void
compare(const char *path, const char *got)
{
    CLEANUP_FREE char *want = NULL;
    struct err err = ERR_INIT;

    if (getenv("BERTH_GOLDEN_UPDATE")) {
        if (file_write(path, got, strlen(got), 0644, &err) < 0)
            fail_msg("%s", err.message);
        return;
    }
    want = file_read(path, FILE_MAX_BYTES, NULL, &err);
    if (!want)
        fail_msg("%s; BERTH_GOLDEN_UPDATE=1 writes it", err.message);
    if (strcmp(want, got) != 0)
        fail_msg("%s differs; now it is\n%s", path, got);
}

static void
run_case(void **state)
{
    const char *path = *state;
    CLEANUP_JSON json_t *obj = load(path);
    const char *name = json_get_text(obj, "case", "");
    struct err err = ERR_INIT;
    CLEANUP_FREE char *text = NULL, *got = NULL, *out = NULL;
    const struct runner *runner = runners;

    while (strcmp(runner->name, name) != 0)
        assert_true(++runner < runners + sizeof(runners) / sizeof(runners[0]));
    text = runner->run(obj, &err);
    if (!text)
        got = mem_printf("%s\n%s\n", err_kind_name(err.kind), err.message);
    else if (runner->xml)
        got = mem_printf("%s\n", out = pretty(STEAL(text)));
    else
        got = mem_printf("%s\n", text);
    free(out);
    out = mem_printf("%.*s.%s", (int)(strlen(path) - strlen(".json")), path,
                     runner->xml && err.kind == ERR_NONE ? "xml" : "txt");
    compare(out, got);
}

/* Everything that came out, and what went in, is what libvirt takes. */
static void
xml_is_valid(void **state)
{
    glob_t files = {.gl_pathc = 0};
    const char **argv = NULL;
    struct proc_result result = {.status = -1};
    struct err err = ERR_INIT;
    size_t n = 4;

    (void)state;
    assert_int_equal(glob(FOLDER "*.xml", 0, NULL, &files), 0);
    assert_int_equal(glob(FOLDER "input/*.xml", GLOB_APPEND, NULL, &files), 0);
    argv = mem_zalloc(files.gl_pathc + 5, sizeof(*argv));
    argv[0] = "xmllint";
    argv[1] = "--noout";
    argv[2] = "--relaxng";
    argv[3] = SCHEMA;
    for (size_t i = 0; i < files.gl_pathc; i++)
        argv[n++] = files.gl_pathv[i];
    if (proc_run(&(struct proc){.argv = argv,
                                .timeout_ms = 60000,
                                .max_output = 65536},
                 &result, &err) < 0)
        fail_msg("%s", err.message);
    if (result.status != 0)
        fail_msg("xmllint: %s", result.errout);
    proc_result_free(&result);
    free(argv);
    globfree(&files);
}

int
main(void)
{
    struct CMUnitTest tests[CASES_MAX] = {{.name = NULL}};
    glob_t files = {.gl_pathc = 0};
    size_t n = 0;
    int failed;

    if (glob(FOLDER "*.json", 0, NULL, &files) != 0 ||
        files.gl_pathc >= CASES_MAX)
        return 1;
    for (; n < files.gl_pathc; n++) {
        tests[n].name = strrchr(files.gl_pathv[n], '/') + 1;
        tests[n].test_func = run_case;
        tests[n].initial_state = files.gl_pathv[n];
    }
    tests[n].name = "xml_is_valid";
    tests[n++].test_func = xml_is_valid;
    failed = _cmocka_run_group_tests("golden_spec", tests, n, NULL, NULL);
    globfree(&files);
    return failed;
}
