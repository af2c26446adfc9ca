// SPDX-License-Identifier: Apache-2.0
/*
 * Signs of life under VDSM's names, answered in the I/O thread: an engine
 * asks for them while everything else may wait.
 */
#include "agent/verbs/vdsm_ping.h"

static json_t *
host_ping2(struct verb_call *call, struct err *err)
{
    (void)call;
    (void)err;
    return json_true();
}

static json_t *
host_echo(struct verb_call *call, struct err *err)
{
    (void)err;
    return json_incref(json_object_get(call->params, "message"));
}

/* --- rows ------------------------------------------------------------------
 */

static const struct field echo_fields[] = {
    {.name = "message",
     .type = FIELD_ANY,
     .required = true,
     .doc = "What is to come back"},
};

const struct verb vdsm_ping_verbs[] = {
    {.name = "Host.ping2",
     .group = "vdsm",
     .action_group = VERB_FOR_ALL,
     .lane = VERB_INLINE,
     .vdsm_code = 100,
     .doc = "Answers true at once, whatever else waits.",
     .run = host_ping2},
    {.name = "Host.echo",
     .group = "vdsm",
     .action_group = "HOST_READ",
     .lane = VERB_INLINE,
     .vdsm_code = 100,
     .doc = "Answers with the message that it was given.",
     VERB_PARAMS(echo_fields),
     .run = host_echo},
};
const size_t vdsm_ping_nverbs =
    sizeof(vdsm_ping_verbs) / sizeof(vdsm_ping_verbs[0]);
