// SPDX-License-Identifier: Apache-2.0
/*
 * Two trees walked together, children paired by hooks/pairing. Sources that
 * nobody allows need a grant, which is settled when a whole disk has been
 * compared.
 */
#include "hooks/judge.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"
#include "hooks/pairing.h"

#define ELEMENTS_MAX 100000
#define DEPTH_MAX 64 /* as deep as peers' JSON may be */
#define SHOWN_MAX 200

static const char *const grants[JUDGE_GRANTS] = {
    "qemu_commandline", "add_device", "source", "privilege"};

const char *
judge_grant_name(int i)
{
    return grants[i];
}

int
judge_grants(const char *const *words, const char **bad)
{
    int bits = 0;

    for (; words && *words; words++) {
        int i = 0;

        while (i < JUDGE_GRANTS && strcmp(grants[i], *words) != 0)
            i++;
        if (i == JUDGE_GRANTS) {
            *bad = *words;
            return -1;
        }
        bits |= 1 << i;
    }
    return bits;
}

void
judge_clear(struct judge_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        free(report->items[i].what);
        free(report->items[i].from);
        free(report->items[i].to);
    }
    free(report->items);
    *report = (struct judge_report){NULL, 0};
}

/* --- reading nodes ----------------------------------------------------------
 */

static xmlNodePtr
first(xmlNodePtr node)
{
    return xml_child(node, NULL);
}

/* The place of a node: for the rules, and for people. */
struct place {
    char *rule; /* "domain/devices/disk" */
    char *text; /* "devices/disk[ua-…]" */
};

static void
place_clear(struct place *place)
{
    free(place->rule);
    free(place->text);
}
#define CLEANUP_PLACE CLEANUP(place_clear)

/* Its text without that of its children, no blanks around; returns owned. */
static char *
own_text(xmlNodePtr node)
{
    static const char blanks[] = " \t\r\n";
    CLEANUP_BUF struct buf all = BUF_INIT;
    const char *from;
    size_t len;

    for (xmlNodePtr child = node->children; child; child = child->next)
        if (child->type == XML_TEXT_NODE && child->content)
            buf_add_text(&all, (const char *)child->content);
    from = all.data ? all.data + strspn(all.data, blanks) : "";
    len = strlen(from);
    while (len && strchr(blanks, from[len - 1]))
        len--;
    return mem_ndup(from, len);
}

static char *
attr_text(const xmlAttr *attr)
{
    xmlChar *value = xmlNodeListGetString(attr->doc, attr->children, 1);

    return value ? (char *)value : mem_dup("");
}

/* The attribute of the same name and namespace. */
static const xmlAttr *
attr_like(xmlNodePtr node, const xmlAttr *wanted)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next)
        if (xmlStrEqual(attr->name, wanted->name) &&
            strcmp(pairing_uri(attr->ns), pairing_uri(wanted->ns)) == 0)
            return attr;
    return NULL;
}

/* libvirt reads by local name whatever the namespace is, we do not. */
static bool
has_namespaces(xmlNodePtr node)
{
    if (node->ns)
        return true;
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next)
        if (attr->ns)
            return true;
    for (xmlNodePtr c = first(node); c; c = xml_next(c, NULL))
        if (has_namespaces(c))
            return true;
    return false;
}

/* Elements at and below node; false at more than there may be. */
static bool
countable(xmlNodePtr node, int depth, size_t *n)
{
    if (++*n > ELEMENTS_MAX || depth > DEPTH_MAX)
        return false;
    for (xmlNodePtr c = first(node); c; c = xml_next(c, NULL))
        if (!countable(c, depth + 1, n))
            return false;
    return true;
}

/* --- places ------------------------------------------------------------------
 */

/* For people: the name, and of a device or a CPU's feature which one. */
static char *
shown_name(const char *parent, xmlNodePtr node)
{
    bool many = !strcmp(parent, "domain/devices") || xml_is(node, "feature");
    CLEANUP_FREE char *key = many ? pairing_identity(node) : NULL;
    const char *which = key ? strrchr(key, '|') + 1 : NULL;

    return which ? mem_printf("%s%s[%.80s]", pairing_prefix(node),
                              (const char *)node->name, which)
                 : mem_printf("%s%s", pairing_prefix(node),
                              (const char *)node->name);
}

static struct place
place_of(const struct place *parent, xmlNodePtr node)
{
    CLEANUP_FREE char *shown = shown_name(parent->rule, node);

    return (struct place){
        .rule = mem_printf("%s/%s%s", parent->rule, pairing_prefix(node),
                           (const char *)node->name),
        .text =
            mem_printf("%s%s%s", parent->text, *parent->text ? "/" : "", shown),
    };
}

/* --- changes ----------------------------------------------------------------
 */

struct judging {
    const struct judge_sources *sources;
    struct judge_report *report;
};

