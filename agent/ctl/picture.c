// SPDX-License-Identifier: Apache-2.0
/*
 * From top to bottom what is on the root bus: left the port, right of it the
 * card of what it holds, a controller's with its targets and their units.
 * Each part draws itself from y on and returns the y below it; a box that
 * depends on what is in it is drawn first, from a buffer apart.
 */
#include "agent/ctl/picture.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"
#include "agent/ctl/svg.h"

#define PAGE_WIDTH 1180
#define MARGIN 36
#define SPINE (MARGIN + 8)
#define PORT_X (MARGIN + 28)
#define PORT_WIDTH 168
#define PORT_HEIGHT 40
#define CARD_X (PORT_X + PORT_WIDTH + 34)
#define CARD_WIDTH (PAGE_WIDTH - MARGIN - CARD_X)
#define CARD_BAR 28
#define PAD 12
#define GAP 10
#define UNIT_HEIGHT 60
#define UNIT_LUN_HEIGHT 76
#define CELL_WIDTH 34
#define CELL_HEIGHT 20
#define COMPACT_FROM 49 /* units of a target; more are drawn as cells */
#define CHIP_WIDTH 76
#define CHIP_HEIGHT 24

static const char *
text_of(const json_t *node, const char *key)
{
    return json_get_text(node, key, "");
}

static bool
is(const json_t *node, const char *key, const char *value)
{
    return strcmp(text_of(node, key), value) == 0;
}

/* --- units ------------------------------------------------------------------ */

static char *
unit_tip(const json_t *disk)
{
    return mem_printf("%s\n%s  %s\n%s\n%s", text_of(disk, "label"),
                      text_of(disk, "address"), text_of(disk, "state"),
                      text_of(disk, "alias"), text_of(disk, "detail"));
}

/* Its colour: what it is, or that it is not there. */
static const char *
unit_style(const json_t *disk)
{
    if (is(disk, "state", "unplugged"))
        return "off";
    return *text_of(disk, "media") ? text_of(disk, "media") : "image";
}

static void
draw_state(const json_t *disk, int right, int y, struct buf *out)
{
    const char *state = text_of(disk, "state");
    int width = (int)strlen(state) * 7 + 14;

    if (!*state || !strcmp(state, "plugged"))
        return;
    svg_box(out, right - width, y, width, 16, 8,
            strcmp(state, "unplugged") ? "badge" : "free");
    svg_text(out, right - width + 7, y + 12, 0, SVG_CUT_END, "word", state);
}

static void
draw_unit(const json_t *disk, int x, int y, int width, int height,
          struct buf *out)
{
    CLEANUP_FREE char *tip = unit_tip(disk);
    CLEANUP_FREE char *head =
        json_object_get(disk, "unit")
            ? mem_printf("unit %lld",
                         (long long)json_get_int(disk, "unit", 0))
            : mem_dup(text_of(disk, "interface"));
    int inner = width - 2 * PAD;

    svg_begin(out, tip);
    svg_box(out, x, y, width, height, 5, "unit");
    svg_box(out, x, y, 5, height, 2, unit_style(disk));
    svg_text(out, x + PAD + 2, y + 18, 0, SVG_CUT_END, "head", head);
    svg_text(out, x + PAD + 76, y + 18, 0, SVG_CUT_END, "mono dim",
             text_of(disk, "label"));
    svg_text(out, x + PAD + 120, y + 18, 0, SVG_CUT_END, "word dim",
             text_of(disk, "media"));
    draw_state(disk, x + width - 6, y + 6, out);
    svg_text(out, x + PAD + 2, y + 35, inner, SVG_CUT_END, "mono dim",
             text_of(disk, "alias"));
    svg_text(out, x + PAD + 2, y + 51, inner, SVG_CUT_START, "mono",
             *text_of(disk, "source") ? text_of(disk, "source")
                                      : text_of(disk, "detail"));
    svg_text(out, x + PAD + 2, y + 67, inner, SVG_CUT_END, "mono strong",
             text_of(disk, "behind"));
    svg_end(out);
}

static int
draw_cells(const json_t *disks, int x, int y, int width, struct buf *out)
{
    int columns = width / (CELL_WIDTH + 4), n = 0;
    const json_t *disk;
    size_t i;

    json_array_foreach(disks, i, disk)
    {
        int at_x = x + n % columns * (CELL_WIDTH + 4);
        int at_y = y + n / columns * (CELL_HEIGHT + 4);
        CLEANUP_FREE char *tip = unit_tip(disk);
        CLEANUP_FREE char *unit = mem_printf(
            "%lld", (long long)json_get_int(disk, "unit", (json_int_t)i));

        svg_begin(out, tip);
        svg_box(out, at_x, at_y, CELL_WIDTH, CELL_HEIGHT, 3,
                is(disk, "state", "unplug_pending") ? "badge"
                                                    : unit_style(disk));
        svg_text(out, at_x + 6, at_y + 14, 0, SVG_CUT_END, "word light", unit);
        svg_end(out);
        n++;
    }
    return y + (n + columns - 1) / columns * (CELL_HEIGHT + 4);
}

