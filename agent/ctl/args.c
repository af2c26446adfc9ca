// SPDX-License-Identifier: Apache-2.0
/*
 * Options may stand anywhere; the first word is the noun, the second the
 * verb. Values are typed here so that a slip is told before anything is
 * sent; what only the daemon can judge is left to it.
 */
#include "agent/ctl/args.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/ctl/argval.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/value.h"

struct parse {
    struct ctl *ctl;
    struct args *args;
    size_t places;    /* arguments without a name, so far */
    json_t *file;     /* of ARG_FILE; owned */
    bool options_end; /* "--" was there */
};

static const char *const placeholders[ARG_TYPES] = {
    [ARG_TEXT] = "TEXT",          [ARG_VM] = "VM",
    [ARG_DISK] = "DISK",          [ARG_PATH] = "PATH",
    [ARG_FILE] = "FILE",          [ARG_JSON] = "JSON",
    [ARG_CONTENT] = "FILE",
    [ARG_SIZE] = "SIZE",          [ARG_INT] = "N",
    [ARG_BOOL] = "yes|no",        [ARG_WORD] = "WORD",
    [ARG_DURATION] = "TIME",      [ARG_SET] = NULL,
    [ARG_FIELDS] = "field=value",
};

const char *
args_placeholder(const struct arg *arg)
{
    if (arg->type == ARG_SET)
        return NULL;
    return arg->detail ? arg->detail : placeholders[arg->type];
}

char *
args_default_socket(void)
{
    const char *given = getenv("BERTH_SOCKET");
    const char *run = getenv("XDG_RUNTIME_DIR");

    if (given && *given)
        return mem_dup(given);
    if (geteuid() == 0)
        return mem_dup("/run/berth/berthd.sock");
    if (run && *run)
        return mem_printf("%s/berth/berthd.sock", run);
    return mem_printf("/run/user/%u/berth/berthd.sock", (unsigned)geteuid());
}

void
args_free(struct args *args)
{
    json_decref(args->params);
    free(args->socket);
}

/* --- values --------------------------------------------------------------- */

static int
set_arg(struct parse *p, const struct arg *arg, const char *text,
        struct err *err)
{
    json_t *params = p->args->params;
    json_t *value, *set;

    if (arg->type == ARG_FIELDS) {
        set = json_object_get(params, arg->param);
        if (!set) {
            set = json_object();
            json_put(params, arg->param, set);
        }
        return value_field(text, set, err);
    }
    value = argval_read(arg, text, err);
    if (!value)
        return -1;
    if (arg->type == ARG_FILE) {
        json_decref(p->file);
        p->file = value;
    } else {
        value_put(params, arg->param, value);
    }
    return 0;
}

/* --- options -------------------------------------------------------------- */

static const struct arg *
find_row(const struct arg *rows, size_t n, const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0)
            return &rows[i];
    return NULL;
}

static int
set_output(struct ctl *ctl, const char *text, struct err *err)
{
    static const char *const names[CTL_OUTPUTS] = {
        [CTL_TABLE] = "table", [CTL_JSON] = "json", [CTL_NAME] = "name"};

    for (int i = 0; i < CTL_OUTPUTS; i++)
        if (strcmp(names[i], text) == 0) {
            ctl->output = (enum ctl_output)i;
            return 0;
        }
    return err_set(err, ERR_INVALID,
                   "--output: \"%s\" is none of table, json, name", text);
}

static int
set_global(struct parse *p, const struct arg *arg, const char *text,
           struct err *err)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        {"--socket", &p->ctl->socket}, {"--connect", &p->ctl->connect},
        {"--ca", &p->ctl->ca},         {"--cert", &p->ctl->cert},
        {"--key", &p->ctl->key},
    };

    if (strcmp(arg->name, "--help") == 0)
        p->args->help = true;
    else if (strcmp(arg->name, "--version") == 0)
        p->args->version = true;
    else if (strcmp(arg->name, "--output") == 0)
        return set_output(p->ctl, text, err);
    else if (strcmp(arg->name, "--hypervisor") == 0)
        json_put_text(p->args->params, "hypervisor", text);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(arg->name, texts[i].name) == 0)
            *texts[i].to = text;
    return 0;
}

