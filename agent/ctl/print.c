// SPDX-License-Identifier: Apache-2.0
/*
 * How values look. Units follow from a field's name, as the protocol names
 * them (…_ms, …_bytes, size, memory), so that new fields print well without
 * a line of code here.
 */
#include "agent/ctl/print.h"

#include <inttypes.h>
#include <string.h>

#include "agent/common/uuid.h"
#include "agent/ctl/grid.h"
#include "agent/ctl/term.h"
#include "agent/ctl/value.h"

#define SHORT_ID 8 /* characters of a UUID that tell things apart */

/* --- single values -------------------------------------------------------- */

static void
print_address(const json_t *a, struct buf *out)
{
    if (strcmp(json_get_text(a, "type", ""), "pci") == 0)
        buf_printf(out, "%04x:%02x:%02x.%x",
                   (unsigned)json_get_int(a, "domain", 0),
                   (unsigned)json_get_int(a, "bus", 0),
                   (unsigned)json_get_int(a, "slot", 0),
                   (unsigned)json_get_int(a, "function", 0));
    else
        buf_printf(out, "%u:%u:%u:%u",
                   (unsigned)json_get_int(a, "controller", 0),
                   (unsigned)json_get_int(a, "bus", 0),
                   (unsigned)json_get_int(a, "target", 0),
                   (unsigned)json_get_int(a, "unit", 0));
}

static bool
is_address(const json_t *value)
{
    const char *type = json_get_text(value, "type", "");

    return (strcmp(type, "pci") == 0 && json_object_get(value, "slot")) ||
           (strcmp(type, "drive") == 0 && json_object_get(value, "unit"));
}

void
print_plain(const json_t *value, struct buf *out)
{
    if (json_is_string(value)) {
        buf_add_text(out, json_string_value(value));
    } else if (json_is_boolean(value)) {
        buf_add_text(out, json_is_true(value) ? "yes" : "no");
    } else if (is_address(value)) {
        print_address(value, out);
    } else if (json_is_real(value)) {
        buf_printf(out, "%.2f", json_real_value(value));
    } else if (value && !json_is_null(value)) {
        CLEANUP_FREE char *text = json_text(value, NULL);

        buf_add_text(out, text);
    }
}

void
print_size(const json_t *value, struct buf *out)
{
    if (json_is_integer(value))
        value_size_text(json_integer_value(value), out);
    else
        print_plain(value, out);
}

void
print_ms(const json_t *value, struct buf *out)
{
    if (json_is_integer(value))
        value_ms_text(json_integer_value(value), out);
    else
        print_plain(value, out);
}

void
print_short(const json_t *value, struct buf *out)
{
    const char *text = json_string_value(value);
    char uuid[UUID_TEXT];

    if (text && uuid_canon(text, uuid))
        buf_printf(out, "%.*s", SHORT_ID, text);
    else
        print_plain(value, out);
}

void
print_json(FILE *to, const json_t *value)
{
    CLEANUP_FREE char *text = json_pretty(value);

    if (term_is_tty(to))
        term_print(to, text, true);
    else
        fputs(text, to);
    fputc('\n', to);
}

/* --- lists and objects ---------------------------------------------------- */

void
print_list(FILE *to, const json_t *list, const struct print_column *columns,
           size_t n)
{
    CLEANUP_FREE const char **titles = calloc(n, sizeof(*titles));
    CLEANUP_GRID struct grid *grid = NULL;
    const json_t *row;
    size_t i;

    for (size_t c = 0; c < n; c++)
        titles[c] = columns[c].title;
    grid = grid_new(titles, n);
    json_array_foreach(list, i, row)
    {
        for (size_t c = 0; c < n; c++) {
            CLEANUP_BUF struct buf cell = BUF_INIT;
            const json_t *value = value_pick(row, columns[c].key);

            if (columns[c].format)
                columns[c].format(value, &cell);
            else
                print_plain(value, &cell);
            grid_add(grid, cell.data);
        }
    }
    grid_print(grid, to);
}

static bool
ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);

    return a >= b && strcmp(text + a - b, end) == 0;
}

/* Members of a "memory" object are bytes as well. */
static const char *
unit_key(const char *parent, const char *key)
{
    return strcmp(parent, "memory") == 0 ? parent : key;
}

static void
print_named(const char *key, const json_t *value, struct buf *out)
{
    if (ends_with(key, "_ms"))
        print_ms(value, out);
    else if (strcmp(key, "size") == 0 || strcmp(key, "memory") == 0 ||
             ends_with(key, "_bytes"))
        print_size(value, out);
    else
        print_plain(value, out);
}

static bool
is_simple(const json_t *value)
{
    return is_address(value) ||
           (json_is_object(value) ? json_object_size(value) == 0
                                  : !json_is_array(value));
}

static bool
all_simple(const json_t *list)
{
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value) if (!is_simple(value)) return false;
    return true;
}

static void print_members(FILE *to, const char *parent, const json_t *obj,
                          int indent);

/* A list of simple values on one line, of others below one another. */
static void
print_array(FILE *to, const char *key, const json_t *list, int indent)
{
    CLEANUP_BUF struct buf line = BUF_INIT;
    const json_t *value;
    size_t i;

    if (!all_simple(list)) {
        fputc('\n', to);
        json_array_foreach(list, i, value)
        {
            fprintf(to, "%*s-\n", indent + 2, "");
            if (json_is_object(value))
                print_members(to, key, value, indent + 4);
            else
                print_array(to, key, value, indent + 4);
        }
        return;
    }
    json_array_foreach(list, i, value)
    {
        if (i)
            buf_add_text(&line, ", ");
        print_named(key, value, &line);
    }
    fputc(' ', to);
    term_print(to, line.len ? line.data : "-", false);
    fputc('\n', to);
}

static void
print_members(FILE *to, const char *parent, const json_t *obj, int indent)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)obj, key, value)
    {
        CLEANUP_BUF struct buf line = BUF_INIT;

        fprintf(to, "%*s", indent, "");
        term_print(to, key, false);
        fputc(':', to);
        if (json_is_array(value)) {
            print_array(to, key, value, indent);
        } else if (is_simple(value)) {
            if (!json_is_object(value) || json_object_size(value))
                print_named(unit_key(parent, key), value, &line);
            fputc(' ', to);
            term_print(to, line.len ? line.data : "-", false);
            fputc('\n', to);
        } else {
            fputc('\n', to);
            print_members(to, key, value, indent + 2);
        }
    }
}

void
print_fields(FILE *to, const json_t *obj, int indent)
{
    print_members(to, "", obj, indent);
}
