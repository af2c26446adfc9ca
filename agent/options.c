// SPDX-License-Identifier: Apache-2.0
/*
 * The command line, by getopt_long from a table. Values of settings are not
 * looked at here: conf_load does that.
 */
#include "agent/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

#define NOTED 1    /* no letters that can be typed */
#define CRASH_AT 2
#define LONG_ONLY 256 /* values of options that have no letter */

static const struct option_row {
    const char *name;
    char letter; /* 0: none */
    const char *arg;
    enum options_mode mode; /* OPTIONS_RUN: it selects none */
    const char *doc;
} rows[] = {
    {"config", 'c', "FILE", OPTIONS_RUN,
     "read FILE and FILE.d, not /etc/berth/berth.conf and its .d"},
    {"set", 0, "SECTION.KEY=VALUE", OPTIONS_RUN,
     "one setting, over what files say; may be repeated"},
    {"check-conf", 0, NULL, OPTIONS_CHECK_CONF,
     "check the settings and say whether they are good"},
    {"dump-conf", 0, NULL, OPTIONS_DUMP_CONF,
     "print every setting in force and where it comes from"},
    {"dump-sample-conf", 0, NULL, OPTIONS_DUMP_SAMPLE_CONF,
     "print a configuration file with every setting explained"},
    {"dump-verbs", 0, NULL, OPTIONS_DUMP_VERBS,
     "print every verb with its parameters as JSON"},
    {"dump-crash-points", 0, NULL, OPTIONS_DUMP_CRASH_POINTS,
     "print the names that --crash-at takes"},
    {"dump-hook-points", 0, NULL, OPTIONS_DUMP_HOOK_POINTS,
     "print every point of hook scripts as JSON"},
    {"doctor", 0, NULL, OPTIONS_DOCTOR,
     "examine this host and print what is wrong, with a fix for each finding"},
    {"verify-audit", 0, NULL, OPTIONS_VERIFY_AUDIT,
     "verify the audit in the state directory, also while no berthd runs"},
    {"noted", NOTED, "ROWS:HASH", OPTIONS_RUN,
     "an earlier end of the audit, for --verify-audit to compare"},
    {"hypervisor-child", 0, NULL, OPTIONS_HYPERVISOR_CHILD,
     "make calls of libvirt's ESX driver for the berthd that started this"},
    {"output", 'o', "table|json", OPTIONS_RUN, "how --doctor and --verify-audit print"},
    {"crash-at", CRASH_AT, "NAME[:N]", OPTIONS_RUN,
     "die at a crash point (for tests; the state directory must hold a file "
     "named scratch)"},
    {"version", 'V', NULL, OPTIONS_VERSION, "print the version"},
    {"help", 'h', NULL, OPTIONS_HELP, "print this page"},
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* getopt's form of the rows; both end with a zero. */
struct parser {
    struct option longs[NROWS + 1];
    char letters[2 * NROWS + 2];
};

static void
parser_fill(struct parser *parser)
{
    char *letter = parser->letters;

    memset(parser, 0, sizeof(*parser));
    *letter++ = ':'; /* tell a missing value from an unknown option */
    for (size_t i = 0; i < NROWS; i++) {
        parser->longs[i].name = rows[i].name;
        parser->longs[i].has_arg =
            rows[i].arg ? required_argument : no_argument;
        parser->longs[i].val = LONG_ONLY + (int)i;
        if (rows[i].letter <= CRASH_AT)
            continue;
        *letter++ = rows[i].letter;
        if (rows[i].arg)
            *letter++ = ':';
    }
}

static const struct option_row *
row_of(int found)
{
    if (found >= LONG_ONLY)
        return &rows[found - LONG_ONLY];
    for (size_t i = 0; i < NROWS; i++)
        if (rows[i].letter == found)
            return &rows[i];
    return NULL;
}

static int
take_output(struct options *out, const char *value, struct err *err)
{
    out->json = strcmp(value, "json") == 0;
    if (out->json || strcmp(value, "table") == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "--output %s: expected table or json", value);
}

static int
take(struct options *out, const struct option_row *row, const char *value,
     struct err *err)
{
    if (!row->arg) {
        out->mode = row->mode;
    } else if (row->letter == 'o') {
        return take_output(out, value, err);
    } else if (row->letter == 'c') {
        out->file = value;
    } else if (row->letter == NOTED) {
        out->noted = value;
    } else if (row->letter == CRASH_AT) {
        out->crash_at = value;
    } else {
        out->sets = mem_more(out->sets, out->nsets, sizeof(*out->sets));
        out->sets[out->nsets++] = value;
    }
    return 0;
}

int
options_parse(int argc, char **argv, struct options *out, struct err *err)
{
    struct parser parser;
    int found;

    memset(out, 0, sizeof(*out));
    parser_fill(&parser);
    opterr = 0;
    optind = 1;
    while ((found = getopt_long(argc, argv, parser.letters, parser.longs,
                                NULL)) >= 0) {
        const struct option_row *row = row_of(found);

        if (!row)
            return err_set(err, ERR_INVALID,
                           found == ':' ? "option %s needs a value"
                                        : "there is no option %s",
                           argv[optind - 1]);
        if (take(out, row, optarg, err) < 0)
            return -1;
    }
    if (optind < argc)
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no option, and berthd takes nothing else",
                       argv[optind]);
    return 0;
}

void
options_clear(struct options *options)
{
    free(options->sets);
    memset(options, 0, sizeof(*options));
}

void
options_help(FILE *to)
{
    fputs("Usage: berthd [OPTION]...\n"
          "Run a hypervisor's agent in the foreground: verbs over mutual TLS "
          "and a unix socket.\n\n",
          to);
    for (size_t i = 0; i < NROWS; i++) {
        char name[64];

        snprintf(name, sizeof(name), "--%s%s%s", rows[i].name,
                 rows[i].arg ? " " : "", rows[i].arg ? rows[i].arg : "");
        if (rows[i].letter > CRASH_AT)
            fprintf(to, "  -%c, %-27s %s\n", rows[i].letter, name,
                    rows[i].doc);
        else
            fprintf(to, "      %-27s %s\n", name, rows[i].doc);
    }
    fputs("\nIt stops on SIGTERM and reads its settings again on SIGHUP. Exit "
          "status: 0 a clean\nstop, 1 a failure, 2 a wrong command line.\n",
          to);
}
