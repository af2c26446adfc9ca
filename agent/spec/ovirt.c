// SPDX-License-Identifier: Apache-2.0
/*
 * The engine's metadata as a tree. libvirt gives the namespace that it is
 * told to every element that has none, so what goes back to it has none.
 */
#include "agent/spec/ovirt.h"

#include <string.h>

#include "agent/common/mem.h"

xmlNodePtr
ovirt_find(xmlNodePtr parent, const char *uri)
{
    xmlNodePtr node = xml_child(xml_child(parent, "metadata"), NULL);

    for (; node; node = xml_next(node, NULL))
        if (node->ns && xmlStrEqual(node->ns->href, BAD_CAST uri))
            return node;
    return NULL;
}

xmlNodePtr
ovirt_device(xmlNodePtr vm, const char *devtype, const char *key,
             const char *value)
{
    xmlNodePtr node = xml_child(vm, "device");

    for (; node; node = xml_next(node, "device"))
        if (xml_attr_is(node, "devtype", devtype) && value &&
            xml_attr_is(node, key, value))
            return node;
    return NULL;
}

char *
ovirt_get(xmlNodePtr node, const char *name)
{
    return xml_content(xml_child(node, name));
}

void
ovirt_put(xmlNodePtr node, const char *name, const char *type,
          const char *text)
{
    xmlNodePtr member = xml_child(node, name);

    if (member)
        xml_remove(member);
    member = xml_add(node, name, text);
    xmlSetNs(member, node->ns);
    xml_set(member, "type", type);
}

void
ovirt_name_luns(xmlNodePtr vm)
{
    xmlNodePtr node = xml_child(vm, "device");

    for (; node; node = xml_next(node, "device")) {
        CLEANUP_FREE char *guid = ovirt_get(node, "GUID");

        if (guid && !xml_child(node, "imageID"))
            ovirt_put(node, "imageID", NULL, guid);
    }
}

/* --- without namespaces --------------------------------------------------- */

static void
copy_bare(xmlNodePtr from, xmlNodePtr to)
{
    for (xmlAttrPtr attr = from->properties; attr; attr = attr->next) {
        CLEANUP_FREE char *value = xml_attr(from, (const char *)attr->name);

        xml_set(to, (const char *)attr->name, value);
    }
    if (!xml_child(from, NULL)) {
        CLEANUP_FREE char *text = xml_content(from);

        if (*text)
            xmlNodeAddContent(to, BAD_CAST text);
    }
    for (xmlNodePtr node = xml_child(from, NULL); node;
         node = xml_next(node, NULL))
        copy_bare(node, xml_add(to, (const char *)node->name, NULL));
}

char *
ovirt_text(xmlNodePtr node)
{
    CLEANUP_XML xmlDocPtr doc =
        node ? xml_new((const char *)node->name) : NULL;

    if (!node)
        return NULL;
    copy_bare(node, xml_root(doc));
    return xml_text(xml_root(doc));
}

/* --- edits ---------------------------------------------------------------- */

/* Whether node is the member that wanted stands for. */
static bool
is_member(xmlNodePtr node, xmlNodePtr wanted)
{
    for (xmlAttrPtr attr = wanted->properties; attr; attr = attr->next) {
        const char *name = (const char *)attr->name;
        CLEANUP_FREE char *value = xml_attr(wanted, name);

        if (strcmp(name, "type") != 0 &&
            !xml_attr_is(node, name, value ? value : ""))
            return false;
    }
    return true;
}

static xmlNodePtr
member_of(xmlNodePtr vm, xmlNodePtr wanted)
{
    xmlNodePtr node = xml_child(vm, (const char *)wanted->name);

    while (node && !is_member(node, wanted))
        node = xml_next(node, (const char *)wanted->name);
    return node;
}

static xmlDocPtr
vm_tree(const char *vm, struct err *err)
{
    return vm ? xml_parse(vm, strlen(vm), err) : xml_new(OVIRT_VM_NAME);
}

char *
ovirt_edit(const char *vm, const char *fragment, bool gone, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = vm_tree(vm, err);
    CLEANUP_XML xmlDocPtr part =
        doc ? xml_parse(fragment, strlen(fragment), err) : NULL;
    xmlNodePtr have;

    if (!part)
        return NULL;
    have = member_of(xml_root(doc), xml_root(part));
    if (have)
        xml_remove(have);
    if (!gone)
        copy_bare(xml_root(part),
                  xml_add(xml_root(doc), (const char *)xml_root(part)->name,
                          NULL));
    return xml_text(xml_root(doc));
}

char *
ovirt_member(const char *vm, const char *fragment)
{
    CLEANUP_XML xmlDocPtr doc = vm ? vm_tree(vm, NULL) : NULL;
    CLEANUP_XML xmlDocPtr part = xml_parse(fragment, strlen(fragment), NULL);
    xmlNodePtr have =
        doc && part ? member_of(xml_root(doc), xml_root(part)) : NULL;

    return have ? xml_text(have) : NULL;
}

/* --- which drive ---------------------------------------------------------- */

static bool
agrees(xmlNodePtr entry, const json_t *ids, const char *name, bool *any)
{
    const char *want = json_get_text(ids, name, NULL);
    CLEANUP_FREE char *have = ovirt_get(entry, name);

    if (!want || !*want)
        return true;
    *any = true;
    return have && strcmp(have, want) == 0;
}

/* A GUID says all: a LUN has no other ids. */
static bool
is_drive(xmlNodePtr entry, const json_t *ids)
{
    static const char *const names[] = {"poolID", "domainID", "imageID",
                                        "volumeID"};
    bool any = false;

    if (!xml_attr_is(entry, "devtype", "disk"))
        return false;
    if (*json_get_text(ids, "GUID", ""))
        return agrees(entry, ids, "GUID", &any);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!agrees(entry, ids, names[i], &any))
            return false;
    return any;
}

char *
ovirt_drive(const char *vm, const json_t *ids)
{
    CLEANUP_XML xmlDocPtr doc = vm ? vm_tree(vm, NULL) : NULL;
    xmlNodePtr entry = doc ? xml_child(xml_root(doc), "device") : NULL;

    for (; entry; entry = xml_next(entry, "device"))
        if (is_drive(entry, ids))
            return xml_attr(entry, "name");
    return NULL;
}
