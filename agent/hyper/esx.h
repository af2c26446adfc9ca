// SPDX-License-Identifier: Apache-2.0
/*
 * VMware hosts by proxy: each with its vSphere session (disks, machines,
 * tasks) and its process for libvirt's driver (the rest), both made when
 * first needed. The set only grows: who has a host may keep it until the end.
 * Worker threads where it blocks; esx_set_* any thread.
 */
#pragma once

#include "agent/hyper/child.h"
#include "agent/hyper/vim_inventory.h"

struct esx;
struct esx_set;

struct esx_config { /* copied */
    const char *name;
    const char *uri;
    const char *credentials;
    const char *ca_file;     /* "" none */
    const char *fingerprint; /* "" none */
    int64_t connect_ms, call_ms, task_ms;
};

/* Check all of it without touching the network: uri, credentials given,
 * fingerprint's form. */
int esx_check(const struct esx_config *config, struct err *err);

/* program: berthd itself, for the children. */
struct esx_set *esx_set_new(const char *program);
void esx_set_free(struct esx_set *set); /* no call may be under way */

/* Whatever runs ends soon: STOPPING. */
void esx_set_stop(struct esx_set *set);

/* EXISTS, or what esx_check says. Returns borrowed. */
struct esx *esx_set_add(struct esx_set *set, const struct esx_config *config,
                        struct err *err);
/* A set that is NULL has none. */
struct esx *esx_set_find(struct esx_set *set, const char *name);
struct esx *esx_set_at(struct esx_set *set, size_t i); /* NULL behind all */

const char *esx_name(const struct esx *esx);
const struct esx_uri *esx_uri_of(const struct esx *esx);
const char *esx_uri_text(const struct esx *esx);
int64_t esx_task_ms(const struct esx *esx);
int64_t esx_call_ms(const struct esx *esx);
struct vim *esx_vim(struct esx *esx);

/* A call of libvirt's driver, by its name in virt_esx_vm.c or
 * virt_esx_store.c, ended at call_ms or, where that comes before, at
 * deadline_ms (0: none). */
int esx_virt(struct esx *esx, const char *call, const json_t *args,
             int64_t deadline_ms, json_t **result, bool *sent,
             struct err *err);
void esx_child(struct esx *esx, struct child_state *state);

/* What MigrateVm needs of the target: {uri, credentials, user}; owned. */
json_t *esx_open_args(const struct esx *esx);

/* Its host and datacenter, looked for once. */
int esx_place(struct esx *esx, struct vim_place *place, struct err *err);

/* List its machines anew into memory; *out (may be NULL) is owned. */
int esx_list(struct esx *esx, struct vim_entry **out, size_t *n,
             struct err *err);

/* A machine by UUID, unique beginning of it, or name: from memory, or listed
 * anew where memory does not know it. NOT_FOUND, INVALID (ambiguous). */
int esx_find(struct esx *esx, const char *ref, struct vim_entry *out,
             struct err *err);

/* From memory alone: the machine with that reference; false: not listed. */
bool esx_by_ref(struct esx *esx, const struct vim_ref *ref,
                struct vim_entry *out);

/* From memory alone: the host that has it, NULL when none is known to. */
struct esx *esx_set_holder(struct esx_set *set, const char *ref);

/* What the last try to reach it said: connected, and why not. */
struct esx_state {
    bool tried, connected;
    int64_t since_ms; /* wall time */
    char error[1024];
    struct vim_about about;
};
void esx_look(struct esx *esx, struct esx_state *state);

/* Connect to it now: what it is. */
int esx_hello(struct esx *esx, struct vim_about *about, struct err *err);
