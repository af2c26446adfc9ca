// SPDX-License-Identifier: Apache-2.0
/* A house with hook scripts of its own, which leave notes of what they saw. */
#pragma once

#include "tests/unit/house.h"

#include <sys/stat.h>

#include "agent/common/file.h"

/* A script of a point; $NOTE is a file that all of them share. */
static inline void
hook_house_script(const struct house *house, const char *point,
                  const char *name, const char *body)
{
    CLEANUP_FREE char *dir = mem_printf("%s/hooks/%s", house->folder, point);
    CLEANUP_FREE char *path = mem_printf("%s/%s", dir, name);
    CLEANUP_FREE char *text =
        mem_printf("#!/bin/sh\nNOTE=%s/note\n%s\n", house->folder, body);

    assert_int_equal(file_mkdirs(dir, 0755, NULL), 0);
    unit_write(path, text);
    assert_int_equal(chmod(path, 0755), 0);
}

/* Every point says that it fired, and what of its payload it saw. */
static inline void
hook_house_note_all(const struct house *house)
{
    for (int i = 0; i < POINT_IDS; i++)
        hook_house_script(
            house, points_row((enum point_id)i)->name, "note",
            "seen=$(grep -o '<name>vm1<\\|<alias name=\"ua-1111' "
            "\"$_hook_domxml\" 2>/dev/null | head -1 | tr -d '<>')\n"
            "echo \"$hook_point${seen:+ $seen}${vmId:+ +}\" >>$NOTE");
}

static inline char *
hook_house_noted(const struct house *house)
{
    CLEANUP_FREE char *path = mem_printf("%s/note", house->folder);
    char *text = file_read(path, 65536, NULL, NULL);

    unlink(path);
    return text ? text : mem_dup("");
}

static inline void
hook_house_expect(const struct house *house, const char *want)
{
    CLEANUP_FREE char *have = hook_house_noted(house);

    assert_string_equal(have, want);
}

/* The same, when something may still be running (5 s at most). */
static inline void
hook_house_await(const struct house *house, const char *want)
{
    CLEANUP_FREE char *path = mem_printf("%s/note", house->folder);
    int64_t until = clock_mono_ms() + 5000;

    while (clock_mono_ms() < until) {
        CLEANUP_FREE char *have = file_read(path, 65536, NULL, NULL);

        if (have && !strcmp(have, want))
            break;
        usleep(2000);
    }
    hook_house_expect(house, want);
}
