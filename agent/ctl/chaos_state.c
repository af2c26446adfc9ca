// SPDX-License-Identifier: Apache-2.0
/*
 * Facts are text, so that what differs can be shown as it is. What is left
 * out is listed here, once: members of answers, attributes and elements of
 * libvirt's XML that a restart or a second plug may change.
 */
#include "agent/ctl/chaos_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "agent/common/xml.h"

#define DIFF_LINES 8
#define DIFF_WIDTH 400

void
chaos_state_clear(struct chaos_state *state)
{
    for (size_t i = 0; i < state->n; i++)
        free(state->facts[i]);
    free(state->facts);
    *state = (struct chaos_state){0};
}

static void
add(struct chaos_state *state, char *fact /* takes */)
{
    state->facts = mem_more(state->facts, state->n, sizeof(*state->facts));
    state->facts[state->n++] = fact;
}

void
chaos_state_add(struct chaos_state *state, const char *fmt, ...)
{
    va_list args;
    char *fact = NULL;

    va_start(args, fmt);
    if (vasprintf(&fact, fmt, args) < 0)
        abort();
    va_end(args);
    add(state, fact);
}

/* --- answers -------------------------------------------------------------- */

static bool
is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* A thing in a list by what identifies it, else by its place. */
static char *
thing_name(const char *list, const json_t *thing, size_t place)
{
    static const char *const keys[] = {"disk_id", "nic_id", "alias", "label"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        const char *text = json_get_text(thing, keys[i], NULL);

        if (text)
            return mem_printf("%s[%s]", list, text);
    }
    return mem_printf("%s[%zu]", list, place);
}

void
chaos_state_add_json(struct chaos_state *state, const char *name,
                     const json_t *value)
{
    static const char *const passing[] = {"age_ms", "paused_because", NULL};
    const char *key;
    json_t *member;
    size_t i;

    if (!json_is_object(value) && !json_is_array(value)) {
        CLEANUP_FREE char *text = value ? json_canonical(value) : NULL;

        chaos_state_add(state, "%s=%s", name, text ? text : "nothing");
    }
    json_object_foreach((json_t *)value, key, member)
    {
        CLEANUP_FREE char *path = mem_printf("%s.%s", name, key);

        if (!is_one_of(key, passing))
            chaos_state_add_json(state, path, member);
    }
    json_array_foreach((json_t *)value, i, member)
    {
        CLEANUP_FREE char *path = thing_name(name, member, i);

        chaos_state_add_json(state, path, member);
    }
}

/* --- XML ------------------------------------------------------------------ */

static void
drop_attribute(xmlNodePtr node, const char *name)
{
    xmlUnsetProp(node, (const xmlChar *)name);
}

/* An alias that libvirt gave itself: it forgets some when it reconnects. */
static bool
is_passing_alias(xmlNodePtr node)
{
    CLEANUP_FREE char *name = xml_attr(node, "name");

    return xml_is(node, "alias") && (!name || strncmp(name, "ua-", 3) != 0);
}

/* libvirt numbers sources, terminals and domains as they come. */
static void
drop_runtime(xmlNodePtr node)
{
    static const char *const elements[] = {"seclabel", "backingStore", NULL};
    xmlNodePtr next;

    drop_attribute(node, "tty");
    if (xml_is(node, "domain"))
        drop_attribute(node, "id");
    if (xml_is(node, "source"))
        drop_attribute(node, "index");
    if (xml_is(node, "source") && xml_is(node->parent, "serial"))
        drop_attribute(node, "path");
    if (xml_is(node, "source") && xml_is(node->parent, "console"))
        drop_attribute(node, "path");
    for (xmlNodePtr child = node->children; child; child = next) {
        next = child->next;
        if (child->type == XML_ELEMENT_NODE && !is_passing_alias(child) &&
            !is_one_of((const char *)child->name, elements))
            drop_runtime(child);
        else if (child->type != XML_TEXT_NODE || xmlIsBlankNode(child))
            xml_remove(child);
    }
}

static void
add_elements(struct chaos_state *state, const char *name, xmlNodePtr parent)
{
    for (xmlNodePtr e = xml_child(parent, NULL); e; e = xml_next(e, NULL)) {
        CLEANUP_FREE char *text = NULL;

        if (xml_is(e, "devices")) {
            add_elements(state, name, e);
            continue;
        }
        text = xml_text(e);
        chaos_state_add(state, "%s %s", name, text);
    }
}

int
chaos_state_add_xml(struct chaos_state *state, const char *name,
                    const char *text, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(text, strlen(text), err);

    if (!doc)
        return -1;
    drop_runtime(xml_root(doc));
    add_elements(state, name, xml_root(doc));
    return 0;
}

/* --- comparison ----------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
chaos_state_end(struct chaos_state *state)
{
    if (state->n)
        qsort(state->facts, state->n, sizeof(*state->facts), compare);
}

static bool
names_one(const char *fact, const json_t *words)
{
    const json_t *word;
    size_t i;

    json_array_foreach(words, i, word)
    {
        if (strstr(fact, json_string_value(word)))
            return true;
    }
    return false;
}

bool
chaos_state_equal_but(const struct chaos_state *a, const struct chaos_state *b,
                      const json_t *words)
{
    size_t i = 0, k = 0;

    for (;; i++, k++) {
        while (i < a->n && names_one(a->facts[i], words))
            i++;
        while (k < b->n && names_one(b->facts[k], words))
            k++;
        if (i == a->n || k == b->n)
            return i == a->n && k == b->n;
        if (strcmp(a->facts[i], b->facts[k]) != 0)
            return false;
    }
}

bool
chaos_state_equal(const struct chaos_state *a, const struct chaos_state *b)
{
    return chaos_state_equal_but(a, b, NULL);
}

struct diff {
    struct buf *out;
    size_t lines;
};

static void
tell(struct diff *diff, const char *word, const char *fact)
{
    CLEANUP_FREE char *text = mem_ndup(fact, strnlen(fact, DIFF_WIDTH));

    if (diff->lines++ >= DIFF_LINES)
        return;
    utf8_trim(text);
    buf_printf(diff->out, "%s%s %s", diff->out->len ? "\n" : "", word, text);
}

void
chaos_state_diff(const struct chaos_state *wanted,
                 const struct chaos_state *seen, struct buf *out)
{
    struct diff diff = {out, 0};
    size_t w = 0, s = 0;

    while (w < wanted->n || s < seen->n) {
        int order = w == wanted->n ? 1
                    : s == seen->n ? -1
                                   : strcmp(wanted->facts[w], seen->facts[s]);

        if (order < 0)
            tell(&diff, "lacks", wanted->facts[w]);
        else if (order > 0)
            tell(&diff, "has", seen->facts[s]);
        w += order <= 0;
        s += order >= 0;
    }
    if (diff.lines > DIFF_LINES)
        buf_printf(out, "\nand %zu more", diff.lines - DIFF_LINES);
}
