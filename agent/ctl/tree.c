// SPDX-License-Identifier: Apache-2.0
/*
 * The tree is drawn depth first; what stands left of a node is kept as text
 * that grows and shrinks with the depth, which the JSON parser has bounded.
 */
#include "agent/ctl/tree.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/ctl/term.h"

static void
add_part(struct buf *line, const char *before, const char *text)
{
    if (!text || !*text)
        return;
    buf_add_text(line, before);
    term_add(line, text, false);
}

/* Of one that is made of a UUID, the beginning tells it apart. */
static void
add_alias(struct buf *line, const json_t *node)
{
    const char *alias = json_get_text(node, "alias", NULL);
    CLEANUP_FREE char *start = alias ? mem_ndup(alias, 11) : NULL;
    bool is_long = alias && strlen(alias) > 24;

    add_part(line, "  ", is_long ? start : alias);
    if (is_long)
        buf_add_text(line, "…");
}

static void
print_node(const json_t *node, const char *left, FILE *to)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    const char *state = json_get_text(node, "state", "");

    add_part(&line, "", json_get_text(node, "label", NULL));
    add_part(&line, "  ", json_get_text(node, "address", NULL));
    add_alias(&line, node);
    add_part(&line, "  ", json_get_text(node, "detail", NULL));
    add_part(&line, " → ", json_get_text(node, "behind", NULL));
    if (*state && strcmp(state, "plugged") != 0 &&
        strcmp(state, "unplugged") != 0)
        add_part(&line, "  ", state);
    if (json_get_bool(node, "free", 0))
        buf_add_text(&line, "  (free)");
    fprintf(to, "%s%s\n", left, line.data ? line.data : "?");
}

static void
print_children(const json_t *nodes, struct buf *left, FILE *to)
{
    size_t count = json_array_size(nodes), depth = left->len;

    for (size_t i = 0; i < count; i++) {
        const json_t *node = json_array_get(nodes, i);
        bool last = i + 1 == count;

        buf_add_text(left, last ? "└─ " : "├─ ");
        print_node(node, left->data, to);
        left->len = depth;
        buf_add_text(left, last ? "   " : "│  ");
        print_children(json_object_get(node, "children"), left, to);
        left->len = depth;
    }
}

void
tree_print(const json_t *topology, FILE *to)
{
    CLEANUP_BUF struct buf head = BUF_INIT;
    CLEANUP_BUF struct buf left = BUF_INIT;
    const json_t *ports = json_object_get(topology, "ports");

    add_part(&head, "", json_get_text(topology, "name", "?"));
    add_part(&head, "  ", json_get_text(topology, "machine", NULL));
    add_part(&head, "  ", json_get_text(topology, "state", NULL));
    fputs(head.data, to);
    if (json_is_object(ports))
        fprintf(to, "  %lld of %lld root ports free",
                (long long)json_get_int(ports, "free", 0),
                (long long)json_get_int(ports, "total", 0));
    fputc('\n', to);
    print_children(json_object_get(topology, "tree"), &left, to);
}
