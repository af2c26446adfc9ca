// SPDX-License-Identifier: Apache-2.0
/*
 * Edits of a definition. The tree that libvirt gave is changed where it must
 * be and nowhere else: a disk that is replaced keeps every attribute and
 * child that berth does not write itself (tray, geometry, copy_on_read, …).
 * A disk is found by our alias; one without an alias by target and source,
 * since another disk may have got the same target in between.
 */
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/domain.h"

#define ALIAS_PREFIX "ua-"

/* --- metadata ----------------------------------------------------------- */

xmlNodePtr
domain_metadata_find(xmlNodePtr root)
{
    xmlNodePtr node =
        xml_child(xml_child(root, "metadata"), DOMAIN_METADATA_NAME);

    for (; node; node = xml_next(node, DOMAIN_METADATA_NAME))
        if (node->ns &&
            xmlStrEqual(node->ns->href, BAD_CAST DOMAIN_METADATA_URI))
            return node;
    return NULL;
}

void
domain_metadata_set(xmlNodePtr root, const char *text)
{
    xmlNodePtr metadata = xml_child(root, "metadata");
    xmlNodePtr node = domain_metadata_find(root);

    if (node)
        xml_remove(node);
    if (!text)
        return;
    if (!metadata)
        metadata = xml_add(root, "metadata", NULL);
    node = xml_add(metadata, DOMAIN_METADATA_NAME, text);
    xmlSetNs(node, xmlNewNs(node, BAD_CAST DOMAIN_METADATA_URI,
                            BAD_CAST DOMAIN_METADATA_PREFIX));
}

/* --- finding ------------------------------------------------------------ */

/* The disks of a tree under edit; a batch of a thousand looks here, not in
 * the tree. */
struct entry {
    xmlNodePtr node;
    char *alias, *target;
};

struct tree {
    xmlNodePtr root, devices;
    struct entry *disks;
    size_t ndisks;
};

static bool
same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void
index_disk(struct tree *tree, xmlNodePtr node)
{
    struct entry *e;

    tree->disks = mem_more(tree->disks, tree->ndisks, sizeof(*tree->disks));
    e = &tree->disks[tree->ndisks++];
    e->node = node;
    e->alias = xml_attr(xml_child(node, "alias"), "name");
    e->target = xml_attr(xml_child(node, "target"), "dev");
}

static void
clear_entry(struct entry *e)
{
    free(e->alias);
    free(e->target);
}

static void
clear_tree(struct tree *tree)
{
    for (size_t i = 0; i < tree->ndisks; i++)
        clear_entry(&tree->disks[i]);
    free(tree->disks);
}

static struct entry *
find_alias(const struct tree *tree, const char *alias)
{
    for (size_t i = 0; alias && i < tree->ndisks; i++)
        if (same(tree->disks[i].alias, alias))
            return &tree->disks[i];
    return NULL;
}

static struct entry *
find_target(const struct tree *tree, const char *target)
{
    for (size_t i = 0; target && i < tree->ndisks; i++)
        if (same(tree->disks[i].target, target))
            return &tree->disks[i];
    return NULL;
}

/* Without an alias of ours: same target, and the same source unless it is a
 * cdrom, whose medium may differ between live and persistent. */
static struct entry *
find_disk(const struct tree *tree, const struct disk *want)
{
    struct entry *e = find_alias(tree, want->alias);
    CLEANUP_DISK struct disk *have = NULL;

    if (e)
        return e;
    e = find_target(tree, want->target);
    if (!e || (e->alias &&
               strncmp(e->alias, ALIAS_PREFIX, strlen(ALIAS_PREFIX)) == 0))
        return NULL;
    have = disk_from_xml(e->node);
    return have->kind == DISK_CDROM || same(want->path, have->path) ? e : NULL;
}

/* --- merging ------------------------------------------------------------ */

/* What disk_to_xml writes; all else in a <disk> belongs to somebody else. */
static const char *const disk_attrs[] = {"type", "device", NULL};
static const char *const driver_attrs[] = {
    "name", "type", "cache", "error_policy", "io", "discard", "iothread", NULL};
static const char *const target_attrs[] = {"dev", "bus", NULL};
static const char *const boot_attrs[] = {"order", NULL};
static const char *const whole_children[] = {
    "readonly", "shareable", "serial", "wwn", "alias", "address", NULL};

/* Give old the named attributes as fresh has them. */
static void
merge_attrs(xmlNodePtr old, xmlNodePtr fresh, const char *const *names)
{
    for (; *names; names++) {
        CLEANUP_FREE char *value = xml_attr(fresh, *names);

        if (value)
            xml_set(old, *names, value);
        else
            xmlUnsetProp(old, BAD_CAST * names);
    }
}

/* A child that both may have: merged, added, or taken out. */
static void
merge_child(xmlNodePtr old, xmlNodePtr fresh, const char *name,
            const char *const *attrs)
{
    xmlNodePtr have = xml_child(old, name);
    xmlNodePtr want = xml_child(fresh, name);

    if (have && want)
        merge_attrs(have, want, attrs);
    else if (have)
        xml_remove(have);
    else if (want)
        xml_copy_into(old, want);
}

static void
replace_child(xmlNodePtr old, xmlNodePtr fresh, const char *name)
{
    xmlNodePtr have = xml_child(old, name);
    xmlNodePtr want = xml_child(fresh, name);

    if (have)
        xml_remove(have);
    if (want)
        xml_copy_into(old, want);
}