static char *
shown(const char *text)
{
    char *copy = text ? mem_ndup(text, strnlen(text, SHOWN_MAX)) : NULL;

    if (copy)
        utf8_trim(copy);
    return copy;
}

/* rule: where it stands, needs: what it needs there. */
static void
note(struct judging *j, const char *rule, char *what /* takes */,
     const char *from, const char *to, unsigned needs)
{
    struct judge_report *report = j->report;

    report->items = mem_more(report->items, report->n, sizeof(*report->items));
    report->items[report->n++] = (struct judge_change){
        what, shown(from), shown(to), needs, rules_is_disk_source(rule)};
}

/* What all that stands at and below node needs. */
static unsigned
needs_below(xmlNodePtr node, const char *path)
{
    unsigned needs = rules_needs(path, NULL);

    for (const xmlAttr *a = node->properties; a; a = a->next) {
        CLEANUP_FREE char *at =
            mem_printf("%s@%s", path, (const char *)a->name);
        CLEANUP_FREE char *value = attr_text(a);

        needs |= rules_needs(at, value);
    }
    for (xmlNodePtr c = first(node); c; c = xml_next(c, NULL)) {
        CLEANUP_FREE char *at = mem_printf("%s/%s%s", path, pairing_prefix(c),
                                           (const char *)c->name);

        needs |= needs_below(c, at);
    }
    return needs;
}

static xmlNodePtr
only_child(xmlNodePtr node, const char *name)
{
    xmlNodePtr child = xml_child(node, name);

    return child && !xml_next(child, name) ? child : NULL;
}

/* Whether the disk as it is now reads from where anybody may. */
static bool
source_allowed(const struct judging *j, xmlNodePtr disk)
{
    bool block = xml_attr_is(disk, "type", "block");
    xmlNodePtr source = only_child(disk, "source");
    xmlNodePtr driver = only_child(disk, "driver");
    CLEANUP_FREE char *path =
        source ? xml_attr(source, block ? "dev" : "file") : NULL;
    CLEANUP_FREE char *format = driver ? xml_attr(driver, "type") : NULL;

    return path && j->sources && !has_namespaces(disk) &&
           (block || xml_attr_is(disk, "type", "file")) &&
           j->sources->allowed(j->sources->ctx, path, block, format);
}

static bool
is_device(const char *rule)
{
    static const char devices[] = "domain/devices/";

    return !strncmp(rule, devices, strlen(devices)) &&
           !strchr(rule + strlen(devices), '/');
}

/* Its source, and nothing else in it, may be what needed a grant. */
static unsigned
new_device_needs(const struct judging *j, xmlNodePtr node, const char *rule)
{
    unsigned needs = needs_below(node, rule) & ~(unsigned)JUDGE_NEVER;

    if (needs & JUDGE_SOURCE && xml_is(node, "disk") &&
        source_allowed(j, node) && !xml_child(node, "backingStore") &&
        !xml_child(node, "mirror") && !first(xml_child(node, "source")))
        needs &= ~(unsigned)JUDGE_SOURCE;
    return needs | JUDGE_ADD_DEVICE;
}

static void
added(struct judging *j, const struct place *parent, xmlNodePtr node)
{
    CLEANUP_PLACE struct place at = place_of(parent, node);
    CLEANUP_FREE char *text = xml_text(node);

    note(j, at.rule, mem_dup(at.text), NULL, text,
         is_device(at.rule) ? new_device_needs(j, node, at.rule)
                            : needs_below(node, at.rule));
}

/* A device that the plan knows cannot be taken away from under it. */
static unsigned
removal_needs(xmlNodePtr node, const char *rule)
{
    static const char *const planned[] = {"disk", "controller", "interface",
                                          "hostdev"};
    unsigned needs = needs_below(node, rule);

    if (!is_device(rule))
        return needs;
    needs = 0;
    for (size_t i = 0; i < sizeof(planned) / sizeof(*planned); i++)
        if (xml_is(node, planned[i]))
            needs = JUDGE_NEVER;
    return xml_child(node, "alias") ? (unsigned)JUDGE_NEVER : needs;
}

static void
removed(struct judging *j, const struct place *parent, xmlNodePtr node)
{
    CLEANUP_PLACE struct place at = place_of(parent, node);
    CLEANUP_FREE char *text = xml_text(node);

    note(j, at.rule, mem_dup(at.text), text, NULL,
         removal_needs(node, at.rule));
}

static void compare(struct judging *j, const struct place *at,
                    xmlNodePtr before, xmlNodePtr after);

static void
compare_pair(struct judging *j, const struct place *parent,
             const struct pairing_pair *pair)
{
    CLEANUP_PLACE struct place at = place_of(parent, pair->before);

    compare(j, &at, pair->before, pair->after);
}

