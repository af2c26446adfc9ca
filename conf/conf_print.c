// SPDX-License-Identifier: Apache-2.0
/*
 * The settings, printed: those in force (--dump-conf), and the sample file.
 * Both walk the same rows, so they cannot tell different stories.
 */
#include "conf/conf.h"

#include <string.h>

#include "agent/common/cleanup.h"
#include "conf/folders.h"
#include "conf/value.h"

#define WIDTH 76

static bool
opens_section(int id)
{
    return id == 0 || strcmp(conf_row((enum conf_id)id)->section,
                             conf_row((enum conf_id)(id - 1))->section) != 0;
}

void
conf_dump(const struct conf *conf, FILE *to)
{
    for (int i = 0; i < CONF_IDS; i++) {
        enum conf_id id = (enum conf_id)i;
        const struct conf_row *row = conf_row(id);

        if (opens_section(i))
            fprintf(to, "%s[%s]\n", i ? "\n" : "", row->section);
        fprintf(to, "# %s\n%s = %s\n", conf_origin(conf, id), row->key,
                conf_text(conf, id));
    }
}

/* text as comment lines of at most WIDTH columns. */
static void
print_comment(FILE *to, const char *text)
{
    while (*text) {
        size_t len = strlen(text);

        if (len > WIDTH)
            for (len = WIDTH; len && text[len] != ' ';)
                len--;
        if (len == 0) /* a word wider than the line stands alone */
            len = strcspn(text, " ");
        fprintf(to, "# %.*s\n", (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
}

static const char *
when(const struct conf_row *row)
{
    return row->reload ? "after a reload" : "after a restart";
}

void
conf_sample(FILE *to)
{
    fputs("# Settings of berthd, all at their defaults: remove the # of a "
          "line to set it.\n# A list may stand in several lines, each with "
          "its key. Comments begin with # or ;.\n",
          to);
    for (int i = 0; i < CONF_IDS; i++) {
        const struct conf_row *row = conf_row((enum conf_id)i);
        CLEANUP_FREE char *deflt = folders_expand(row->deflt, FOLDERS_SYSTEM);
        char expected[128];

        if (opens_section(i))
            fprintf(to, "\n[%s]\n", row->section);
        value_expected(row, expected, sizeof(expected));
        fputs("\n", to);
        print_comment(to, row->doc);
        fprintf(to, "# Type: %s. A change is in force %s.\n", expected,
                when(row));
        fprintf(to, "#%s =%s%s\n", row->key, *deflt ? " " : "", deflt);
    }
}
