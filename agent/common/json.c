// SPDX-License-Identifier: Apache-2.0
/*
 * The door to jansson. Text from a peer is scanned for depth first, then
 * parsed under a memory budget: the allocator counts for the one thread that
 * parses and refuses what is over, so that a parse fails and nothing else.
 */
#include "agent/common/json.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"

#define DEFAULT_DEPTH 64
#define BLOCK_COST 8 /* malloc's own header */

struct budget {
    bool active;
    bool spent; /* something was refused */
    size_t left;
};

/* jansson's allocator has no context argument: the thread is the context. */
static _Thread_local struct budget budget;

static void *
count_malloc(size_t size)
{
    void *p;

    if (!budget.active)
        return malloc(size);
    if (size + BLOCK_COST > budget.left) {
        budget.spent = true;
        return NULL;
    }
    p = malloc(size);
    if (p) {
        size_t cost = malloc_usable_size(p) + BLOCK_COST;

        budget.left -= cost < budget.left ? cost : budget.left;
    }
    return p;
}

static void
count_free(void *p)
{
    if (p && budget.active)
        budget.left += malloc_usable_size(p) + BLOCK_COST;
    free(p);
}

void
json_init(void)
{
    json_set_alloc_funcs(count_malloc, count_free);
    json_object_seed(0); /* from the kernel: no peer can choose collisions */
}

/*
 * Nesting by counting brackets outside strings; the parser would recurse
 * before it could refuse. What is no JSON is left to the parser to name.
 */
static int
check_depth(const char *text, size_t len, size_t max, struct err *err)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == '{'))
            depth++;
        else if (!quoted && (c == ']' || c == '}') && depth)
            depth--;
        if (depth > max)
            return err_set(err, ERR_LIMIT,
                           "The JSON text nests deeper than %zu levels, at "
                           "byte %zu",
                           max, i + 1);
    }
    return 0;
}

static void
explain(const json_error_t *why, size_t memory, struct err *err)
{
    if (budget.spent)
        err_set(err, ERR_LIMIT,
                "The JSON text needs more than the %zu bytes of memory that "
                "its parsing may take; send fewer or larger values",
                memory);
    else
        err_set(err, ERR_PARSE, "Not JSON at line %d, column %d: %s",
                why->line, why->column, why->text);
}

json_t *
json_parse(const char *text, size_t len, const struct json_limits *limits,
           struct err *err)
{
    struct json_limits use = {DEFAULT_DEPTH, 0};
    json_error_t why = {0};
    json_t *value;

    if (limits)
        use = *limits;
    if (!use.memory)
        use.memory = 8 * len + (1 << 20);
    if (check_depth(text, len, use.depth, err) < 0)
        return NULL;
    budget = (struct budget){.active = true, .left = use.memory};
    value = json_loadb(len ? text : "", len,
                       JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!value)
        explain(&why, use.memory, err);
    budget.active = false;
    return value;
}

/* Values that exist can be printed; only memory can be missing. */
static char *
print(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

    if (!text) {
        fputs("berth: a JSON value cannot be printed\n", stderr);
        abort();
    }
    return text;
}

char *
json_text(const json_t *value, size_t *len)
{
    char *text = print(value, JSON_COMPACT);

    if (len)
        *len = strlen(text);
    return text;
}

char *
json_pretty(const json_t *value)
{
    return print(value, JSON_INDENT(2));
}

char *
json_canonical(const json_t *value)
{
    return print(value, JSON_COMPACT | JSON_SORT_KEYS);
}

const char *
json_get_text(const json_t *obj, const char *key, const char *fallback)
{
    const char *text = json_string_value(json_object_get(obj, key));

    return text ? text : fallback;
}

json_int_t
json_get_int(const json_t *obj, const char *key, json_int_t fallback)
{
    const json_t *value = json_object_get(obj, key);

    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

int
json_get_bool(const json_t *obj, const char *key, int fallback)
{
    const json_t *value = json_object_get(obj, key);

    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

void
json_put(json_t *obj, const char *key, json_t *value)
{
    if (json_object_set_new(obj, key, value ? value : json_null()) < 0) {
        fprintf(stderr, "berth: cannot set the JSON key '%s'\n", key);
        abort();
    }
}

void
json_put_text(json_t *obj, const char *key, const char *value)
{
    json_t *text = value ? json_string(value) : json_null();

    if (!text) { /* a path or a message that is not UTF-8 */
        CLEANUP_FREE char *clean = utf8_clean(value);

        text = json_string(clean);
    }
    json_put(obj, key, text);
}

void
json_put_int(json_t *obj, const char *key, json_int_t value)
{
    json_put(obj, key, json_integer(value));
}

void
json_put_bool(json_t *obj, const char *key, int value)
{
    json_put(obj, key, json_boolean(value));
}
