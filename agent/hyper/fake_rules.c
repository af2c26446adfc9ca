// SPDX-License-Identifier: Apache-2.0
/*
 * Rules by line: a call, which one of the next ones, and what happens then.
 * Several rules may meet in one call; their effects add up. Each rule acts
 * once.
 */
#include "agent/hyper/fake_rules.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

struct rule {
    char call[16];
    unsigned left; /* acts when it reaches 0 */
    struct fault fault;
};

struct fake_rules {
    struct rule *rules;
    size_t n;
};

struct action {
    const char *name;
    struct fault fault;
};

static const struct action actions[] = {
    {"fail", {.fail = true}},
    {"applied-fail", {.fail = true, .applied = true}},
    {"stray-controller", {.stray_controller = true}},
    {"wrong-address", {.wrong_address = true}},
    {"silent", {.silent = true}},
    {"refused", {.refused = true}},
    {"hang", {.hang = true}},
    {"slow", {.slow_ms = 1}},
    {"lost", {.fail = true, .lost = true}},
    {"applied-lost", {.fail = true, .applied = true, .lost = true}},
};

#define MAX_SLOW_MS 60000

static const struct action *
find_action(const char *name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int
parse_line(const char *line, struct rule *rule)
{
    char name[32] = "", kind[32] = "", text[256] = "scripted failure";
    const struct action *action;

    if (sscanf(line, "%15s %u %31s %31s %255[^\n]", rule->call, &rule->left,
               name, kind, text) < 3)
        return -1;
    action = find_action(name);
    if (!action || rule->left == 0)
        return -1;
    rule->fault = action->fault;
    if (action->fault.slow_ms)
        return sscanf(kind, "%u", &rule->fault.slow_ms) == 1 &&
                       rule->fault.slow_ms <= MAX_SLOW_MS
                   ? 0
                   : -1;
    if (action->fault.lost) {
        rule->fault.kind = ERR_UNREACHABLE;
        snprintf(rule->fault.text, sizeof(rule->fault.text),
                 "End of file while reading data");
    }
    if (!action->fault.fail || action->fault.lost)
        return kind[0] ? -1 : 0;
    rule->fault.kind = err_kind_parse(kind);
    memcpy(rule->fault.text, text, sizeof(text));
    return rule->fault.kind == ERR_NONE ? -1 : 0;
}

struct fake_rules *
fake_rules_parse(const char *script, struct err *err)
{
    struct fake_rules *rules = mem_zalloc(1, sizeof(*rules));

    for (const char *at = script; *at;) {
        size_t len = strcspn(at, "\n");
        CLEANUP_FREE char *line = mem_ndup(at, len);

        at += len;
        at += *at == '\n';
        if (line[strspn(line, " \t")] == '\0' || line[0] == '#')
            continue;
        rules->rules =
            mem_more(rules->rules, rules->n, sizeof(*rules->rules));
        if (parse_line(line, &rules->rules[rules->n++]) < 0) {
            err_param(err, ERR_INVALID, "script", line,
                      "CALL N fail|applied-fail KIND TEXT, CALL N slow MS, or "
                      "CALL N stray-controller|wrong-address|silent|refused|"
                      "hang|lost|applied-lost");
            fake_rules_free(rules);
            return NULL;
        }
    }
    return rules;
}

void
fake_rules_free(struct fake_rules *rules)
{
    if (!rules)
        return;
    free(rules->rules);
    free(rules);
}

static void
merge(struct fault *into, const struct fault *from)
{
    into->applied |= from->applied;
    into->stray_controller |= from->stray_controller;
    into->wrong_address |= from->wrong_address;
    into->silent |= from->silent;
    into->refused |= from->refused;
    into->hang |= from->hang;
    into->slow_ms += from->slow_ms;
    into->lost |= from->lost;
    if (!from->fail)
        return;
    into->fail = true;
    into->kind = from->kind;
    memcpy(into->text, from->text, sizeof(into->text));
}

struct fault
fake_rules_count(struct fake_rules *rules, const char *call)
{
    struct fault fault = {0};

    for (size_t i = 0; rules && i < rules->n; i++) {
        struct rule *rule = &rules->rules[i];

        if (rule->left && strcmp(rule->call, call) == 0 && --rule->left == 0)
            merge(&fault, &rule->fault);
    }
    return fault;
}

int
fake_rules_fail(const struct fault *fault, struct err *err)
{
    return err_set(err, fault->kind, "%s", fault->text);
}