/* Bursts (…_max) and groups in <iotune> are kept. */
static void
merge_iotune(xmlNodePtr old, xmlNodePtr fresh)
{
    xmlNodePtr have = xml_child(old, "iotune");
    xmlNodePtr want = xml_child(fresh, "iotune");

    if (!have) {
        replace_child(old, fresh, "iotune");
        return;
    }
    for (size_t i = 0; i < DISK_IOTUNE_ROWS; i++)
        replace_child(have, want, disk_iotune_name(i));
    if (!xml_child(have, NULL))
        xml_remove(have);
}

static void
merge_disk(xmlNodePtr old, const struct disk *disk)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("devices");
    CLEANUP_DISK struct disk *was = disk_from_xml(old);
    xmlNodePtr fresh = disk_to_xml(disk, xml_root(doc));
    bool moved =
        disk->source_type != DISK_SOURCE_OTHER &&
        (was->source_type != disk->source_type || !same(was->path, disk->path));

    if (moved) {
        replace_child(old, fresh, "source");
        /* The chain below the old source is not that of the new one. */
        if (xml_child(old, "backingStore"))
            xml_remove(xml_child(old, "backingStore"));
    }
    if (disk->source_type != DISK_SOURCE_OTHER)
        merge_attrs(old, fresh, disk_attrs);
    if (disk->address.type == ADDRESS_NONE && was->interface == disk->interface)
        address_to_xml(fresh, &was->address, false);
    merge_child(old, fresh, "driver", driver_attrs);
    merge_child(old, fresh, "target", target_attrs);
    merge_child(old, fresh, "boot", boot_attrs);
    merge_iotune(old, fresh);
    for (const char *const *name = whole_children; *name; name++)
        replace_child(old, fresh, *name);
}

/* --- the edits ---------------------------------------------------------- */

static void
replace_entry(struct entry *e, const struct disk *disk)
{
    merge_disk(e->node, disk);
    clear_entry(e);
    e->alias = mem_dup(disk->alias);
    e->target = mem_dup(disk->target);
}

static int
add_disk(struct tree *tree, const struct edit *edit, struct err *err)
{
    struct entry *there = find_alias(tree, edit->disk->alias);

    if (there) { /* an edit that is made again changes nothing */
        replace_entry(there, edit->disk);
        return 0;
    }
    if (find_target(tree, edit->disk->target))
        return err_set(err, ERR_EXISTS,
                       "The definition has another disk with target %s; "
                       "nothing was changed",
                       edit->disk->target);
    index_disk(tree, disk_to_xml(edit->disk, tree->devices));
    return 0;
}

static int
remove_disk(struct tree *tree, const struct edit *edit, struct err *err)
{
    struct entry *e = find_disk(tree, edit->disk);

    (void)err;
    if (!e)
        return 0;
    xml_remove(e->node);
    clear_entry(e);
    *e = tree->disks[--tree->ndisks];
    return 0;
}

static int
replace_disk(struct tree *tree, const struct edit *edit, struct err *err)
{
    struct entry *e = find_disk(tree, edit->disk);

    if (!e)
        return err_set(err, ERR_NOT_FOUND,
                       "The definition has no disk with alias %s or target %s",
                       edit->disk->alias ? edit->disk->alias : "(none)",
                       edit->disk->target ? edit->disk->target : "(none)");
    replace_entry(e, edit->disk);
    return 0;
}

static int
add_controller(struct tree *tree, const struct edit *edit, struct err *err)
{
    xmlNodePtr node = xml_child(tree->devices, "controller");

    for (; node; node = xml_next(node, "controller")) {
        struct controller have;

        controller_from_xml(node, &have);
        if (have.index != edit->controller->index ||
            strcmp(have.type, edit->controller->type) != 0)
            continue;
        if (strcmp(have.alias, edit->controller->alias) == 0)
            return 0;
        return err_set(err, ERR_EXISTS,
                       "The definition has another %s controller %u (%s); "
                       "nothing was changed",
                       have.type, have.index,
                       *have.model ? have.model : "no model");
    }
    controller_to_xml(edit->controller, tree->devices);
    return 0;
}

static int
set_metadata(struct tree *tree, const struct edit *edit, struct err *err)
{
    (void)err;
    domain_metadata_set(tree->root, edit->text);
    return 0;
}

static int (*const editors[])(struct tree *tree, const struct edit *edit,
                              struct err *err) = {
    [EDIT_ADD_DISK] = add_disk,         [EDIT_REMOVE_DISK] = remove_disk,
    [EDIT_REPLACE_DISK] = replace_disk, [EDIT_ADD_CONTROLLER] = add_controller,
    [EDIT_SET_METADATA] = set_metadata,
};

char *
domain_edit(const char *xml, const struct edit *edits, size_t n,
            struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);
    CLEANUP(clear_tree) struct tree tree = {.root = NULL};

    if (!doc)
        return NULL;
    tree.root = xml_root(doc);
    if (!xml_is(tree.root, "domain")) {
        err_set(err, ERR_INVALID, "The XML is a <%s>, not a libvirt <domain>",
                (const char *)tree.root->name);
        return NULL;
    }
    tree.devices = xml_child(tree.root, "devices");
    if (!tree.devices)
        tree.devices = xml_add(tree.root, "devices", NULL);
    for (xmlNodePtr node = xml_child(tree.devices, "disk"); node;
         node = xml_next(node, "disk"))
        index_disk(&tree, node);
    for (size_t i = 0; i < n; i++)
        if (editors[edits[i].kind](&tree, &edits[i], err) < 0)
            return NULL;
    return xml_text(tree.root);
}
