// SPDX-License-Identifier: Apache-2.0
/*
 * Edits of a definition: the tree that libvirt gave is changed where it must
 * be and nowhere else. A disk is found by our alias; one without an alias by
 * target and source, since another disk may have got the same target in
 * between.
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
    return have->kind == DISK_CDROM || want->source_type == DISK_SOURCE_OTHER ||
                   same(want->path, have->path)
               ? e
               : NULL;
}

/* --- the edits ---------------------------------------------------------- */

/* libvirt takes the boot order of devices or that of <os>, not both, and
 * fills in the latter by itself where there is neither. */
static void
prefer_device_order(const struct tree *tree, const struct disk *disk)
{
    xmlNodePtr os = xml_child(tree->root, "os");

    while (disk->boot_order && xml_child(os, "boot"))
        xml_remove(xml_child(os, "boot"));
}

static void
replace_entry(struct entry *e, const struct disk *disk)
{
    disk_merge(e->node, disk);
    clear_entry(e);
    e->alias = mem_dup(disk->alias);
    e->target = mem_dup(disk->target);
}

static int
add_disk(struct tree *tree, const struct edit *edit, struct err *err)
{
    struct entry *there = find_alias(tree, edit->disk->alias);

    if (there) { /* an edit that is made again changes nothing */
        prefer_device_order(tree, edit->disk);
        replace_entry(there, edit->disk);
        return 0;
    }
    if (find_target(tree, edit->disk->target))
        return err_set(err, ERR_EXISTS,
                       "The definition has another disk with target %s; "
                       "nothing was changed",
                       edit->disk->target);
    prefer_device_order(tree, edit->disk);
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
    prefer_device_order(tree, edit->disk);
    replace_entry(e, edit->disk);
    return 0;
}

static int
add_controller(struct tree *tree, const struct edit *edit, struct err *err)
{
    return domain_controller_add(tree->root, edit->controller, err);
}

static int
replace_controller(struct tree *tree, const struct edit *edit, struct err *err)
{
    return domain_controller_replace(tree->root, edit->controller, err);
}

static int
remove_controller(struct tree *tree, const struct edit *edit, struct err *err)
{
    (void)err;
    domain_controller_remove(tree->root, edit->controller);
    return 0;
}

static int
set_metadata(struct tree *tree, const struct edit *edit, struct err *err)
{
    (void)err;
    domain_metadata_set(tree->root, edit->text);
    return 0;
}

/* --- other devices -------------------------------------------------------- */

static xmlNodePtr
same_device(const struct tree *tree, xmlNodePtr wanted)
{
    CLEANUP_FREE char *alias = xml_attr(xml_child(wanted, "alias"), "name");
    xmlNodePtr node = xml_child(tree->devices, (const char *)wanted->name);

    while (node && (!alias ||
                    !xml_attr_is(xml_child(node, "alias"), "name", alias)))
        node = xml_next(node, (const char *)wanted->name);
    return node;
}

/* One that is there under the alias is replaced: an edit may be made again. */
static int
add_device(struct tree *tree, const struct edit *edit, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(edit->text, strlen(edit->text), err);
    xmlNodePtr there;

    if (!doc)
        return -1;
    there = same_device(tree, xml_root(doc));
    if (there)
        xml_remove(there);
    xml_copy_into(tree->devices, xml_root(doc));
    return 0;
}

static int
remove_device(struct tree *tree, const struct edit *edit, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(edit->text, strlen(edit->text), err);
    xmlNodePtr there = doc ? same_device(tree, xml_root(doc)) : NULL;

    if (there)
        xml_remove(there);
    return doc ? 0 : -1;
}

static int (*const editors[])(struct tree *tree, const struct edit *edit,
                              struct err *err) = {
    [EDIT_ADD_DISK] = add_disk,         [EDIT_REMOVE_DISK] = remove_disk,
    [EDIT_REPLACE_DISK] = replace_disk, [EDIT_ADD_CONTROLLER] = add_controller,
    [EDIT_SET_METADATA] = set_metadata, [EDIT_ADD_DEVICE] = add_device,
    [EDIT_REMOVE_DEVICE] = remove_device,
    [EDIT_REPLACE_CONTROLLER] = replace_controller,
    [EDIT_REMOVE_CONTROLLER] = remove_controller,
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
