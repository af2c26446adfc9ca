// SPDX-License-Identifier: Apache-2.0
/*
 * The snapshots of the settings: the one in force and those before it, kept
 * until the end since readers borrow from them. A reload makes a new one; the
 * caller sees to it that there is one reload at a time.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/options.h"
#include "agent/policy/access.h"
#include "conf/conf.h"

struct settings {
    const struct options *options; /* borrowed */
    struct conf **confs;           /* owned; the first is the start's */
    struct access **rules;         /* owned; one of each conf */
    size_t nconfs;
};

/* Read files and --set again; borrowed, NULL + err (INVALID). */
struct conf *settings_load(struct settings *settings, struct err *err);
/* Who may do what by one of these snapshots; borrowed. */
const struct access *settings_rules(const struct settings *settings,
                                    const struct conf *conf);
void settings_free(struct settings *settings);

/* Whether they could be read now; nothing is kept. Any thread. */
int settings_check(const struct settings *settings, struct err *err);

/*
 * {changed: [], restart_needed: []} as names "section.key", each also logged:
 * what differs from before and is in force now, and what differs from the
 * start and waits for the next one. Returns owned.
 */
json_t *settings_changes(const struct settings *settings,
                         const struct conf *before, const struct conf *now);
