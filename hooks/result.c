// SPDX-License-Identifier: Apache-2.0
/*
 * What a script wrote is input from outside: parsed again, compared with what
 * the script was given, judged by the grants of this script alone. Only what
 * has passed is what the next one is compared with.
 */
#include "hooks/result.h"

#include <string.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"

#define CHANGES_KEPT 100

static bool
is_xml(const struct point *point)
{
    return point->payload == POINT_DOMAIN || point->payload == POINT_DEVICE;
}

int
result_begin(struct result *r, const struct hook_call *call, struct err *err)
{
    const char *text = call->text ? call->text : "";

    *r = (struct result){
        .call = call, .point = points_row(call->point), .text = mem_dup(text)};
    if (!is_xml(r->point) || r->point->result != POINT_USED)
        return 0;
    r->doc = xml_parse(text, strlen(text), err);
    return r->doc ? 0 : -1;
}

char *
result_text(const struct result *r)
{
    if (!r->changed)
        return NULL;
    return r->doc ? xml_text(xml_root(r->doc)) : mem_dup(r->text);
}

void
result_clear(struct result *r)
{
    if (r->doc)
        xmlFreeDoc(r->doc);
    free(r->text);
    r->doc = NULL;
    r->text = NULL;
}

static int
refuse(const struct result *r, const struct script *script,
       const struct judge_change *change, struct err *err)
{
    CLEANUP_FREE char *title = hook_script_title(r->call, script);
    CLEANUP_FREE char *keys = mem_dup("");

    if (change->needs & JUDGE_NEVER)
        return err_set(err, ERR_HOOK_FAILED,
                       "%s changes %.200s (\"%.100s\" to \"%.100s\"), which "
                       "was fixed before it ran; no grant allows that",
                       title, change->what, change->from ? change->from : "",
                       change->to ? change->to : "");
    for (int bit = 0; bit < JUDGE_GRANTS; bit++) {
        char *more;

        if (!(change->needs & 1u << bit))
            continue;
        more = mem_printf("%s%s%s", keys, *keys ? ", " : "",
                          judge_grant_name(bit));
        free(keys);
        keys = more;
    }
    return err_set(err, ERR_HOOK_FAILED,
                   "%s changes %.200s (\"%.100s\" to \"%.100s\"), which needs "
                   "a grant: [hook %.100s] may = %s",
                   title, change->what, change->from ? change->from : "",
                   change->to ? change->to : "", script->name, keys);
}

static void
log_changes(const struct result *r, const struct script *script,
            const struct judge_report *report)
{
    CLEANUP_FREE char *title = hook_script_title(r->call, script);

    for (size_t i = 0; i < report->n && i < CHANGES_KEPT; i++)
        log_info("%s changed %s: \"%s\" to \"%s\"", title,
                 report->items[i].what,
                 report->items[i].from ? report->items[i].from : "",
                 report->items[i].to ? report->items[i].to : "");
}

/* The changes are kept in row, whatever the verdict is. */
static int
judge_xml(struct result *r, const struct script *script, xmlDocPtr now,
          json_t *row, struct err *err)
{
    const struct hook_rules *rules = r->call->rules;
    CLEANUP_JUDGE struct judge_report report = {NULL, 0};
    unsigned granted = rules->may(rules->ctx, script->name);
    const struct judge_change *refused;
    json_t *changes;
    int rc = 0;

    if (judge_compare(xml_root(r->doc), xml_root(now), &rules->sources, &report,
                      err) < 0)
        return -1;
    log_changes(r, script, &report);
    changes = judge_json(&report);
    if (json_array_size(changes) > CHANGES_KEPT) {
        json_put_int(row, "changes_in_all",
                     (json_int_t)json_array_size(changes));
        while (json_array_size(changes) > CHANGES_KEPT)
            json_array_remove(changes, json_array_size(changes) - 1);
    }
    json_put(row, "changes", changes);
    refused = judge_refused(&report, granted);
    if (refused) {
        rc = refuse(r, script, refused, err);
        if (r->call->test && !(refused->needs & JUDGE_NEVER)) {
            json_put_text(row, "refused", err->message);
            rc = 0;
        }
    }
    for (size_t i = 0; i < report.n; i++)
        r->privileged |= (report.items[i].needs & JUDGE_PRIVILEGE) != 0;
    return rc;
}

static int
take_xml(struct result *r, const struct script *script, const char *text,
         size_t len, json_t *row, struct err *err)
{
    CLEANUP_FREE char *title = hook_script_title(r->call, script);
    CLEANUP_XML xmlDocPtr now = NULL;
    struct err why = ERR_INIT;

    now = xml_parse(text, len, &why);
    if (!now || judge_xml(r, script, now, row, &why) < 0)
        return strstr(why.message, title)
                   ? err_set(err, ERR_HOOK_FAILED, "%s", why.message)
                   : err_set(err, ERR_HOOK_FAILED,
                             "%s wrote XML that is refused: %s", title,
                             why.message);
    xmlFreeDoc(r->doc);
    r->doc = STEAL(now);
    return 0;
}

static int
take_json(const struct result *r, const struct script *script, const char *text,
          size_t len, struct err *err)
{
    CLEANUP_FREE char *title = hook_script_title(r->call, script);
    struct err why = ERR_INIT;
    CLEANUP_JSON json_t *now = json_parse(text, len, NULL, &why);
    CLEANUP_JSON json_t *before =
        json_parse(r->text, strlen(r->text), NULL, NULL);

    if (!now)
        return err_set(err, ERR_HOOK_FAILED,
                       "%s wrote JSON that is refused: %s", title, why.message);
    if (before && json_typeof(before) != json_typeof(now))
        return err_set(err, ERR_HOOK_FAILED,
                       "%s wrote another kind of JSON value than it was given",
                       title);
    log_info("%s rewrote the data", title);
    return 0;
}

int
result_take(struct result *r, const struct payload *payload,
            const struct script *script, json_t *row, struct err *err)
{
    size_t len;
    CLEANUP_FREE char *text = payload_read(payload, &len, err);
    int rc;

    if (!text)
        return err_wrap(err, "Hook script \"%.200s\" of %s", script->name,
                        r->point->name);
    if (strlen(text) != len)
        return err_set(err, ERR_HOOK_FAILED,
                       "Hook script \"%.200s\" of %s wrote a NUL byte",
                       script->name, r->point->name);
    if (!strcmp(text, r->text))
        return 0;
    rc = r->doc ? take_xml(r, script, text, len, row, err)
                : take_json(r, script, text, len, err);
    if (rc < 0)
        return -1;
    free(r->text);
    r->text = STEAL(text);
    r->changed = true;
    return 0;
}
