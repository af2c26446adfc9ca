// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers of errors by who asked and for what. VDSM's codes tell which verb
 * failed rather than why: most kinds have none of their own there.
 */
#include "agent/front/reply.h"

#include "protocol/codes.h"
#include "protocol/jsonrpc.h"

#define VDSM_GENERAL 100
#define VDSM_HOOK_OF_STATS 78 /* of one VM's; of all else 1500 */

/* A kind means what VDSM's number says only where it is about the call as
 * such: parameters of the wrong form, a VM that is not there. What the verb
 * itself finds wrong or missing is its own failure. */
static int
vdsm_code(const struct verb_call *call, enum err_kind kind)
{
    bool inside = (kind == ERR_INVALID && call->params) ||
                  (kind == ERR_NOT_FOUND && call->vm[0]);
    int code = inside ? 0 : codes_vdsm(kind);

    if (call->verb->scripts == HOOK_VERB_VM_STATS && kind == ERR_HOOK_FAILED)
        return VDSM_HOOK_OF_STATS;
    return code ? code : call->verb->vdsm_code;
}

json_t *
reply_error(const struct verb_call *call, const struct err *err)
{
    const char *op_id = call->request.op_id;

    if (verb_is_vdsm(call->verb))
        return jsonrpc_error_plain(err, vdsm_code(call, err->kind));
    return jsonrpc_error_object(
        err, call->verb->mutating && op_id[0] ? op_id : NULL);
}

json_t *
reply_no_verb(bool plain, const struct err *err)
{
    int code = codes_vdsm(err->kind);

    if (!plain)
        return jsonrpc_error_object(err, NULL);
    return jsonrpc_error_plain(err, code ? code : VDSM_GENERAL);
}
