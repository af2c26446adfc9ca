// SPDX-License-Identifier: Apache-2.0
/*
 * From what a peer sent to what a verb may rely on: one object, checked by
 * the rows, with the parameters of every operation taken out of it into the
 * request. It names nothing in the world (VMs are found later) and changes
 * nothing.
 */
#include "agent/verbs/params.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/common/clock.h"
#include "agent/state/receipts.h"

#define DEADLINE_MAX_MS 86400000 /* a day */

const struct field params_common[] = {
    {.name = "op_id",
     .type = FIELD_UUID,
     .doc = "Identity of the operation, made when absent; sending it again "
            "with the same body answers with the stored receipt"},
    {.name = "dry_run",
     .type = FIELD_BOOL,
     .deflt = "false",
     .doc = "Answer with the plan and change nothing"},
    {.name = "deadline_ms",
     .type = FIELD_INT,
     .min = 1,
     .max = DEADLINE_MAX_MS,
     .range = "1..86400000",
     .doc = "No new step is begun when so many milliseconds have passed"},
    {.name = "flow_id",
     .type = FIELD_TEXT,
     .max = PARAMS_FLOW_MAX,
     .range = "1..100 bytes",
     .doc = "Correlation: stands in the log, in events and in the receipt"},
};
const size_t params_ncommon = sizeof(params_common) / sizeof(params_common[0]);

const struct field *
params_common_of(const struct verb *verb, size_t *n)
{
    /* flow_id stands last: it is all that a question takes. */
    *n = verb->mutating ? params_ncommon : 1;
    if (verb_is_vdsm(verb))
        *n = 0;
    return params_common + params_ncommon - *n;
}

/* Values by position, in the order of the verb's own rows. */
static json_t *
by_position(const struct verb *verb, const json_t *values, struct err *err)
{
    json_t *obj;

    if (json_array_size(values) > verb->nparams) {
        err_set(err, ERR_INVALID,
                "params: %zu values are given by position, but %s takes %zu "
                "at most; give the others by name, in an object",
                json_array_size(values), verb->name, verb->nparams);
        return NULL;
    }
    obj = json_object();
    for (size_t i = 0; i < json_array_size(values); i++)
        json_put(obj, verb->params[i].name,
                 json_incref(json_array_get(values, i)));
    return obj;
}

static json_t *
to_object(const struct verb *verb, const json_t *raw, struct err *err)
{
    if (!raw)
        return json_object();
    if (json_is_array(raw))
        return by_position(verb, raw, err);
    if (json_is_object(raw))
        return json_copy((json_t *)raw);
    err_param(err, ERR_INVALID, "params", NULL, "an object or an array");
    return NULL;
}

/* Move the common parameters out of own; a verb's own row of such a name
 * ("op_id" of GetOperation) stays where it is. */
static json_t *
take_common(const struct verb *verb, json_t *own)
{
    size_t n;
    const struct field *rows = params_common_of(verb, &n);
    json_t *common = json_object();

    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(own, rows[i].name);

        if (!value || field_find(verb->params, verb->nparams, rows[i].name))
            continue;
        json_put(common, rows[i].name, json_incref(value));
        json_object_del(own, rows[i].name);
    }
    return common;
}

static void
fill_request(const struct verb *verb, const json_t *common,
             struct request *request)
{
    const char *op_id = json_get_text(common, "op_id", NULL);
    const char *flow_id = json_get_text(common, "flow_id", NULL);
    json_int_t deadline = json_get_int(common, "deadline_ms", 0);

    request->op_id_given = op_id && uuid_canon(op_id, request->op_id);
    if (!request->op_id_given && verb->mutating)
        uuid_new(request->op_id);
    if (flow_id)
        snprintf(request->flow_id, sizeof(request->flow_id), "%s", flow_id);
    request->dry_run = json_get_bool(common, "dry_run", false);
    request->deadline_ms = deadline ? clock_mono_ms() + deadline : 0;
}

/* The verb counts: an op_id that comes back under another is a conflict. */
static void
hash_body(const struct verb *verb, json_t *own, struct request *request)
{
    CLEANUP_JSON json_t *body = json_object();

    json_put_text(body, "verb", verb->name);
    json_put(body, "params", json_incref(own));
    receipts_body_hash(body, request->body_hash);
}

/* --- verbs under VDSM's names -------------------------------------------- */

static json_t *
number_of(const char *text)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 10);
    return end == text || *end || errno ? json_string(text) : json_integer(n);
}

static json_t *
truth_of(const char *text)
{
    if (strcasecmp(text, "true") != 0 && strcasecmp(text, "false") != 0)
        return json_string(text);
    return json_boolean(strcasecmp(text, "true") == 0);
}

/* A value as its row wants it: vdsm-client sends each as text, others send a
 * number where text is meant. What cannot be turned is left to the check. */
static json_t *
loose(const struct field *field, json_t *value)
{
    char text[32];

    if (json_is_string(value) && field->type == FIELD_INT)
        return number_of(json_string_value(value));
    if (json_is_string(value) && field->type == FIELD_BOOL)
        return truth_of(json_string_value(value));
    if (!json_is_integer(value) || field->type != FIELD_TEXT)
        return json_incref(value);
    snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
    return json_string(text);
}

/* What the rows name of own, and nothing else. */
static json_t *
loosen(const struct verb *verb, const json_t *own)
{
    json_t *out = json_object();

    for (size_t i = 0; i < verb->nparams; i++) {
        const struct field *field = &verb->params[i];
        json_t *value = json_object_get(own, field->name);

        if (value)
            json_put(out, field->name, loose(field, value));
    }
    return out;
}

/* Whoever looks for a VM looks for "vm". */
static void
put_vm(const struct verb *verb, json_t *own)
{
    const struct field *row =
        field_find(verb->params, verb->nparams, VERB_VMID);

    if (row && row->type == FIELD_REF)
        json_put(own, "vm", json_incref(json_object_get(own, VERB_VMID)));
}

int
params_check(const struct verb *verb, const json_t *raw, json_t **out,
             struct request *request, struct err *err)
{
    size_t ncommon;
    const struct field *rows = params_common_of(verb, &ncommon);
    CLEANUP_JSON json_t *given = to_object(verb, raw, err);
    CLEANUP_JSON json_t *own =
        given && verb_is_vdsm(verb) ? loosen(verb, given) : json_incref(given);
    CLEANUP_JSON json_t *common = own ? take_common(verb, own) : NULL;

    if (!own || field_check(rows, ncommon, "", common, err) < 0 ||
        field_check(verb->params, verb->nparams, "", own, err) < 0)
        return -1;
    *out = field_defaults(verb->params, verb->nparams, own);
    if (verb_is_vdsm(verb))
        put_vm(verb, *out);
    request->verb = verb->name;
    fill_request(verb, common, request);
    if (verb->mutating)
        hash_body(verb, *out, request);
    return 0;
}
