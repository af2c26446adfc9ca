// SPDX-License-Identifier: Apache-2.0
/*
 * Any text as rules of roles and peers, a line each ("role NAME WORDS", "peer
 * MATCH | ROLES", anything else: a metadata element of ours): refused with a
 * sentence, or rules that answer, and entries that are whole.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/mirror.h"
#include "agent/policy/rights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
told(int rc, const struct err *err)
{
    if (rc < 0 && (err->kind == ERR_NONE || !err->message[0]))
        abort();
}

static void
try_mirror(const char *text)
{
    CLEANUP_JSON json_t *bad = json_array();
    CLEANUP_MIRROR struct mirror *mirror = mirror_read(text, bad);

    for (size_t i = 0; i < mirror->ndisks; i++)
        if (!mirror->disks[i].disk && !mirror->disks[i].target[0])
            abort();
}

static void
try_line(struct access *access, char *line)
{
    struct err err = ERR_INIT;
    char *bar = strchr(line, '|');

    if (!strncmp(line, "role ", 5)) {
        char *blank = strchr(line + 5, ' ');

        if (blank)
            *blank++ = '\0';
        told(access_add_role(access, line + 5, blank ? blank : "", &err),
             &err);
    } else if (!strncmp(line, "peer ", 5) && bar) {
        *bar = '\0';
        told(access_add_peer(access, "p", line + 5, bar + 1, &err), &err);
    } else {
        try_mirror(line);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_ndup((const char *)data, size);
    CLEANUP_ACCESS struct access *access = access_new(1);
    CLEANUP_IDENTITY struct identity *who = identity_new("cn:a");
    CLEANUP_RIGHTS struct rights *rights = NULL;
    CLEANUP_BUF struct buf words = BUF_INIT;
    const struct access_object object = {"u", "web-1", "d"};
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")))
        try_line(access, line);
    identity_add(who, IDENTITY_CN, "a");
    identity_add(who, IDENTITY_SHA256, text);
    identity_add(who, IDENTITY_DNS, text);
    rights = rights_of(access, who);
    for (enum access_group g = 0; g < ACCESS_GROUPS; g++)
        if (rights_allow(rights, g, NULL) && !rights_anywhere(rights, g))
            abort();
        else if (rights_allow(rights, g, &object) &&
                 !rights_possible(rights, g, &object))
            abort();
    rights_text(rights, &words);
    return 0;
}
