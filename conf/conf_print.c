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

static void
dump_named(const struct conf *conf, enum conf_named_id id, const char *name,
           FILE *to)
{
    fprintf(to, "# %s\n%s = %s\n", conf_named_origin(conf, id, name),
            conf_named_row(id)->key, conf_named_text(conf, id, name));
}

static bool
opens_kind(int id)
{
    return id == 0 ||
           strcmp(conf_named_row((enum conf_named_id)id)->section,
                  conf_named_row((enum conf_named_id)(id - 1))->section) != 0;
}

/* Every section of one kind, whose rows begin at first. */
static void
dump_kind(const struct conf *conf, int first, FILE *to)
{
    const char *kind = conf_named_row((enum conf_named_id)first)->section;
    const char *name;

    for (size_t n = 0; (name = conf_named(conf, kind, n)); n++) {
        fprintf(to, "\n[%s %s]\n", kind, name);
        for (int i = first; i < CONF_NAMED_IDS; i++) {
            if (i > first && opens_kind(i))
                break;
            dump_named(conf, (enum conf_named_id)i, name, to);
        }
    }
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
    for (int i = 0; i < CONF_NAMED_IDS; i++)
        if (opens_kind(i))
            dump_kind(conf, i, to);
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

static void
sample_row(FILE *to, const struct conf_row *row)
{
    CLEANUP_FREE char *deflt = folders_expand(row->deflt, FOLDERS_SYSTEM);
    char expected[128];

    value_expected(row, expected, sizeof(expected));
    fputs("\n", to);
    print_comment(to, row->doc);
    fprintf(to, "# Type: %s. A change is in force %s.\n", expected, when(row));
    fprintf(to, "#%s =%s%s\n", row->key, *deflt ? " " : "", deflt);
}

void
conf_sample(FILE *to)
{
    fputs("# Settings of berthd, all at their defaults: remove the # of a "
          "line to set it.\n# A list may stand in several lines, each with "
          "its key. Comments begin with # or ;.\n# Sections with a NAME may "
          "stand many times, each with a name of its own.\n",
          to);
    for (int i = 0; i < CONF_IDS; i++) {
        if (opens_section(i))
            fprintf(to, "\n[%s]\n", conf_row((enum conf_id)i)->section);
        sample_row(to, conf_row((enum conf_id)i));
    }
    for (int i = 0; i < CONF_NAMED_IDS; i++) {
        const struct conf_row *row = conf_named_row((enum conf_named_id)i);

        if (opens_kind(i))
            fprintf(to, "\n#[%s NAME]\n", row->section);
        sample_row(to, row);
    }
}
