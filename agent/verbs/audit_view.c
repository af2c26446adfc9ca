// SPDX-License-Identifier: Apache-2.0
/*
 * What the audit says, and whether its chain is whole. A VM that is gone has
 * rows still: its whole UUID names it.
 */
#include "agent/verbs/audit_view.h"

#include "agent/plan/permit.h"

/* Of one VM where "vm" is given: who may read the audit of some VMs only must
 * name one of them. *uuid is "" for all. */
static int
wanted_vm(struct verb_call *call, char uuid[UUID_TEXT], struct err *err)
{
    const char *ref = json_get_text(call->params, "vm", "");
    const struct access_object object = {.vm = uuid};

    uuid[0] = '\0';
    if (*ref && !uuid_canon(ref, uuid) &&
        vm_table_find(call->env->vms, ref, uuid, err) < 0)
        return -1;
    return permit_check(call->env, &call->request, ACCESS_AUDIT_READ,
                        uuid[0] ? &object : NULL, err);
}

static json_t *
get_audit(struct verb_call *call, struct err *err)
{
    struct audit_filter filter = {
        .what = json_get_text(call->params, "what", NULL),
        .peer = json_get_text(call->params, "peer", NULL),
        .disk = json_get_text(call->params, "disk", NULL),
    };
    char vm[UUID_TEXT];

    if (wanted_vm(call, vm, err) < 0)
        return NULL;
    filter.vm = vm[0] ? vm : NULL;
    return audit_read(call->env->store,
                      json_get_int(call->params, "since", 0),
                      (int)json_get_int(call->params, "limit", 0), &filter,
                      err);
}

static json_t *
verify_audit(struct verb_call *call, struct err *err)
{
    const char *text = json_get_text(call->params, "noted", NULL);
    struct audit_head noted;

    if (text && audit_head_parse(text, &noted, err) < 0) {
        err_wrap(err, "noted");
        return NULL;
    }
    return audit_verify(call->env->store,
                        conf_text(env_conf(call->env), CONF_STATE_DIR),
                        text ? &noted : NULL, err);
}

void
audit_view_print(const json_t *report, bool as_json, FILE *to)
{
    const json_t *faults = json_object_get(report, "faults"), *fault;
    size_t i;

    if (as_json) {
        CLEANUP_TEXT char *text = json_pretty(report);

        fprintf(to, "%s\n", text);
        return;
    }
    json_array_foreach(faults, i, fault)
        fprintf(to, "%s\n", json_get_text(fault, "fault", ""));
    fprintf(to, "%lld rows, %lld faults\n",
            (long long)json_get_int(report, "rows", 0),
            (long long)json_get_int(report, "fault_count", 0));
}

/* --- rows ------------------------------------------------------------------ */

static const struct field get_fields[] = {
    {.name = "since",
     .type = FIELD_INT,
     .deflt = "0",
     .min = 0,
     .max = INT64_MAX,
     .range = "0.. (a seq, or next of an earlier answer)",
     .doc = "The rows after this number; 0: all"},
    {.name = "limit",
     .type = FIELD_INT,
     .deflt = "1000",
     .min = 1,
     .max = 10000,
     .range = "1..10000",
     .doc = "How many at most, the oldest first"},
    {.name = "what",
     .type = FIELD_ENUM,
     .range = "grant|release|denial|policy|fault",
     .doc = "Only rows of this kind"},
    {.name = "peer",
     .type = FIELD_TEXT,
     .max = 127,
     .range = "1..127 bytes",
     .doc = "Only what this peer asked for, such as cn:engine-1"},
    {.name = "vm",
     .type = FIELD_REF,
     .doc = "Only rows about this VM: UUID, a unique prefix of it, or name; "
            "of a deleted VM, its whole UUID"},
    {.name = "disk",
     .type = FIELD_UUID,
     .doc = "Only rows about the disk with this disk_id"},
};

static const struct field verify_fields[] = {
    {.name = "noted",
     .type = FIELD_TEXT,
     .max = 100,
     .range = "ROWS:HASH",
     .doc = "An earlier end of the audit, as the log has it after "
            "\"AUDIT head=\": that row must still have that hash"},
};

const struct verb audit_view_verbs[] = {
    {.name = "GetAudit",
     .group = "audit",
     .action_group = "AUDIT_READ",
     .asks_itself = true,
     .lane = VERB_HOST,
     .doc = "Reads the audit: who was granted or denied what, and who changed "
            "which role or policy.",
     VERB_PARAMS(get_fields),
     .run = get_audit},
    {.name = "VerifyAudit",
     .group = "audit",
     .action_group = "AUDIT_READ",
     .lane = VERB_HOST,
     .doc = "Walks the audit's chain of hashes and tells every row that was "
            "changed, removed, put elsewhere or cut off.",
     VERB_PARAMS(verify_fields),
     .run = verify_audit},
};
const size_t audit_view_nverbs =
    sizeof(audit_view_verbs) / sizeof(audit_view_verbs[0]);
