// SPDX-License-Identifier: Apache-2.0
/*
 * Scripts that refuse because they may not be run, and those that somebody
 * believes to run and nothing does.
 */
#include "agent/verbs/exam_hook.h"

#include "agent/plan/hook_env.h"

static void
judge_script(struct exam *exam, const char *point, const json_t *script)
{
    const char *unsafe = json_get_text(script, "unsafe", NULL);

    if (unsafe)
        exam_find(exam, EXAM_ERROR, NULL, "%s is not run at %s: %s",
                  json_get_text(script, "path", "?"), point, unsafe);
}

static size_t
judge_points(struct exam *exam, const json_t *points)
{
    const json_t *point, *script;
    size_t i, k, n = 0;

    json_array_foreach ((json_t *)(uintptr_t)points, i, point) {
        const json_t *scripts = json_object_get(point, "scripts");
        const char *name = json_get_text(point, "point", "?");

        n += json_array_size(scripts);
        if (json_get_bool(point, "never_run", 0)) {
            exam_find(exam, EXAM_WARNING, NULL,
                      "There are scripts of %s, which berthd never runs", name);
            continue;
        }
        json_array_foreach ((json_t *)(uintptr_t)scripts, k, script)
            judge_script(exam, name, script);
    }
    return n;
}

void
exam_hook_scripts(struct exam *exam)
{
    CLEANUP_JSON json_t *list = hook_env_list(exam->env);
    size_t before = exam->counts[EXAM_WARNING] + exam->counts[EXAM_ERROR];
    size_t n = judge_points(exam, json_object_get(list, "points"));
    const json_t *path;
    size_t i;

    json_array_foreach (json_object_get(list, "strange"), i, path)
        exam_find(exam, EXAM_WARNING, NULL,
                  "Nothing runs what is in %s: it is no point of berthd",
                  json_string_value(path));
    if (exam->counts[EXAM_WARNING] + exam->counts[EXAM_ERROR] == before)
        exam_ok(exam, "%zu hook scripts, all as they should be", n);
}
