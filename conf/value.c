// SPDX-License-Identifier: Apache-2.0
/* The types of settings, a table: how each is read, and told in words. */
#include "conf/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/utf8.h"

static bool
parse_number(const struct conf_row *row, const char *text, int base,
             int64_t *number)
{
    size_t digits = strspn(text, base == 8 ? "01234567" : "0123456789");

    if (digits == 0 || text[digits])
        return false;
    errno = 0;
    *number = strtoll(text, NULL, base);
    return errno == 0 && *number >= row->min && *number <= row->max;
}

static bool
parse_text(const struct conf_row *row, const char *text, int64_t *number)
{
    (void)number;
    for (const char *c = text; *c; c++)
        if (((unsigned char)*c < 0x20 || *c == 0x7f) &&
            !(*c == '\t' && row->type == CONF_LIST))
            return false;
    return utf8_ok(text, strlen(text));
}

static bool
parse_int(const struct conf_row *row, const char *text, int64_t *number)
{
    return parse_number(row, text, 10, number);
}

static bool
parse_mode(const struct conf_row *row, const char *text, int64_t *number)
{
    return parse_number(row, text, 8, number);
}

static bool
parse_bool(const struct conf_row *row, const char *text, int64_t *number)
{
    (void)row;
    *number = strcmp(text, "yes") == 0;
    return *number || strcmp(text, "no") == 0;
}

static bool
parse_enum(const struct conf_row *row, const char *text, int64_t *number)
{
    size_t len = strlen(text);

    (void)number;
    for (const char *word = row->range; *word;) {
        size_t n = strcspn(word, "|");

        if (n == len && strncmp(word, text, n) == 0)
            return true;
        word += n;
        word += *word == '|';
    }
    return false;
}

struct type {
    bool (*parse)(const struct conf_row *row, const char *text,
                  int64_t *number);
    const char *expected; /* with the row's own bounds, if it has any */
};

static const struct type types[] = {
    [CONF_TEXT] = {parse_text, "plain text"},
    [CONF_INT] = {parse_int, "a whole number"},
    [CONF_BOOL] = {parse_bool, "yes or no"},
    [CONF_ENUM] = {parse_enum, "one of"},
    [CONF_LIST] = {parse_text, "words separated by spaces or commas"},
    [CONF_MODE] = {parse_mode, "an octal file mode"},
};

void
value_expected(const struct conf_row *row, char *to, size_t size)
{
    const char *words = types[row->type].expected;

    if (row->type == CONF_INT)
        snprintf(to, size, "%s from %" PRId64 " to %" PRId64, words, row->min,
                 row->max);
    else if (row->type == CONF_MODE)
        snprintf(to, size, "%s up to %04" PRIo64, words, (uint64_t)row->max);
    else if (row->range)
        snprintf(to, size, "%s %s", words, row->range);
    else
        snprintf(to, size, "%s", words);
}

/* NULL-terminated; returns owned, each word too. */
static char **
split(const char *text)
{
    static const char gaps[] = " \t,";
    char **list = mem_zalloc(strlen(text) / 2 + 2, sizeof(*list));
    size_t n = 0;

    for (text += strspn(text, gaps); *text; text += strspn(text, gaps)) {
        size_t len = strcspn(text, gaps);

        list[n++] = mem_ndup(text, len);
        text += len;
    }
    return list;
}

/* A file that holds this value would end it earlier. */
static bool
is_cut(const char *text)
{
    for (const char *c = strchr(text, ';'); c; c = strchr(c + 1, ';'))
        if (c == text || c[-1] == ' ' || c[-1] == '\t')
            return true;
    return false;
}

int
value_set(struct value *value, const struct conf_row *row, const char *text,
          const char *origin, struct err *err)
{
    int64_t number = 0;
    char name[64], expected[128];
    struct value made;

    snprintf(name, sizeof(name), "%s.%s", row->section, row->key);
    if (is_cut(text))
        return err_param(err, ERR_INVALID, name, text,
                         "no word that begins with ;, since a file would "
                         "take it for a comment");
    if (!types[row->type].parse(row, text, &number)) {
        value_expected(row, expected, sizeof(expected));
        return err_param(err, ERR_INVALID, name, text, expected);
    }
    /* Copied first: text may be what value holds. */
    made = (struct value){
        .text = mem_dup(text),
        .origin = mem_dup(origin),
        .number = number,
        .list = row->type == CONF_LIST ? split(text) : NULL,
    };
    value_free(value);
    *value = made;
    return 0;
}

void
value_free(struct value *value)
{
    for (char **word = value->list; word && *word; word++)
        free(*word);
    free(value->list);
    free(value->text);
    free(value->origin);
    *value = (struct value){0};
}
