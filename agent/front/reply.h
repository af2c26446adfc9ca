// SPDX-License-Identifier: Apache-2.0
/*
 * The border where an error's kind becomes a number: native verbs answer with
 * all that is known of it, verbs under VDSM's names as VDSM's clients expect.
 * Pure.
 */
#pragma once

#include "agent/verbs/verb.h"

/*
 * The error object of a call. Of call only verb, params (NULL: they were
 * refused), vm and request count. Returns owned.
 */
json_t *reply_error(const struct verb_call *call, const struct err *err);

/* The same where there is no verb: {code, message} when plain (to who speaks
 * as VDSM's clients do), else as of a native verb. */
json_t *reply_no_verb(bool plain, const struct err *err);