static int
unit_height(const json_t *disk)
{
    return *text_of(disk, "behind") ? UNIT_LUN_HEIGHT : UNIT_HEIGHT;
}

/* Two in a row, both as high as the higher one needs. */
static int
draw_units(const json_t *disks, int x, int y, int width, struct buf *out)
{
    size_t count = json_array_size(disks);
    int half = count > 1 ? (width - GAP) / 2 : width;

    if (count >= COMPACT_FROM)
        return draw_cells(disks, x, y, width, out);
    for (size_t i = 0; i < count; i += 2) {
        const json_t *left = json_array_get(disks, i);
        const json_t *right = json_array_get(disks, i + 1);
        int height = unit_height(left);

        if (right && unit_height(right) > height)
            height = unit_height(right);
        draw_unit(left, x, y, half, height, out);
        if (right)
            draw_unit(right, x + half + GAP, y, half, height, out);
        y += height + GAP;
    }
    return y;
}

/* --- cards ------------------------------------------------------------------ */

/* A controller's targets, or the drives right below it. */
static int
draw_inside(const json_t *node, int x, int y, int width, struct buf *out)
{
    const json_t *children = json_object_get(node, "children"), *child;
    bool targets = is(json_array_get(children, 0), "kind", "target");
    size_t i;

    if (!targets)
        return json_array_size(children)
                   ? draw_units(children, x, y + PAD, width, out) + 2
                   : y;
    json_array_foreach(children, i, child)
    {
        svg_text(out, x, y + 22, 0, SVG_CUT_END, "head dim",
                 text_of(child, "label"));
        y = draw_units(json_object_get(child, "children"), x, y + 32, width,
                       out);
    }
    return y + 2;
}

static const char *
bar_style(const json_t *node)
{
    if (is(node, "kind", "nic"))
        return "bar nic";
    return is(node, "kind", "controller") ? "bar" : "bar plain";
}

/* A card with a bar; what has drives shows them. */
static int
draw_card(const json_t *node, int y, struct buf *out)
{
    CLEANUP_BUF struct buf inside = BUF_INIT;
    int x = CARD_X, bottom = y + CARD_BAR;
    const char *right = text_of(node, "address");
    const char *alias = text_of(node, "alias");
    const char *detail = text_of(node, "detail");
    CLEANUP_FREE char *middle =
        mem_printf("%s%s%s", alias, *alias && *detail ? "  ·  " : "", detail);

    if (is(node, "kind", "disk")) {
        draw_unit(node, x, y, CARD_WIDTH, unit_height(node), out);
        return y + unit_height(node);
    }
    bottom = draw_inside(node, x + PAD, bottom, CARD_WIDTH - 2 * PAD, &inside);
    svg_box(out, x, y, CARD_WIDTH, bottom - y, 6, "card");
    svg_box(out, x, y, CARD_WIDTH, CARD_BAR, 6, bar_style(node));
    svg_text(out, x + PAD, y + 19, 180, SVG_CUT_END, "head light",
             text_of(node, "label"));
    svg_text(out, x + 200, y + 18, CARD_WIDTH - 330, SVG_CUT_END, "mono light", middle);
    svg_text(out, x + CARD_WIDTH - PAD - (int)strlen(right) * 7, y + 18, 0,
             SVG_CUT_END, "mono light", right);
    if (inside.data)
        buf_add(out, inside.data, inside.len);
    return bottom;
}

/* --- the root bus ----------------------------------------------------------- */

static void
draw_port(const json_t *node, int y, struct buf *out)
{
    svg_line(out, SPINE, y + PORT_HEIGHT / 2, PORT_X, y + PORT_HEIGHT / 2);
    svg_box(out, PORT_X, y, PORT_WIDTH, PORT_HEIGHT, 6, "port");
    svg_text(out, PORT_X + PAD, y + 17, PORT_WIDTH - PAD, SVG_CUT_END, "head",
             text_of(node, "label"));
    svg_text(out, PORT_X + PAD, y + 32, PORT_WIDTH - PAD, SVG_CUT_END,
             "mono dim", text_of(node, "address"));
}

/* What is on the bus itself, or behind a port. Its y below; *stem: where its
 * line leaves the spine. */
