// SPDX-License-Identifier: Apache-2.0
/* Every row of the verb table, and its description as JSON. */
#include "tests/unit/unit.h"

#include <ctype.h>
#include <stdbool.h>

#include "agent/verbs/params.h"
#include "agent/verbs/table.h"

static const char *const known[] = {
    "Ping",          "GetCapabilities", "ListHypervisors", "CreateVm",
    "UpdateVm",      "StartVm",         "ShutdownVm",      "DestroyVm",
    "RebootVm",      "SuspendVm",       "ResumeVm",        "DeleteVm",
    "GetVm",         "ListVms",         "GetVmXml",        "GetVmStats",
    "AddDisk",       "RemoveDisk",      "HotPlugDisk",     "HotUnplugDisk",
    "UpdateVmDisk",  "ResizeDisk",      "ChangeCd",        "GetDisk",
    "ListDisks",     "GetTopology",     "GetOperation",    "ListOperations",
    "CancelOperation", "Subscribe",     "GetEvents",       "GetHostStats",
    "GetConfig",     "ReloadConfig",    "SetLogLevel",
    "Host.ping2",    "Host.echo",
};

/* One of the words, in a list that ends with NULL. */
static bool
among(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

static void
every_verb_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct verb *verb = table_find(known[i]);

        if (!verb)
            fail_msg("there is no %s", known[i]);
        assert_string_equal(verb->name, known[i]);
    }
    assert_null(table_find("ping"));
    assert_null(table_find(""));
    assert_null(table_at(1000));
}

static void
names_are_unique(void **state)
{
    const struct verb *verb;

    (void)state;
    for (size_t i = 0; (verb = table_at(i)); i++)
        if (verb->lane == VERB_REMOTE)
            assert_ptr_equal(table_find_remote(verb->name), verb);
        else
            assert_ptr_equal(table_find(verb->name), verb);
}

/* A sentence: a capital, some words, a full stop. */
static void
is_sentence(const char *name, const char *doc)
{
    size_t len = doc ? strlen(doc) : 0;

    if (len < 20 || !isupper((unsigned char)doc[0]) || doc[len - 1] != '.')
        fail_msg("the doc of %s is no sentence: %s", name, doc);
}

static void
rows_are_whole(void **state)
{
    static const char *const groups[] = {"disk",   "vm",    "host", "ops",
                                         "events", "audit", "admin",
                                         "vdsm",  "storage", NULL};
    static const char *const actions[] = {
        "VM_READ",     "VM_OPERATE", "VM_CREATE",  "DISK_ATTACH",
        "DISK_CREATE", "HOST_READ",  "HOST_ADMIN", "AUDIT_READ",
        VERB_FOR_ALL,  NULL};
    const struct verb *verb;

    (void)state;
    for (size_t i = 0; (verb = table_at(i)); i++) {
        is_sentence(verb->name, verb->doc);
        assert_true(among(verb->group, groups));
        assert_true(among(verb->action_group, actions));
        assert_non_null(verb->run);
        assert_int_equal(verb->local, strcmp(verb->group, "admin") == 0);
        assert_int_equal(verb_is_vdsm(verb), strchr(verb->name, '.') != NULL);
        assert_int_equal(verb_is_vdsm(verb), strcmp(verb->group, "vdsm") == 0);
        if (verb->mutating) /* the I/O thread changes nothing */
            assert_int_not_equal(verb->lane, VERB_INLINE);
    }
}

static void
check_field(const struct verb *verb, size_t i)
{
    const struct field *field = &verb->params[i];

    if (!field->doc || strlen(field->doc) < 8)
        fail_msg("%s.%s has no doc", verb->name, field->name);
    assert_ptr_equal(field_find(verb->params, verb->nparams, field->name),
                     field);
    if (verb->mutating)
        assert_null(field_find(params_common, params_ncommon, field->name));
    if (field->type == FIELD_ENUM)
        assert_non_null(field->range);
    assert_false(field->required && field->deflt);
}

/* A default must itself be accepted. */
static void
check_defaults(const struct verb *verb)
{
    CLEANUP_JSON json_t *none = json_object();
    CLEANUP_JSON json_t *full =
        field_defaults(verb->params, verb->nparams, none);

    for (size_t i = 0; i < verb->nparams; i++) {
        const struct field *field = &verb->params[i];
        CLEANUP_JSON json_t *one = json_object();
        struct err err = ERR_INIT;

        if (!field->deflt)
            continue;
        json_put(one, field->name,
                 json_incref(json_object_get(full, field->name)));
        if (field_check(field, 1, "", one, &err) < 0)
            fail_msg("%s: the default of %s", verb->name, err.message);
    }
}

static void
fields_are_whole(void **state)
{
    const struct verb *verb;

    (void)state;
    for (size_t i = 0; (verb = table_at(i)); i++) {
        for (size_t k = 0; k < verb->nparams; k++)
            check_field(verb, k);
        check_defaults(verb);
    }
}

static void
has_keys(const json_t *obj, const char *const *keys)
{
    size_t n = 0;

    for (; keys[n]; n++)
        if (!json_object_get(obj, keys[n]))
            fail_msg("there is no %s", keys[n]);
    assert_int_equal(json_object_size(obj), n);
}

static const json_t *
param(const json_t *verb, const char *name)
{
    json_t *params = json_object_get(verb, "params"), *one;
    size_t i;

    json_array_foreach(params, i, one)
        if (strcmp(json_get_text(one, "name", ""), name) == 0)
            return one;
    return NULL;
}

static void
description_has_its_shape(void **state)
{
    static const char *const of_verb[] = {
        "name", "group", "action_group", "mutating", "local",
        "lane", "doc",   "params",       NULL};
    static const char *const of_param[] = {
        "name", "type", "required", "default", "range", "doc", NULL};
    CLEANUP_JSON json_t *all = table_json();
    json_t *verb, *one;
    size_t i, k;

    (void)state;
    json_array_foreach(all, i, verb) {
        assert_string_equal(json_get_text(verb, "name", ""),
                            table_at(i)->name);
        has_keys(verb, of_verb);
        json_array_foreach(json_object_get(verb, "params"), k, one)
            has_keys(one, of_param);
        if (verb_is_vdsm(table_at(i)))
            continue;
        assert_non_null(param(verb, "flow_id"));
        if (json_get_bool(verb, "mutating", false)) {
            assert_non_null(param(verb, "op_id"));
            assert_non_null(param(verb, "dry_run"));
            assert_non_null(param(verb, "deadline_ms"));
        }
    }
    assert_null(table_at(json_array_size(all)));
}

static void
description_of_one(void **state)
{
    CLEANUP_JSON json_t *all = table_json();
    json_t *verb = NULL;
    const json_t *limit;
    size_t i;

    (void)state;
    json_array_foreach(all, i, verb)
        if (strcmp(json_get_text(verb, "name", ""), "ListOperations") == 0)
            break;
    assert_non_null(verb);
    assert_string_equal(json_get_text(verb, "lane", ""), "host");
    limit = param(verb, "limit");
    assert_string_equal(json_get_text(limit, "type", ""), "integer");
    assert_string_equal(json_get_text(limit, "range", ""), "1..1000");
    assert_int_equal(json_get_int(limit, "default", 0), 100);
    assert_false(json_get_bool(limit, "required", true));
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(every_verb_is_found),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(fields_are_whole),
        cmocka_unit_test(description_has_its_shape),
        cmocka_unit_test(description_of_one),
    };

    return CASES(cases);
}
