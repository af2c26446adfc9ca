// SPDX-License-Identifier: Apache-2.0
/*
 * The face of a verb: one row beside its function. The rows of each file are
 * gathered in verbs/table.c, which nothing in this room includes.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/common/uuid.h"
#include "agent/plan/env.h"
#include "agent/plan/hook_verb.h"
#include "agent/plan/operation.h"
#include "agent/plan/remote.h"
#include "agent/spec/field.h"

/* Who carries a verb. */
enum verb_lane {
    VERB_INLINE, /* memory only, answered in the I/O thread */
    VERB_VM,     /* a worker, one at a time per VM */
    VERB_HOST,   /* any worker: questions, and what concerns no VM yet */
    VERB_REMOTE, /* a worker, one at a time per machine of a host by proxy */
};

/* The action group of what anybody may ask who is let in at all. */
#define VERB_FOR_ALL "NONE"

/* The row of the parameter "vm", the same wherever it must be given. */
#define VERB_VM_ROW                                                            \
    {.name = "vm",                                                             \
     .type = FIELD_REF,                                                        \
     .required = true,                                                         \
     .doc = "The VM: UUID, unique beginning of it, or name"}

/*
 * The same of a verb under VDSM's name. What it names is call->vm, and "vm" of
 * the checked parameters. A VM that is to be made has a FIELD_UUID instead.
 */
#define VERB_VMID_ROW                                                          \
    {.name = VERB_VMID,                                                        \
     .type = FIELD_REF,                                                        \
     .required = true,                                                         \
     .doc = "The VM: UUID, unique beginning of it, or name"}
#define VERB_VMID "vmID"

struct verb_call; /* below */

/*
 * The result (owned), or NULL + err. A verb with lane VERB_INLINE runs in the
 * I/O thread and must not block; others run in a worker.
 */
typedef json_t *(*verb_fn)(struct verb_call *call, struct err *err);

struct verb {
    const char *name;         /* "HotPlugDisk" */
    const char *group;        /* "disk", "vm", "host", "ops", "events",
                                 "audit", "admin", "vdsm" */
    const char *action_group; /* "DISK_ATTACH" … for roles, VERB_FOR_ALL */
    /* It is not about one VM, or makes it: permit.h is asked by the verb, of
     * each object; front asks whether the peer has the group for anything. */
    bool asks_itself;
    bool mutating;            /* takes op_id, dry_run, deadline_ms, flow_id */
    bool local;               /* unix socket only */
    enum verb_lane lane;
    /*
     * Not 0: a verb under VDSM's name, and its code for what fails in it where
     * codes.def has none for the kind (100: a general one). Fields that no row
     * names are dropped, numbers and truths may be given as text, none of the
     * parameters of operations is taken. The result is what VDSM answers, bare
     * ("true" for nothing). With lane VERB_INLINE it is answered from memory
     * whatever else waits, and call->vm is known.
     */
    int vdsm_code;
    enum hook_verb scripts; /* hook scripts run around it: in a worker, where
                               there are some */
    const char *doc;
    const struct field *params;
    size_t nparams;
    verb_fn run;
};

static inline bool
verb_is_vdsm(const struct verb *verb)
{
    return verb->vdsm_code != 0;
}

/* The row of the parameter that names a host by proxy. */
#define VERB_HYPERVISOR_ROW                                                    \
    {.name = "hypervisor",                                                     \
     .type = FIELD_NAME,                                                       \
     .doc = "The hypervisor that has it (ListHypervisors); found by its VM "   \
            "when absent"}

/* The two members of a row that say which fields it takes. */
#define VERB_PARAMS(rows)                                                      \
    .params = (rows), .nparams = sizeof(rows) / sizeof((rows)[0])

/* One call on its way; made by front/dispatch, borrowed by the verb. */
struct verb_call {
    const struct verb *verb;
    struct env *env;
    json_t *params;   /* checked object with defaults; borrowed */
    uint64_t session; /* whom events go to; a number, never a pointer */
    bool local;       /* came over the unix socket */
    struct request request; /* identity of the operation (plan/operation.h) */
    char vm[UUID_TEXT]; /* the VM that "vm" names, "" when there is none */
    struct remote remote; /* of VERB_REMOTE: the host, and its machine */
    /* Answer now (takes result) and go on: what the verb returns is then told
     * to nobody but the log. At most once, in a worker. */
    void (*answer)(struct verb_call *call, json_t *result);
};
