// SPDX-License-Identifier: Apache-2.0
/*
 * Text for people from the tables: a row without a doc cannot exist, so a
 * command without help cannot either.
 */
#include "agent/ctl/help.h"

#include <string.h>

#include "agent/common/buf.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"

#define LEFT 26  /* columns of the left side */
#define WIDTH 79 /* of a line */

/* "vm create NAME [options]" */
static void
synopsis(const struct command *c, struct buf *out)
{
    bool options = c->mutating;

    buf_printf(out, "berthctl %s", c->noun);
    if (c->verb)
        buf_printf(out, " %s", c->verb);
    for (size_t i = 0; i < c->nargs; i++) {
        const struct arg *arg = &c->args[i];

        if (*arg->name == '-')
            options = true;
        else
            buf_printf(out, arg->required ? " %s%s" : " [%s%s]", arg->name,
                       arg->type == ARG_FIELDS ? "..." : "");
    }
    if (options)
        buf_add_text(out, " [options]");
}

/* "--memory SIZE" */
static void
left_side(const struct arg *arg, struct buf *out)
{
    const char *value = args_placeholder(arg);

    buf_add_text(out, arg->name);
    if (*arg->name == '-' && value)
        buf_printf(out, " %s", value);
}

/* Words of text from a column on, broken before the line is full. */
static void
print_wrapped(FILE *to, const char *text, int column)
{
    int at = column;

    while (*text) {
        int len = (int)strcspn(text, " ");

        if (at > column && at + 1 + len > WIDTH) {
            fprintf(to, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", len, text);
        at += len;
        text += len + (text[len] == ' ');
    }
    fputc('\n', to);
}

static void
print_pair(FILE *to, const char *left, const char *right)
{
    if (strlen(left) > LEFT)
        fprintf(to, "  %s\n  %*s  ", left, LEFT, "");
    else
        fprintf(to, "  %-*s  ", LEFT, left);
    print_wrapped(to, right, LEFT + 4);
}

/* The rows of a kind: options (named) or arguments at their places. */
static void
print_rows(FILE *to, const char *title, const struct arg *rows, size_t n,
           bool named)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP_BUF struct buf left = BUF_INIT;

        if ((*rows[i].name == '-') != named)
            continue;
        if (title)
            fprintf(to, "\n%s:\n", title);
        title = NULL;
        left_side(&rows[i], &left);
        print_pair(to, left.data, rows[i].doc);
    }
}

static void
print_command(FILE *to, const struct command *c)
{
    CLEANUP_BUF struct buf line = BUF_INIT;

    synopsis(c, &line);
    fprintf(to, "usage: %s\n\n%s.", line.data, c->doc);
    if (c->wire)
        fprintf(to, " Calls %s.", c->wire);
    fputc('\n', to);
    print_rows(to, "arguments", c->args, c->nargs, false);
    print_rows(to, "options", c->args, c->nargs, true);
    if (c->mutating)
        print_rows(to, "options of every change", commands_mutating,
                   commands_nmutating, true);
    fputs("\n`berthctl --help` lists the options of every command.\n", to);
}

static void
print_commands(FILE *to, const char *noun)
{
    const struct command *c;
    const char *last = "";

    for (size_t i = 0; (c = commands_at(i)); i++) {
        CLEANUP_BUF struct buf left = BUF_INIT;

        if (noun && strcmp(noun, c->noun) != 0)
            continue;
        if (strcmp(last, c->noun) != 0)
            fprintf(to, "\n%s:\n", commands_noun(c->noun));
        last = c->noun;
        buf_printf(&left, "%s%s%s", c->noun, c->verb ? " " : "",
                   c->verb ? c->verb : "");
        print_pair(to, left.data, c->doc);
    }
}

void
help_print(FILE *to, const char *noun, const struct command *command)
{
    if (command) {
        print_command(to, command);
        return;
    }
    fputs("usage: berthctl [--socket PATH | --connect HOST:PORT --ca F "
          "--cert F --key F]\n                [-o table|json|name] NOUN VERB "
          "[arguments]\n",
          to);
    print_commands(to, noun);
    print_rows(to, "options of every command", commands_global,
               commands_nglobal, true);
    fputs("\n`berthctl NOUN VERB --help` says what a command takes.\n"
          "exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 pending, "
          "5 denied, 6 busy, 7 unreachable\n",
          to);
}

/* --- POD ------------------------------------------------------------------ */

static void
pod_rows(FILE *to, const struct arg *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP_BUF struct buf left = BUF_INIT;

        left_side(&rows[i], &left);
        fprintf(to, "=item B<%s>\n\n%s.\n\n", left.data, rows[i].doc);
    }
}

static void
pod_list(FILE *to, const struct arg *rows, size_t n)
{
    if (!n)
        return;
    fputs("=over 4\n\n", to);
    pod_rows(to, rows, n);
    fputs("=back\n\n", to);
}

void
help_pod(FILE *to)
{
    const struct command *c;
    const char *last = "";

    for (size_t i = 0; (c = commands_at(i)); i++) {
        CLEANUP_BUF struct buf line = BUF_INIT;

        if (strcmp(last, c->noun) != 0)
            fprintf(to, "=head2 %s\n\n", commands_noun(c->noun));
        last = c->noun;
        synopsis(c, &line);
        fprintf(to, "=head3 %s\n\n%s.", line.data + strlen("berthctl "),
                c->doc);
        if (c->wire)
            fprintf(to, " Calls B<%s>.", c->wire);
        fputs("\n\n", to);
        pod_list(to, c->args, c->nargs);
    }
    fputs("=head2 Options of every change\n\n", to);
    pod_list(to, commands_mutating, commands_nmutating);
    fputs("=head2 Options of every command\n\n", to);
    pod_list(to, commands_global, commands_nglobal);
}