/* "-o" and "-h" are the only short names; "-ojson" is "-o json". */
static const char *
long_name(const char *word, size_t *len, const char **value)
{
    *value = NULL;
    if (strncmp(word, "-o", 2) == 0) {
        *len = strlen("--output");
        if (word[2])
            *value = word + 2;
        return "--output";
    }
    if (strcmp(word, "-h") == 0) {
        *len = strlen("--help");
        return "--help";
    }
    *len = strcspn(word, "=");
    if (word[*len])
        *value = word + *len + 1;
    return word;
}

static const struct arg *
find_option(const struct parse *p, const char *name, size_t len, bool *global)
{
    const struct command *c = p->args->command;
    const struct arg *arg =
        find_row(commands_global, commands_nglobal, name, len);

    *global = arg;
    if (!arg && c)
        arg = find_row(c->args, c->nargs, name, len);
    if (!arg && c && c->mutating)
        arg = find_row(commands_mutating, commands_nmutating, name, len);
    return arg;
}

/* One option; takes its value from *next when it needs one. Returns how many
 * words it took, -1 + err. */
static int
parse_option(struct parse *p, const char *word, const char *next,
             struct err *err)
{
    size_t len;
    const char *value;
    const char *name = long_name(word, &len, &value);
    bool global, valued;
    const struct arg *arg = find_option(p, name, len, &global);

    if (!arg)
        return err_set(err, ERR_INVALID, "There is no option \"%.*s\"%s",
                       (int)len, name,
                       p->args->command ? " here" : " before a command");
    valued = arg->type != ARG_SET;
    if (!valued && value)
        return err_set(err, ERR_INVALID, "%s takes no value", arg->name);
    if (valued && !value && !next)
        return err_set(err, ERR_INVALID, "%s needs a value: %s", arg->name,
                       args_placeholder(arg));
    if (global) {
        if (set_global(p, arg, value ? value : next, err) < 0)
            return -1;
    } else if (set_arg(p, arg, value ? value : next, err) < 0) {
        return err_wrap(err, "%s", arg->name);
    }
    return valued && !value ? 2 : 1;
}

/* --- words ---------------------------------------------------------------- */

/* What could have stood there, for the message. */
static char *
choices(const char *noun)
{
    CLEANUP_BUF struct buf b = BUF_INIT;
    const struct command *c, *last = NULL;

    for (size_t i = 0; (c = commands_at(i)); i++) {
        if (noun ? strcmp(c->noun, noun) != 0
                 : last && strcmp(c->noun, last->noun) == 0)
            continue;
        buf_printf(&b, "%s%s", b.len ? ", " : "", noun ? c->verb : c->noun);
        last = c;
    }
    return buf_steal(&b);
}

static int
parse_noun(struct parse *p, const char *word, struct err *err)
{
    CLEANUP_FREE char *known = NULL;

    p->args->noun = word;
    p->args->command = commands_find(word, NULL);
    if (commands_noun(word))
        return 0;
    known = choices(NULL);
    return err_set(err, ERR_INVALID, "There is no \"%s\"; there are %s", word,
                   known);
}

static int
parse_verb(struct parse *p, const char *word, struct err *err)
{
    CLEANUP_FREE char *known = NULL;

    p->args->command = commands_find(p->args->noun, word);
    if (p->args->command)
        return 0;
    known = choices(p->args->noun);
    return err_set(err, ERR_INVALID, "There is no \"%s %s\"; %s has %s",
                   p->args->noun, word, p->args->noun, known);
}

