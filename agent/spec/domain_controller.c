// SPDX-License-Identifier: Apache-2.0
/*
 * Edits of a definition's controllers. What berth does not write in one, and
 * the place of each in the tree, stays. A controller that names an I/O thread
 * is refused by libvirt when the definition has none of that number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/domain.h"

static xmlNodePtr
find(xmlNodePtr root, const struct controller *want, struct controller *have)
{
    xmlNodePtr node = xml_path(root, "devices/controller");

    for (; node; node = xml_next(node, "controller")) {
        controller_from_xml(node, have);
        if (have->index == want->index && !strcmp(have->type, want->type))
            return node;
    }
    return NULL;
}

/* --- I/O threads ---------------------------------------------------------- */

static bool
has_iothread(xmlNodePtr ids, unsigned id)
{
    xmlNodePtr node = xml_child(ids, "iothread");

    for (; node; node = xml_next(node, "iothread"))
        if (xml_attr_int(node, "id", 0) == id)
            return true;
    return false;
}

static void
add_iothread(xmlNodePtr ids, unsigned id)
{
    xml_set_int(xml_add(ids, "iothread", NULL), "id", id);
}

/* Where the numbers do not stand, they are 1, 2, 3 … */
static void
ensure_iothread(xmlNodePtr root, unsigned id)
{
    xmlNodePtr count = xml_child(root, "iothreads");
    xmlNodePtr ids = xml_child(root, "iothreadids");
    CLEANUP_FREE char *text = xml_content(count);
    unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : 0;
    char number[16];

    if (has_iothread(ids, id) || (!ids && id <= n))
        return;
    if (!ids) {
        ids = xml_add(root, "iothreadids", NULL);
        for (unsigned i = 1; i <= n; i++)
            add_iothread(ids, i);
    }
    add_iothread(ids, id);
    snprintf(number, sizeof(number), "%u", n + 1);
    if (!count)
        count = xml_add(root, "iothreads", NULL);
    xmlNodeSetContent(count, BAD_CAST number);
}

/* --- controllers ---------------------------------------------------------- */

int
domain_controller_add(xmlNodePtr root, const struct controller *controller,
                      struct err *err)
{
    struct controller have;

    if (find(root, controller, &have))
        return strcmp(have.alias, controller->alias) == 0
                   ? 0
                   : err_set(err, ERR_EXISTS,
                             "The definition has another %s controller %u "
                             "(%s); nothing was changed",
                             have.type, have.index,
                             *have.model ? have.model : "no model");
    if (controller->iothread)
        ensure_iothread(root, controller->iothread);
    controller_to_xml(controller, xml_child(root, "devices"));
    return 0;
}

int
domain_controller_replace(xmlNodePtr root, const struct controller *controller,
                          struct err *err)
{
    struct controller have;
    xmlNodePtr node = find(root, controller, &have);

    if (!node)
        return err_set(err, ERR_NOT_FOUND,
                       "The definition has no %s controller %u",
                       controller->type, controller->index);
    if (controller->iothread)
        ensure_iothread(root, controller->iothread);
    controller_merge(node, controller);
    return 0;
}

void
domain_controller_remove(xmlNodePtr root, const struct controller *controller)
{
    struct controller have;
    xmlNodePtr node = find(root, controller, &have);

    if (node)
        xml_remove(node);
}
