// SPDX-License-Identifier: Apache-2.0
/*
 * By number of the child: each of three keys in turn pairs what is left. An
 * index by key keeps it linear, however many children a script has made.
 */
#include "hooks/pairing.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/json.h"
#include "agent/common/mem.h"

#define QEMU_URI "http://libvirt.org/schemas/domain/qemu/1.0"
#define BERTH_URI "urn:berth:vm:1"

const char *
pairing_uri(const xmlNs *ns)
{
    return ns && ns->href ? (const char *)ns->href : "";
}

const char *
pairing_prefix(xmlNodePtr node)
{
    const char *uri = pairing_uri(node->ns);

    return !strcmp(uri, QEMU_URI)    ? "qemu:"
           : !strcmp(uri, BERTH_URI) ? "berth:"
                                     : "";
}

/* --- what identifies a child ------------------------------------------------
 */

static char *
child_attr(xmlNodePtr node, const char *child, const char *attr)
{
    xmlNodePtr below = xml_child(node, child);

    return below ? xml_attr(below, attr) : NULL;
}

char *
pairing_identity(xmlNodePtr node)
{
    const char *name = (const char *)node->name;
    CLEANUP_FREE char *alias = child_attr(node, "alias", "name");
    CLEANUP_FREE char *target = child_attr(node, "target", "dev");
    CLEANUP_FREE char *mac = child_attr(node, "mac", "address");
    CLEANUP_FREE char *index = xml_attr(node, "index");
    CLEANUP_FREE char *type = index ? xml_attr(node, "type") : NULL;
    CLEANUP_FREE char *own = xml_attr(node, "name");

    if (alias)
        return mem_printf("%s|alias|%s", name, alias);
    if (target && xml_is(node, "disk"))
        return mem_printf("%s|target|%s", name, target);
    if (mac)
        return mem_printf("%s|mac|%s", name, mac);
    if (index)
        return mem_printf("%s|index|%s|%s", name, type ? type : "", index);
    return own ? mem_printf("%s|name|%s", name, own) : NULL;
}

static char *
key_equal(xmlNodePtr node)
{
    CLEANUP_FREE char *text = xml_text(node);

    return mem_printf("%s%s", pairing_prefix(node), text);
}

static char *
key_order(xmlNodePtr node)
{
    return mem_printf("%s%s", pairing_prefix(node), (const char *)node->name);
}

/* --- pairing ----------------------------------------------------------------
 */

struct children {
    xmlNodePtr *items; /* NULL once it has a partner */
    size_t n;
};

static struct children
children_of(xmlNodePtr node)
{
    struct children list = {NULL, 0};

    for (xmlNodePtr c = xml_child(node, NULL); c; c = xml_next(c, NULL)) {
        list.items = mem_more(list.items, list.n, sizeof(*list.items));
        list.items[list.n++] = c;
    }
    return list;
}

/* By key the numbers of those without a partner, in order; returns owned. */
static json_t *
index_by(const struct children *list, char *(*key_of)(xmlNodePtr node))
{
    json_t *index = json_object();

    for (size_t i = 0; i < list->n; i++) {
        CLEANUP_FREE char *key = list->items[i] ? key_of(list->items[i]) : NULL;
        json_t *numbers;

        if (!key)
            continue;
        numbers = json_object_get(index, key);
        if (!numbers) {
            numbers = json_array();
            json_put(index, key, numbers);
        }
        json_array_append_new(numbers, json_integer((json_int_t)i));
    }
    return index;
}

/* Pair what has the same key; both are taken out of their lists. */
static void
pair_by(struct children *before, struct children *after,
        char *(*key_of)(xmlNodePtr node), struct pairing_pair *pairs,
        size_t *npairs)
{
    CLEANUP_JSON json_t *index = index_by(after, key_of);
    CLEANUP_JSON json_t *used = json_object(); /* by key, how many */

    for (size_t i = 0; i < before->n; i++) {
        CLEANUP_FREE char *key =
            before->items[i] ? key_of(before->items[i]) : NULL;
        json_t *numbers = key ? json_object_get(index, key) : NULL;
        size_t nth = key ? (size_t)json_get_int(used, key, 0) : 0;
        size_t partner;

        if (nth >= json_array_size(numbers))
            continue;
        partner = (size_t)json_integer_value(json_array_get(numbers, nth));
        json_put_int(used, key, (json_int_t)nth + 1);
        pairs[(*npairs)++] =
            (struct pairing_pair){before->items[i], after->items[partner]};
        before->items[i] = after->items[partner] = NULL;
    }
}

static xmlNodePtr *
left_of(struct children *list, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i])
            list->items[(*n)++] = list->items[i];
    return list->items;
}

void
pairing_make(xmlNodePtr before, xmlNodePtr after, struct pairing *out)
{
    struct children old = children_of(before), now = children_of(after);
    CLEANUP_FREE struct pairing_pair *equal =
        mem_zalloc(old.n + 1, sizeof(*equal));
    size_t nequal = 0;

    *out =
        (struct pairing){.pairs = mem_zalloc(old.n + 1, sizeof(*out->pairs))};
    pair_by(&old, &now, pairing_identity, out->pairs, &out->npairs);
    pair_by(&old, &now, key_equal, equal, &nequal);
    pair_by(&old, &now, key_order, out->pairs, &out->npairs);
    out->removed = left_of(&old, &out->nremoved);
    out->added = left_of(&now, &out->nadded);
}

void
pairing_clear(struct pairing *pairing)
{
    free(pairing->pairs);
    free(pairing->removed);
    free(pairing->added);
}