/* The row of the nth argument without a name; FIELDS takes all the rest. */
static const struct arg *
place_row(const struct command *c, size_t n)
{
    for (size_t i = 0; i < c->nargs; i++) {
        if (*c->args[i].name == '-')
            continue;
        if (n == 0 || c->args[i].type == ARG_FIELDS)
            return &c->args[i];
        n--;
    }
    return NULL;
}

static int
parse_word(struct parse *p, const char *word, struct err *err)
{
    const struct arg *arg;

    if (!p->args->noun)
        return parse_noun(p, word, err);
    if (!p->args->command)
        return parse_verb(p, word, err);
    arg = place_row(p->args->command, p->places);
    if (!arg)
        return err_set(err, ERR_INVALID, "\"%s\" is one argument too many",
                       word);
    if (set_arg(p, arg, word, err) < 0)
        return err_wrap(err, "%s", arg->name);
    p->places++;
    return 0;
}

/* --- the whole line ------------------------------------------------------- */

static int
check_required(const struct parse *p, struct err *err)
{
    const struct command *c = p->args->command;
    size_t place = 0;

    for (size_t i = 0; i < c->nargs; i++) {
        const struct arg *arg = &c->args[i];

        if (*arg->name == '-')
            continue;
        if (arg->required && place >= p->places)
            return err_set(err, ERR_INVALID, "%s is missing", arg->name);
        place++;
    }
    return c->finish ? c->finish(p->args->params, err) : 0;
}

static int
check_connection(struct parse *p, struct err *err)
{
    struct ctl *ctl = p->ctl;
    bool files = ctl->ca && ctl->cert && ctl->key;

    if (ctl->connect && ctl->socket)
        return err_set(err, ERR_INVALID,
                       "--connect and --socket exclude each other");
    if (ctl->connect && !files)
        return err_set(err, ERR_INVALID,
                       "--connect needs --ca, --cert and --key: berthd and "
                       "its clients show each other certificates");
    if (!ctl->connect && (ctl->ca || ctl->cert || ctl->key))
        return err_set(err, ERR_INVALID,
                       "--ca, --cert and --key belong to --connect");
    if (!ctl->connect && !ctl->socket) {
        p->args->socket = args_default_socket();
        ctl->socket = p->args->socket;
    }
    return 0;
}

static int
finish(struct parse *p, struct err *err)
{
    if (p->args->help || p->args->version || p->args->dump)
        return 0;
    if (!p->args->command)
        return p->args->noun
                   ? err_set(err, ERR_INVALID,
                             "What about the %s? A verb is missing",
                             p->args->noun)
                   : err_set(err, ERR_INVALID, "A command is missing");
    if (p->file)
        json_object_update_missing(p->args->params, p->file);
    if (check_required(p, err) < 0)
        return -1;
    return check_connection(p, err);
}

static int
parse_all(struct parse *p, int argc, char *const *argv, struct err *err)
{
    for (int i = 1; i < argc;) {
        const char *word = argv[i];
        int used = 1;

        if (!p->options_end && strcmp(word, "--") == 0)
            p->options_end = true;
        else if (i == 1 && (strcmp(word, "--completion") == 0 ||
                            strcmp(word, "--help-pod") == 0))
            p->args->dump = word;
        else if (!p->options_end && word[0] == '-' && word[1])
            used =
                parse_option(p, word, i + 1 < argc ? argv[i + 1] : NULL, err);
        else
            used = parse_word(p, word, err) < 0 ? -1 : 1;
        if (used < 0)
            return -1;
        i += used;
    }
    return finish(p, err);
}

int
args_parse(int argc, char *const *argv, struct ctl *ctl, struct args *out,
           struct err *err)
{
    struct parse p = {.ctl = ctl, .args = out};
    int rc;

    *out = (struct args){.params = json_object()};
    rc = parse_all(&p, argc, argv, err);
    json_decref(p.file);
    return rc;
}
