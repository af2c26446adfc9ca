// SPDX-License-Identifier: Apache-2.0
/*
 * What every verb and plan works with: borrowed pointers to the rooms below,
 * wired once by main.c. Immutable after start but for conf and access, which a
 * reload replaces (older snapshots live until the end). Any thread.
 */
#pragma once

#include <stdatomic.h>

#include "agent/hyper/esx.h"
#include "agent/hyper/hyper.h"
#include "agent/plan/crash.h"
#include "agent/plan/grant.h"
#include "agent/policy/access.h"
#include "agent/post/notify.h"
#include "agent/state/audit.h"
#include "agent/state/eventlog.h"
#include "agent/state/ops.h"
#include "agent/state/sampled.h"
#include "agent/state/store.h"
#include "agent/state/vm_table.h"
#include "agent/work/later.h"
#include "agent/work/pool.h"
#include "conf/conf.h"
#include "hooks/hooks.h"

struct remote_pending; /* plan/remote_pending.h */

struct env {
    struct store *store;
    struct eventlog *eventlog;
    struct audit *audit;
    struct vm_table *vms;
    struct sampled *sampled; /* what was last read of VMs and host */
    struct ops *ops;
    struct hyper *hyper; /* the local hypervisor */
    struct esx_set *esx; /* hosts by proxy */
    struct remote_pending *remote_pending;
    struct pool *pool;
    struct later *later;
    struct notify *notify;
    struct hooks *hooks; /* NULL: no scripts are run */
    atomic_uint hooked_verbs; /* bits of plan/hook_verb.h */
    atomic_bool recovering; /* the VMs are being looked at for the first time */
    struct crash *crash; /* NULL: none is armed */
    _Atomic(struct conf *) conf;
    _Atomic(const struct access *) access; /* the rules of conf */
    /* What libvirt accepts of a LUN's SCSI generic I/O: enum grant_answer by
     * enum grant_feature; asked after each connect (plan/lun_facts.h). */
    atomic_int accepts[GRANT_FEATURES];
    const char *virt; /* "kvm" where a probe ran a guest, else "qemu" */
    const char *version;
    const char *conf_folder; /* files there are read after the settings' own */
    size_t nverbs; /* rows of the verb table, for GetCapabilities */
    int64_t started_ms; /* wall time */
    /* Replace conf by what the files say now (ReloadConfig, SIGHUP): main's
     * function; by tells who wants it. {changed: [], restart_needed: []},
     * owned. */
    json_t *(*reload)(void *ctx, const struct audit_entry *by,
                      struct err *err);
    /* {days_left, not_after} of the TLS certificate, {error}, or NULL. Any
     * thread. */
    json_t *(*tls_info)(void *ctx);
    /* What tls_examine (front/tls.h) finds in the files that conf names. */
    json_t *(*tls_examine)(const struct conf *conf);
    /* Whether the settings' files could be loaded now; 0, -1 + err. */
    int (*check_settings)(void *ctx, struct err *err);
    /* The first look at the VMs is over, or libvirt is not there: once. */
    void (*looked)(void *ctx);
    void *ctx;
};

static inline const struct conf *
env_conf(struct env *env)
{
    return atomic_load(&env->conf);
}
