// SPDX-License-Identifier: Apache-2.0
/*
 * A shell function with one case per command: its options, what an option
 * takes, and what stands at each place. Names of VMs and disks come from
 * berthctl itself, with the connection that the line so far names.
 */
#include "agent/ctl/completion.h"

#include <string.h>

#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"

/* What the shell offers for a value: words, or one of its own names. */
static void
print_kind(FILE *to, const struct arg *arg)
{
    switch (arg->type) {
    case ARG_VM:
        fputs("@vm", to);
        break;
    case ARG_DISK:
        fputs("@disk", to);
        break;
    case ARG_PATH:
    case ARG_FILE:
    case ARG_CONTENT:
        fputs("@file", to);
        break;
    case ARG_BOOL:
        fputs("yes no", to);
        break;
    case ARG_WORD:
        for (const char *w = arg->detail; *w; w++)
            fputc(*w == '|' ? ' ' : *w, to);
        break;
    case ARG_FIELDS:
        fputs("@field", to);
        break;
    default:
        break;
    }
}

static void
print_options(FILE *to, const struct arg *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (*rows[i].name == '-')
            fprintf(to, "%s ", rows[i].name);
}

static void
print_values(FILE *to, const char *prefix, const struct arg *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (*rows[i].name != '-' || !args_placeholder(&rows[i]))
            continue;
        fprintf(to, "    %s%s) kind='", prefix, rows[i].name);
        print_kind(to, &rows[i]);
        fputs("' ;;\n", to);
    }
}

static void
print_words(FILE *to, const char *noun)
{
    const struct command *c;
    const char *last = "";

    for (size_t i = 0; (c = commands_at(i)); i++) {
        if (noun ? strcmp(noun, c->noun) != 0 : strcmp(last, c->noun) == 0)
            continue;
        last = c->noun;
        if (noun && c->verb)
            fprintf(to, " %s", c->verb);
        else if (!noun)
            fprintf(to, " %s", c->noun);
    }
}

static void
print_places(FILE *to, const struct command *c)
{
    for (size_t i = 0; i < c->nargs; i++) {
        if (*c->args[i].name == '-')
            continue;
        fputc('\'', to);
        print_kind(to, &c->args[i]);
        fputs("' ", to);
    }
}

/* Case lists: the options of each command, and what its places hold. */
static void
print_cases(FILE *to)
{
    const struct command *c;

    for (size_t i = 0; (c = commands_at(i)); i++) {
        fprintf(to, "    '%s %s')\n        opts='", c->noun,
                c->verb ? c->verb : "");
        print_options(to, c->args, c->nargs);
        if (c->mutating)
            print_options(to, commands_mutating, commands_nmutating);
        fputs("'\n        places=(", to);
        print_places(to, c);
        fputs(") ;;\n", to);
    }
}

static void
print_nouns(FILE *to)
{
    const struct command *c;
    const char *last = "";

    for (size_t i = 0; (c = commands_at(i)); i++) {
        if (strcmp(last, c->noun) == 0)
            continue;
        last = c->noun;
        fprintf(to, "    %s) verbs='", c->noun);
        print_words(to, c->noun);
        fputs("' ;;\n", to);
    }
}

/* Nouns that are whole commands. */
static void
print_alone(FILE *to)
{
    const struct command *c;

    for (size_t i = 0; (c = commands_at(i)); i++)
        if (!c->verb)
            fprintf(to, " %s", c->noun);
}

/* What a value after an option is; the same option means the same in every
 * command but for its words, so the command stands before it. */
static void
print_value_cases(FILE *to)
{
    const struct command *c;

    for (size_t i = 0; (c = commands_at(i)); i++) {
        char prefix[64];

        snprintf(prefix, sizeof(prefix), "'%s %s '", c->noun,
                 c->verb ? c->verb : "");
        print_values(to, prefix, c->args, c->nargs);
    }
    print_values(to, "*' '", commands_mutating, commands_nmutating);
    print_values(to, "*' '", commands_global, commands_nglobal);
    fputs("    *' -o') kind='table json name' ;;\n", to);
}

