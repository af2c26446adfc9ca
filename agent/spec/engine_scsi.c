// SPDX-License-Identifier: Apache-2.0
/*
 * index ↔ iothread ↔ PCI address, kept over the engine's edits: of all that
 * an edit may bring in another order, only the index is in the addresses of
 * the disks.
 */
#include "agent/spec/engine_scsi.h"

#include <limits.h>
#include <string.h>

#include "agent/common/mem.h"

/* The SCSI controllers of a document. */
struct list {
    xmlNodePtr *nodes;
    struct controller *c;
    size_t n;
};

static void
list_clear(struct list *list)
{
    free(list->nodes);
    free(list->c);
}

static void
list_read(xmlNodePtr devices, struct list *list)
{
    xmlNodePtr node = xml_child(devices, "controller");

    for (; node; node = xml_next(node, "controller")) {
        if (!xml_attr_is(node, "type", "scsi"))
            continue;
        list->nodes = mem_more(list->nodes, list->n, sizeof(*list->nodes));
        list->c = mem_more(list->c, list->n, sizeof(*list->c));
        list->nodes[list->n] = node;
        controller_from_xml(node, &list->c[list->n++]);
    }
}

static const struct controller *
known_as(const struct engine_known *known, unsigned index)
{
    for (size_t i = 0; i < known->ncontrollers; i++)
        if (strcmp(known->controllers[i].type, "scsi") == 0 &&
            known->controllers[i].index == index)
            return &known->controllers[i];
    return NULL;
}

/* --- index ---------------------------------------------------------------- */

static bool
has_index(const struct list *list, const bool *counts, unsigned index)
{
    for (size_t i = 0; i < list->n; i++)
        if (counts[i] && list->c[i].index == index)
            return true;
    return false;
}

/* The first that asks for an index has it. */
static void
settle_indexes(struct list *list, json_t *warnings)
{
    CLEANUP_FREE bool *settled = mem_zalloc(list->n + 1, sizeof(*settled));

    for (size_t i = 0; i < list->n; i++)
        settled[i] = xml_attr_int(list->nodes[i], "index", -1) >= 0 &&
                     !has_index(list, settled, list->c[i].index);
    for (size_t i = 0; i < list->n; i++) {
        unsigned index = 0;

        if (settled[i])
            continue;
        while (has_index(list, settled, index))
            index++;
        if (xmlHasProp(list->nodes[i], BAD_CAST "index"))
            engine_warn(warnings,
                        "Two SCSI controllers have the index %u: the second "
                        "is %u",
                        list->c[i].index, index);
        list->c[i].index = index;
        xml_set_int(list->nodes[i], "index", index);
        settled[i] = true;
    }
}

/* --- iothread ------------------------------------------------------------- */

/* An unused place among the iothreads that the engine sent. */
static size_t
unused(const struct list *list, const bool *used, unsigned wanted)
{
    for (size_t i = 0; i < list->n; i++)
        if (!used[i] && controller_is_virtio_scsi(&list->c[i]) &&
            (!wanted || list->c[i].iothread == wanted))
            return i;
    return SIZE_MAX;
}

static void
set_iothread(xmlNodePtr node, unsigned iothread)
{
    xmlNodePtr driver = xml_child(node, "driver");

    if (!driver)
        driver = xml_add(node, "driver", NULL);
    if (iothread)
        xml_set_int(driver, "iothread", iothread);
    else
        xmlUnsetProp(driver, BAD_CAST "iothread");
}

/* The same iothreads over the same controllers, each where it was before;
 * what is new gets what is left. */
static void
settle_iothreads(struct list *list, const struct engine_known *known,
                 json_t *warnings)
{
    CLEANUP_FREE bool *used = mem_zalloc(list->n + 1, sizeof(*used));
    CLEANUP_FREE size_t *from = mem_zalloc(list->n + 1, sizeof(*from));

    for (size_t i = 0; i < list->n; i++) {
        const struct controller *had = known_as(known, list->c[i].index);

        from[i] = SIZE_MAX;
        if (had && had->iothread && controller_is_virtio_scsi(&list->c[i]))
            from[i] = unused(list, used, had->iothread);
        if (from[i] != SIZE_MAX)
            used[from[i]] = true;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!controller_is_virtio_scsi(&list->c[i]))
            continue;
        if (from[i] == SIZE_MAX)
            from[i] = used[i] ? unused(list, used, 0) : i;
        used[from[i]] = true;
        if (list->c[from[i]].iothread == list->c[i].iothread)
            continue;
        set_iothread(list->nodes[i], list->c[from[i]].iothread);
        engine_warn(warnings,
                    "SCSI controller %u keeps its iothread %u; the engine "
                    "gave it %u",
                    list->c[i].index, list->c[from[i]].iothread,
                    list->c[i].iothread);
    }
}

/* --- addresses ------------------------------------------------------------ */

/* Whether another controller of the document had this address. */
static bool
is_anothers(const struct list *list, size_t self,
            const struct engine_known *known, const struct address *address)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct controller *had = known_as(known, list->c[i].index);

        if (i != self && had && address_equal(&had->address, address))
            return true;
    }
    return false;
}

static void
settle_addresses(struct list *list, const struct engine_known *known,
                 json_t *warnings)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct controller *had = known_as(known, list->c[i].index);
        const struct address *sent = &list->c[i].address;
        xmlNodePtr old = xml_child(list->nodes[i], "address");

        if (sent->type != ADDRESS_PCI || !had ||
            had->address.type != ADDRESS_PCI ||
            address_equal(sent, &had->address) ||
            !is_anothers(list, i, known, sent))
            continue;
        xml_remove(old);
        address_to_xml(list->nodes[i], &had->address, false);
        engine_warn(warnings,
                    "SCSI controller %u keeps its PCI address; the engine "
                    "gave it that of another",
                    list->c[i].index);
    }
}

void
engine_scsi_settle(xmlNodePtr devices, const struct engine_known *known,
                   json_t *warnings)
{
    CLEANUP(list_clear) struct list list = {NULL, NULL, 0};

    list_read(devices, &list);
    settle_indexes(&list, warnings);
    settle_iothreads(&list, known, warnings);
    settle_addresses(&list, known, warnings);
}

struct address
engine_scsi_had(xmlNodePtr node, const struct engine_known *known)
{
    const struct controller *had;
    struct controller c;

    controller_from_xml(node, &c);
    had = strcmp(c.type, "scsi") == 0 ? known_as(known, c.index) : NULL;
    return had ? had->address : (struct address){.type = ADDRESS_NONE};
}

unsigned
engine_scsi_lowest(xmlNodePtr devices)
{
    CLEANUP(list_clear) struct list list = {NULL, NULL, 0};
    unsigned lowest = UINT_MAX;

    list_read(devices, &list);
    for (size_t i = 0; i < list.n; i++)
        if (controller_is_virtio_scsi(&list.c[i]) && list.c[i].index < lowest)
            lowest = list.c[i].index;
    return lowest == UINT_MAX ? 0 : lowest;
}

bool
engine_scsi_add(xmlNodePtr devices, unsigned index)
{
    CLEANUP(list_clear) struct list list = {NULL, NULL, 0};
    struct controller c;

    list_read(devices, &list);
    for (size_t i = 0; i < list.n; i++)
        if (list.c[i].index == index)
            return false;
    controller_init(&c, "scsi", "virtio-scsi", index);
    controller_to_xml(&c, devices);
    return true;
}
