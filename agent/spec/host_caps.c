// SPDX-License-Identifier: Apache-2.0
/*
 * Only what is asked for is taken out; what a libvirt does not say is null,
 * false or empty.
 */
#include "agent/spec/host_caps.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/xml.h"

static void
put_content(json_t *obj, const char *key, xmlNodePtr node)
{
    CLEANUP_FREE char *text = node ? xml_content(node) : NULL;

    json_put_text(obj, key, text);
}

/* Append a text that the array does not hold. */
static void
append_new(json_t *list, const char *text)
{
    json_t *have;
    size_t i;

    json_array_foreach (list, i, have)
        if (strcmp(json_string_value(have), text) == 0)
            return;
    json_array_append_new(list, json_string(text));
}

static void
append_machines(json_t *list, xmlNodePtr parent)
{
    for (xmlNodePtr at = xml_child(parent, "machine"); at;
         at = xml_next(at, "machine")) {
        CLEANUP_FREE char *name = xml_content(at);

        if (name && *name)
            append_new(list, name);
    }
}

/* A guest of the host's architecture: machines of each type of domain. */
static void
read_guest(json_t *out, xmlNodePtr arch)
{
    json_t *machines = json_object_get(out, "machines");
    json_t *types = json_object_get(out, "types");

    append_machines(machines, arch);
    for (xmlNodePtr at = xml_child(arch, "domain"); at;
         at = xml_next(at, "domain")) {
        CLEANUP_FREE char *type = xml_attr(at, "type");

        if (type)
            append_new(types, type);
        append_machines(machines, at);
    }
}

static json_t *
tsc_of(xmlNodePtr cpu)
{
    for (xmlNodePtr at = xml_child(cpu, "counter"); at;
         at = xml_next(at, "counter")) {
        json_t *tsc;

        if (!xml_attr_is(at, "name", "tsc"))
            continue;
        tsc = json_object();
        json_put_int(tsc, "hz", xml_attr_int(at, "frequency", 0));
        json_put_bool(tsc, "scaling", xml_attr_is(at, "scaling", "yes"));
        return tsc;
    }
    return NULL;
}

static void
read_host(json_t *out, xmlNodePtr host)
{
    xmlNodePtr cpu = xml_child(host, "cpu");

    put_content(out, "arch", xml_child(cpu, "arch"));
    put_content(out, "cpu_model", xml_child(cpu, "model"));
    put_content(out, "cpu_vendor", xml_child(cpu, "vendor"));
    json_put(out, "tsc", tsc_of(cpu));
    json_put_bool(out, "live_migration",
                  xml_path(host, "migration_features/live") != NULL);
}

static int
read_capabilities(json_t *out, const char *text, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(text, strlen(text), err);
    xmlNodePtr root = doc ? xml_root(doc) : NULL;

    if (!doc)
        return -1;
    read_host(out, xml_child(root, "host"));
    for (xmlNodePtr at = xml_child(root, "guest"); at;
         at = xml_next(at, "guest")) {
        xmlNodePtr arch = xml_child(at, "arch");

        if (xml_attr_is(arch, "name", json_get_text(out, "arch", "")))
            read_guest(out, arch);
    }
    return 0;
}

/* --- domain capabilities ------------------------------------------------- */

/* <enum name=…> below node, its values. */
static json_t *
values_of(xmlNodePtr node, const char *name)
{
    json_t *list = json_array();

    for (xmlNodePtr at = xml_child(node, "enum"); at;
         at = xml_next(at, "enum")) {
        if (!xml_attr_is(at, "name", name))
            continue;
        for (xmlNodePtr v = xml_child(at, "value"); v;
             v = xml_next(v, "value")) {
            CLEANUP_FREE char *text = xml_content(v);

            if (text)
                json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static json_t *
usable_models(xmlNodePtr cpu)
{
    json_t *list = json_array();

    for (xmlNodePtr mode = xml_child(cpu, "mode"); mode;
         mode = xml_next(mode, "mode")) {
        if (!xml_attr_is(mode, "name", "custom"))
            continue;
        for (xmlNodePtr at = xml_child(mode, "model"); at;
             at = xml_next(at, "model")) {
            CLEANUP_FREE char *name = xml_content(at);

            if (name && xml_attr_is(at, "usable", "yes"))
                json_array_append_new(list, json_string(name));
        }
    }
    return list;
}

static int
read_domain_caps(json_t *out, const char *text, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc =
        text ? xml_parse(text, strlen(text), err) : NULL;
    xmlNodePtr root = doc ? xml_root(doc) : NULL;

    if (text && !doc)
        return -1;
    json_put(out, "cpu_models", usable_models(xml_child(root, "cpu")));
    json_put_bool(
        out, "backup",
        xml_attr_is(xml_path(root, "features/backup"), "supported", "yes"));
    json_put(out, "rng",
             values_of(xml_path(root, "devices/rng"), "backendModel"));
    return 0;
}

json_t *
host_caps_parse(const char *caps, const char *domain_caps, struct err *err)
{
    CLEANUP_JSON json_t *out = json_object();

    json_put(out, "machines", json_array());
    json_put(out, "types", json_array());
    if (read_capabilities(out, caps, err) < 0 ||
        read_domain_caps(out, domain_caps, err) < 0)
        return NULL;
    return STEAL(out);
}
