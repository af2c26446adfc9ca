// SPDX-License-Identifier: Apache-2.0
/*
 * The checker of typed fields. A type is one row: its name for --dump-verbs,
 * what it expects in words, and a function that says whether a value fits.
 * It knows nothing of the rules between fields; those stand with the object.
 */
#include "agent/spec/field.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/uuid.h"
#include "agent/common/xml.h"

#define NAME_MAX_BYTES 128
#define REF_MAX_BYTES 255
#define TEXT_MAX_BYTES 1024
#define PATH_MAX_BYTES 4095
#define SECTOR 512
#define NAME_CHARS \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-"

/* Not empty, at most max bytes, no control character, fit for XML. */
static bool
plain_text(const json_t *value, size_t max)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);

    if (!text || len == 0 || len > max || strlen(text) != len)
        return false;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return xml_text_ok(text);
}

static bool
fits_text(const struct field *field, const json_t *value)
{
    return plain_text(value,
                      field->max > 0 ? (size_t)field->max : TEXT_MAX_BYTES);
}

static bool
fits_name(const struct field *field, const json_t *value)
{
    const char *text = json_string_value(value);

    (void)field;
    return plain_text(value, NAME_MAX_BYTES) &&
           text[strspn(text, NAME_CHARS)] == '\0';
}

static bool
fits_uuid(const struct field *field, const json_t *value)
{
    const char *text = json_string_value(value);
    char canon[UUID_TEXT];

    (void)field;
    return text && uuid_canon(text, canon);
}

static bool
fits_ref(const struct field *field, const json_t *value)
{
    (void)field;
    return plain_text(value, REF_MAX_BYTES);
}

static bool
fits_path(const struct field *field, const json_t *value)
{
    (void)field;
    return plain_text(value, PATH_MAX_BYTES) &&
           json_string_value(value)[0] == '/';
}

static bool
fits_int(const struct field *field, const json_t *value)
{
    json_int_t n = json_integer_value(value);

    return json_is_integer(value) &&
           (field->min >= field->max || (n >= field->min && n <= field->max));
}

static bool
fits_size(const struct field *field, const json_t *value)
{
    json_int_t n = json_integer_value(value);

    (void)field;
    return json_is_integer(value) && n > 0 && n % SECTOR == 0;
}

static bool
fits_bool(const struct field *field, const json_t *value)
{
    (void)field;
    return json_is_boolean(value);
}

static bool
fits_enum(const struct field *field, const json_t *value)
{
    const char *text = json_string_value(value);

    return text && field_word(field->range, text);
}

static bool
fits_object(const struct field *field, const json_t *value)
{
    (void)field;
    return json_is_object(value);
}

static bool
fits_array(const struct field *field, const json_t *value)
{
    return json_is_array(value) &&
           (field->max <= 0 || json_array_size(value) <= (size_t)field->max);
}

static bool
fits_any(const struct field *field, const json_t *value)
{
    (void)field;
    return !json_is_null(value);
}

static const struct type {
    const char *name;
    const char *expected; /* when the row has no range of its own */
    bool (*fits)(const struct field *field, const json_t *value);
} types[FIELD_TYPES] = {
    [FIELD_TEXT] = {"string", "text without control characters", fits_text},
    [FIELD_NAME] = {"string", "a name of A-Z a-z 0-9 . _ + -, at most 128",
                    fits_name},
    [FIELD_UUID] = {"uuid", "a UUID", fits_uuid},
    [FIELD_REF] = {"string", "a UUID, a unique prefix of it, or a name",
                   fits_ref},
    [FIELD_PATH] = {"path", "an absolute path without control characters",
                    fits_path},
    [FIELD_INT] = {"integer", "an integer", fits_int},
    [FIELD_SIZE] = {"integer", "bytes, a positive multiple of 512", fits_size},
    [FIELD_BOOL] = {"boolean", "true or false", fits_bool},
    [FIELD_ENUM] = {"string", "one of its words", fits_enum},
    [FIELD_OBJECT] = {"object", "an object", fits_object},
    [FIELD_ARRAY] = {"array", "an array", fits_array},
    [FIELD_ANY] = {"any", "a value", fits_any},
};

const char *
field_type_name(enum field_type type)
{
    return (unsigned)type < FIELD_TYPES ? types[type].name : "unknown";
}

const struct field *
field_find(const struct field *fields, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    return NULL;
}

bool
field_word(const char *range, const char *text)
{
    size_t len = strchr(text, '|') ? 0 : strlen(text);

    for (const char *p = range; p && len; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, text, len) == 0 && (p[len] == '|' || p[len] == '\0'))
            return true;
    }
    return false;
}

int
field_refuse(const char *prefix, const char *name, const json_t *value,
             const char *expected, struct err *err)
{
    char param[128];
    CLEANUP_FREE char *text = NULL;

    snprintf(param, sizeof(param), "%s%s", prefix, name);
    if (json_is_string(value))
        text = mem_dup(json_string_value(value));
    else if (json_is_object(value) || json_is_array(value)) /* may be huge */
        text = mem_dup(json_is_object(value) ? "an object" : "an array");
    else if (value)
        text = json_text(value, NULL);
    return err_param(err, ERR_INVALID, param, text, expected);
}

static int
unknown(const struct field *fields, size_t n, const char *prefix,
        const char *key, struct err *err)
{
    char expected[256] = "";
    size_t len = 0;
    struct err fresh = ERR_INIT;

    for (size_t i = 0; i < n && len < sizeof(expected) - 1; i++)
        len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s",
                                i ? ", " : "one of ", fields[i].name);
    field_refuse(prefix, key, NULL, n ? expected : "no field", &fresh);
    if (err) {
        *err = fresh;
        snprintf(err->message, sizeof(err->message),
                 "%s is not known here; expected %s", fresh.param,
                 fresh.expected);
    }
    return -1;
}

/* "disks[0]." becomes "disks[0]". */
static int
refuse_whole(const char *prefix, const json_t *value, struct err *err)
{
    size_t len = strlen(prefix);
    CLEANUP_FREE char *name = mem_ndup(prefix, len ? len - 1 : 0);

    return field_refuse("", len ? name : "params", value, "an object", err);
}

int
field_check(const struct field *fields, size_t n, const char *prefix,
            const json_t *obj, struct err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(obj))
        return refuse_whole(prefix, obj, err);
    json_object_foreach(
        (json_t *)obj, key,
        value) if (!field_find(fields, n, key)) return unknown(fields, n,
                                                               prefix, key,
                                                               err);
    for (const struct field *f = fields; f < fields + n; f++) {
        const struct type *type = &types[f->type];

        value = json_object_get(obj, f->name);
        if (json_is_null(value) && !f->required)
            continue;
        if (value ? !type->fits(f, value) : f->required)
            return field_refuse(prefix, f->name, value,
                                f->range ? f->range : type->expected, err);
    }
    return 0;
}

json_t *
field_defaults(const struct field *fields, size_t n, const json_t *obj)
{
    json_t *full = json_copy((json_t *)obj);

    for (const struct field *f = fields; f < fields + n; f++) {
        json_t *have = json_object_get(full, f->name);

        if (f->deflt && (!have || json_is_null(have)))
            json_put(full, f->name,
                     json_parse(f->deflt, strlen(f->deflt), NULL, NULL));
    }
    return full;
}