static void
compare_children(struct judging *j, const struct place *at, xmlNodePtr before,
                 xmlNodePtr after)
{
    CLEANUP_PAIRING struct pairing pairing;

    pairing_make(before, after, &pairing);
    for (size_t i = 0; i < pairing.npairs; i++)
        compare_pair(j, at, &pairing.pairs[i]);
    for (size_t i = 0; i < pairing.nremoved; i++)
        removed(j, at, pairing.removed[i]);
    for (size_t i = 0; i < pairing.nadded; i++)
        added(j, at, pairing.added[i]);
}

/* --- one element ------------------------------------------------------------
 */

static void
attr_change(struct judging *j, const struct place *at, const char *name,
            const xmlAttr *before, const xmlAttr *after)
{
    CLEANUP_FREE char *from = before ? attr_text(before) : NULL;
    CLEANUP_FREE char *to = after ? attr_text(after) : NULL;
    CLEANUP_FREE char *rule = mem_printf("%s@%s", at->rule, name);

    if (from && to && strcmp(from, to) == 0)
        return;
    note(j, rule, mem_printf("%s@%s", at->text, name), from, to,
         rules_needs(rule, to ? to : from));
}

static void
compare_attrs(struct judging *j, const struct place *at, xmlNodePtr before,
              xmlNodePtr after)
{
    for (const xmlAttr *a = before->properties; a; a = a->next)
        attr_change(j, at, (const char *)a->name, a, attr_like(after, a));
    for (const xmlAttr *a = after->properties; a; a = a->next)
        if (!attr_like(before, a))
            attr_change(j, at, (const char *)a->name, NULL, a);
}

/* The need of a source falls where the disk's own is allowed. */
static void
settle_source(struct judging *j, size_t from, xmlNodePtr disk)
{
    struct judge_report *report = j->report;
    bool asked = false, allowed = false;

    for (size_t i = from; i < report->n; i++) {
        struct judge_change *change = &report->items[i];

        if (change->needs != JUDGE_SOURCE || !change->settles)
            continue;
        if (!asked)
            allowed = source_allowed(j, disk);
        asked = true;
        if (allowed)
            change->needs = 0;
    }
}

static void
compare(struct judging *j, const struct place *at, xmlNodePtr before,
        xmlNodePtr after)
{
    CLEANUP_FREE char *from = own_text(before);
    CLEANUP_FREE char *to = own_text(after);
    size_t begin = j->report->n;

    if (strcmp(pairing_uri(before->ns), pairing_uri(after->ns)) != 0)
        note(j, at->rule, mem_printf("%s (namespace)", at->text),
             pairing_uri(before->ns), pairing_uri(after->ns),
             needs_below(before, at->rule) | needs_below(after, at->rule));
    compare_attrs(j, at, before, after);
    if (strcmp(from, to) != 0)
        note(j, at->rule, mem_dup(at->text), from, to,
             rules_needs(at->rule, NULL));
    compare_children(j, at, before, after);
    if (is_device(at->rule) && xml_is(after, "disk"))
        settle_source(j, begin, after);
}

int
judge_compare(xmlNodePtr before, xmlNodePtr after,
              const struct judge_sources *sources, struct judge_report *out,
              struct err *err)
{
    struct judging j = {sources, out};
    bool domain = xml_is(before, "domain");
    struct place top = {.rule = mem_dup(domain ? "" : "domain/devices"),
                        .text = mem_dup("")};
    CLEANUP_PLACE struct place at = {NULL, NULL};
    size_t n = 0;

    *out = (struct judge_report){NULL, 0};
    if (domain)
        at = (struct place){mem_dup("domain"), mem_dup("")};
    else
        at = place_of(&top, before);
    place_clear(&top);
    if (!xml_is(after, (const char *)before->name))
        return err_set(err, ERR_INVALID,
                       "The element is <%.60s> now; expected <%s>",
                       (const char *)after->name, (const char *)before->name);
    if (!countable(after, 0, &n))
        return err_set(err, ERR_LIMIT,
                       "The XML has over %d elements, or is deeper than %d",
                       ELEMENTS_MAX, DEPTH_MAX);
    compare(&j, &at, before, after);
    return 0;
}

/* --- the verdict ------------------------------------------------------------
 */

const struct judge_change *
judge_refused(const struct judge_report *report, unsigned granted)
{
    for (size_t i = 0; i < report->n; i++)
        if (report->items[i].needs & ~granted)
            return &report->items[i];
    return NULL;
}

json_t *
judge_json(const struct judge_report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->n; i++) {
        const struct judge_change *change = &report->items[i];
        json_t *row = json_object(), *needs = json_array();

        json_put_text(row, "what", change->what);
        json_put_text(row, "from", change->from);
        json_put_text(row, "to", change->to);
        for (int bit = 0; bit < JUDGE_GRANTS; bit++)
            if (change->needs & 1u << bit)
                json_array_append_new(needs, json_string(grants[bit]));
        if (change->needs & JUDGE_NEVER)
            json_array_append_new(needs, json_string("impossible"));
        json_put(row, "needs", needs);
        json_array_append_new(list, row);
    }
    return list;
}