static int
draw_row(const json_t *node, int y, int *stem, struct buf *out)
{
    const json_t *children = json_object_get(node, "children"), *child;
    int from = SPINE, below = y;
    size_t i;

    *stem = y + PORT_HEIGHT / 2;
    if (is(node, "kind", "root_port")) {
        draw_port(node, y, out);
        from = PORT_X + PORT_WIDTH;
        below = y + PORT_HEIGHT;
        if (*text_of(node, "detail"))
            svg_text(out, CARD_X, *stem + 4, CARD_WIDTH, SVG_CUT_END,
                     "word dim", text_of(node, "detail"));
    } else {
        *stem = y + CARD_BAR / 2;
    }
    if (from == SPINE || json_array_size(children))
        svg_line(out, from, *stem, CARD_X, *stem);
    if (from == SPINE)
        return draw_card(node, y, out);
    json_array_foreach(children, i, child)
    {
        int bottom = draw_card(child, y, out);

        below = bottom > below ? bottom : below;
        y = bottom + GAP;
    }
    return below;
}

static bool
is_free(const json_t *node)
{
    return is(node, "kind", "root_port") && json_get_bool(node, "free", 0);
}

/* All free ports in rows of small boxes, last. */
static int
draw_free(const json_t *tree, int y, int *stem, struct buf *out)
{
    int columns = (PAGE_WIDTH - MARGIN - PORT_X) / (CHIP_WIDTH + GAP), n = 0;
    const json_t *node;
    size_t i;

    json_array_foreach(tree, i, node)
    {
        const char *label = text_of(node, "label");
        int x = PORT_X + n % columns * (CHIP_WIDTH + GAP);
        int at_y = y + n / columns * (CHIP_HEIGHT + GAP);

        if (!is_free(node))
            continue;
        svg_begin(out, text_of(node, "address"));
        svg_box(out, x, at_y, CHIP_WIDTH, CHIP_HEIGHT, 6, "free");
        if (!strncmp(label, "root ", 5))
            label += 5;
        svg_text(out, x + 10, at_y + 16, 0, SVG_CUT_END, "word dim", label);
        svg_end(out);
        n++;
    }
    if (!n)
        return y;
    *stem = y + CHIP_HEIGHT / 2;
    svg_line(out, SPINE, *stem, PORT_X, *stem);
    return y + (n + columns - 1) / columns * (CHIP_HEIGHT + GAP);
}

/* The bus with all but the disks that are not plugged, which *apart gets. */
static int
draw_bus(const json_t *tree, int y, const json_t **apart, struct buf *out)
{
    CLEANUP_BUF struct buf rows = BUF_INIT;
    int top = y, stem = y;
    const json_t *node;
    size_t i;

    json_array_foreach(tree, i, node)
    {
        if (is(node, "label", "unplugged disks"))
            *apart = json_object_get(node, "children");
        else if (!is_free(node))
            y = draw_row(node, y, &stem, &rows) + GAP;
    }
    y = draw_free(tree, y, &stem, &rows);
    svg_line(out, SPINE, top - 12, SPINE, stem);
    if (rows.data)
        buf_add(out, rows.data, rows.len);
    return y;
}

/* --- the page --------------------------------------------------------------- */

static void
draw_title(const json_t *topology, struct buf *out)
{
    const json_t *ports = json_object_get(topology, "ports");
    CLEANUP_FREE char *line = mem_printf(
        "%s  ·  %s  ·  %lld of %lld root ports free",
        text_of(topology, "machine"), text_of(topology, "state"),
        (long long)json_get_int(ports, "free", 0),
        (long long)json_get_int(ports, "total", 0));

    svg_text(out, MARGIN, 50, 560, SVG_CUT_END, "title",
             text_of(topology, "name"));
    svg_text(out, MARGIN, 70, 560, SVG_CUT_END, "word dim", line);
    svg_text(out, MARGIN, 98, 0, SVG_CUT_END, "head dim", "root bus");
}

static void
draw_legend(struct buf *out)
{
    static const struct {
        const char *style, *text;
    } rows[] = {{"image", "image"},   {"lun", "LUN"},
                {"cdrom", "CD-ROM"},  {"badge", "pending"},
                {"off", "unplugged"}, {"free", "free port"}};
    int x = PAGE_WIDTH - MARGIN - 6 * 90;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        svg_box(out, x, 40, 12, 12, 3, rows[i].style);
        svg_text(out, x + 18, 50, 0, SVG_CUT_END, "word dim", rows[i].text);
        x += 90;
    }
}

void
picture_draw(const json_t *topology, struct buf *out)
{
    CLEANUP_BUF struct buf body = BUF_INIT;
    const json_t *apart = NULL;
    int y;

    draw_title(topology, &body);
    draw_legend(&body);
    y = draw_bus(json_object_get(topology, "tree"), 120, &apart, &body);
    if (apart) {
        svg_text(&body, MARGIN, y + 24, 0, SVG_CUT_END, "head dim",
                 "recorded, not plugged");
        y = draw_units(apart, PORT_X, y + 38, PAGE_WIDTH - MARGIN - PORT_X,
                       &body);
    }
    svg_document(out, PAGE_WIDTH, y + MARGIN - GAP, text_of(topology, "name"),
                 &body);
}
