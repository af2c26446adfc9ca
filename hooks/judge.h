// SPDX-License-Identifier: Apache-2.0
/*
 * What a hook script changed in XML, and what each change needs: nothing, a
 * grant by the administrator, or that it did not happen at all. Both texts
 * are compared as trees: blanks, comments and the order of attributes mean
 * nothing. Pure but for the caller's judgement of sources. One owner.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/common/xml.h"
#include "hooks/rules.h"

#define JUDGE_GRANTS 4

const char *judge_grant_name(int i); /* of bit i: "qemu_commandline" … */

/* The bits of NULL-terminated words; -1 at a word that is none (*bad). */
int judge_grants(const char *const *words, const char **bad);

struct judge_change {
    char *what;      /* "devices/disk[ua-…]/driver@discard" */
    char *from, *to; /* NULL: it was, is not there; cut to be read */
    unsigned needs;  /* enum judge_need */
    int settles;     /* an allowed source of the disk takes a need away */
};

struct judge_report {
    struct judge_change *items;
    size_t n;
};
void judge_clear(struct judge_report *report);
#define CLEANUP_JUDGE CLEANUP(judge_clear)

/* Whether a disk's source may be used without a grant. path is absolute. */
struct judge_sources {
    bool (*allowed)(void *ctx, const char *path, bool block,
                    const char *format);
    void *ctx;
};

/*
 * The changes that make `after` of `before`, two <domain> elements, or two of
 * the same device. 0, or -1 + err (LIMIT) when a text has more elements than
 * are compared, INVALID when it is another kind of element now.
 */
int judge_compare(xmlNodePtr before, xmlNodePtr after,
                  const struct judge_sources *sources, struct judge_report *out,
                  struct err *err);

/* The first change that the grants do not cover, NULL if they all are. */
const struct judge_change *judge_refused(const struct judge_report *report,
                                         unsigned grants);

/* [{what, from, to, needs: []}]; returns owned. */
json_t *judge_json(const struct judge_report *report);
