// SPDX-License-Identifier: Apache-2.0
/* All commands, noun by noun, in the order of the manual. Static. */
#pragma once

#include "agent/ctl/command.h"

/* The nth command, NULL past the end. */
const struct command *commands_at(size_t n);

/* By noun and verb (NULL: a noun that is a whole command); NULL if none. */
const struct command *commands_find(const char *noun, const char *verb);

/* Whether a noun exists, and what it is for; NULL if there is none. */
const char *commands_noun(const char *noun);

/* The options of every command, and those of the mutating ones. */
extern const struct arg commands_global[];
extern const size_t commands_nglobal;
extern const struct arg commands_mutating[];
extern const size_t commands_nmutating;
