// SPDX-License-Identifier: Apache-2.0
/*
 * Parameters of a call against the rows of its verb: by name or by position,
 * unknown and mistyped ones refused, defaults filled in; and the parameters
 * that every mutating verb takes. I/O thread or worker; pure.
 */
#pragma once

#include "agent/verbs/verb.h"

#define PARAMS_FLOW_MAX 100 /* bytes of a flow id */

/* Rows added to every mutating verb: op_id, dry_run, deadline_ms, flow_id. */
extern const struct field params_common[];
extern const size_t params_ncommon;

/* Those that this verb takes: all of them, flow_id alone, or none. Borrowed. */
const struct field *params_common_of(const struct verb *verb, size_t *n);

/*
 * raw is an object, an array (values in row order) or NULL. *out is an owned
 * object with the verb's own parameters (defaults in); the common ones are
 * taken out of it into request (op_id made when absent and the verb changes
 * something; a flow_id that is there stays when none is given; the deadline
 * becomes monotonic; body_hash of verb and parameters where it is mutating). What
 * else request holds (the peer) is left as it is. A verb under VDSM's name is
 * read leniently, as verb.h tells. err: INVALID.
 */
int params_check(const struct verb *verb, const json_t *raw, json_t **out,
                 struct request *request, struct err *err);