static const char head[] =
    "# SPDX-License-Identifier: Apache-2.0\n"
    "# bash completion for berthctl, printed by `berthctl --completion`\n"
    "\n"
    "# What an option of the command $1 takes: sets kind; fails for none.\n"
    "_berthctl_value()\n"
    "{\n"
    "    case \"$1 $2\" in\n";

static const char middle[] =
    "    *) return 1 ;;\n"
    "    esac\n"
    "}\n"
    "\n"
    "# Offer the words of a kind: @vm and @disk are asked of berthd.\n"
    "_berthctl_offer()\n"
    "{\n"
    "    local words=$1\n"
    "    case \"$1\" in\n"
    "    @vm) words=$(berthctl \"${conn[@]}\" vm ls -o name 2>/dev/null) ;;\n"
    "    @disk) words=$(berthctl \"${conn[@]}\" disk ls \"$vm\" -o name "
    "2>/dev/null) ;;\n"
    "    @file)\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "        return ;;\n"
    "    @field) compopt -o nospace 2>/dev/null; words=$fields ;;\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
    "}\n"
    "\n"
    "_berthctl()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} cword=$COMP_CWORD\n"
    "    local words=(\"${COMP_WORDS[@]}\") places=() conn=() place=0 i word\n"
    "    local noun= verb= vm= kind= opts= verbs= fields= nouns= globals= alone=\n"
    "    if declare -F _get_comp_words_by_ref >/dev/null; then\n"
    "        _get_comp_words_by_ref -n =: cur words cword\n"
    "    fi\n";

static const char walk[] =
    "    for ((i = 1; i < cword; i++)); do\n"
    "        word=${words[i]}\n"
    "        if [[ $word == -* ]]; then\n"
    "            kind=\n"
    "            _berthctl_value \"$noun $verb\" \"$word\" || continue\n"
    "            if ((i + 1 == cword)); then\n"
    "                _berthctl_offer \"$kind\"\n"
    "                return\n"
    "            fi\n"
    "            case $word in\n"
    "            --socket | --connect | --ca | --cert | --key)\n"
    "                conn+=(\"$word\" \"${words[i + 1]}\") ;;\n"
    "            esac\n"
    "            ((i++))\n"
    "        elif [[ -z $noun ]]; then noun=$word\n"
    "        elif [[ -z $verb && $alone != *\" $noun \"* ]]; then verb=$word\n"
    "        else\n"
    "            ((place == 0)) && vm=$word\n"
    "            ((place++))\n"
    "        fi\n"
    "    done\n"
    "    case $noun in\n"
    "    '') verbs=$nouns ;;\n";

static const char cases[] = "    esac\n"
                            "    case \"$noun $verb\" in\n";

static const char tail[] =
    "    esac\n"
    "    if [[ $cur == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$opts $globals\" -- \"$cur\"))\n"
    "    elif [[ -z $noun || (-z $verb && $alone != *\" $noun \"*) ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
    "    elif ((${#places[@]})); then\n"
    "        ((place >= ${#places[@]})) && place=$((${#places[@]} - 1))\n"
    "        _berthctl_offer \"${places[place]}\"\n"
    "    fi\n"
    "}\n"
    "\n"
    "complete -F _berthctl berthctl\n";

void
completion_bash(FILE *to)
{
    fputs(head, to);
    print_value_cases(to);
    fputs(middle, to);
    fputs("    fields='", to);
#define FIELD(name, ...) fputs(#name "= ", to);
#include "agent/spec/disk_fields.def"
#undef FIELD
    fputs("'\n    globals='", to);
    print_options(to, commands_global, commands_nglobal);
    fputs("-o'\n    nouns='", to);
    print_words(to, NULL);
    fputs("'\n    alone='", to);
    print_alone(to);
    fputs(" '\n", to);
    fputs(walk, to);
    print_nouns(to);
    fputs(cases, to);
    print_cases(to);
    fputs(tail, to);
}
