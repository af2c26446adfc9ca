// SPDX-License-Identifier: Apache-2.0
/*
 * The way in to a hypervisor: checked, traced, timed. Each function is the
 * sole caller of the backend's function of that name; a missing one is
 * UNSUPPORTED "not supported by <backend>". No lock is held in here while a
 * backend is called. Worker threads only.
 */
#pragma once

#include "agent/hyper/ops.h"

struct hyper;

/* The backend that serves a URI ("qemu:…", and "fake:" in tests) is chosen
 * from a table in hyper.c. It succeeds where nothing answers yet, too: then
 * hyper_connected is false, and BACK follows. Returns owned, NULL + err. */
struct hyper *hyper_open(const char *name, const char *uri, hyper_event_fn fn,
                         void *ctx, struct err *err);
void hyper_close(struct hyper *hyper);

const char *hyper_name(const struct hyper *hyper); /* "local" */
const char *hyper_uri(const struct hyper *hyper);
bool hyper_can(const struct hyper *hyper, enum hyper_cap cap);
void hyper_link(struct hyper *hyper, struct hyper_link *out);
bool hyper_connected(struct hyper *hyper);
int hyper_ready(struct hyper *hyper, struct err *err);
void hyper_thread_asks(struct hyper *hyper);
void hyper_thread_end(struct hyper *hyper);

/* What the backend's open made: only for fake_script and fake_release. */
void *hyper_backend(struct hyper *hyper);

json_t *hyper_info(struct hyper *hyper, struct err *err);
char *hyper_capabilities(struct hyper *hyper, struct err *err);
char *hyper_domain_capabilities(struct hyper *hyper, const char *type,
                                struct err *err);
json_t *hyper_devices(struct hyper *hyper, struct err *err);
int hyper_list(struct hyper *hyper, struct hyper_domain **out, size_t *n,
               struct err *err); /* out is owned (free) */
int hyper_find(struct hyper *hyper, const char *ref, struct hyper_domain *out,
               struct err *err);
char *hyper_domain_xml(struct hyper *hyper, const char *uuid,
                       enum hyper_xml which, struct err *err);
enum hyper_at hyper_at(struct hyper *hyper, const char *uuid, struct err *err);

int hyper_define(struct hyper *hyper, const char *xml, struct err *err);
int hyper_undefine(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_start(struct hyper *hyper, const char *uuid, bool paused,
                struct err *err);
int hyper_shutdown(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_destroy(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_reboot(struct hyper *hyper, const char *uuid, bool reset,
                 struct err *err);
int hyper_suspend(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_resume(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_autostart(struct hyper *hyper, const char *uuid, bool on,
                    struct err *err);
int hyper_attach(struct hyper *hyper, const char *uuid, const char *xml,
                 struct err *err);
int hyper_detach(struct hyper *hyper, const char *uuid, const char *alias,
                 struct err *err);
int hyper_update(struct hyper *hyper, const char *uuid, const char *xml,
                 bool force, struct err *err);
int hyper_resize(struct hyper *hyper, const char *uuid, const char *target,
                 uint64_t bytes, struct err *err);
int hyper_iotune(struct hyper *hyper, const char *uuid, const char *target,
                 const struct hyper_tune *tune, size_t n, struct err *err);
int hyper_forget_device(struct hyper *hyper, const char *uuid,
                        const char *alias, const char *path, int64_t wait_ms,
                        struct err *err);
int hyper_memory(struct hyper *hyper, const char *uuid, uint64_t bytes,
                 struct err *err);
int hyper_vcpus(struct hyper *hyper, const char *uuid, unsigned count,
                struct err *err);
int hyper_create(struct hyper *hyper, const char *xml, bool paused,
                 struct err *err);
int hyper_metadata(struct hyper *hyper, const char *uuid,
                   const struct hyper_metadata *metadata, struct err *err);
int hyper_live_vcpus(struct hyper *hyper, const char *uuid, unsigned count,
                     struct err *err);
int hyper_freeze(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_thaw(struct hyper *hyper, const char *uuid, struct err *err);
int hyper_iothread(struct hyper *hyper, const char *uuid, unsigned id, bool add,
                   struct err *err);
int hyper_accepts(struct hyper *hyper, const char *xml, struct err *err);

/* Refuse what the backend has no capability for, at the one place: UNSUPPORTED
 * naming what wants it ("source.secret") and which backends have it. */
int hyper_require(const struct hyper *hyper, enum hyper_cap cap,
                  const char *what, struct err *err);
char *hyper_secret(struct hyper *hyper, const char *kind, const char *ref,
                   struct err *err);
int hyper_volume(struct hyper *hyper, const char *pool, const char *name,
                 struct hyper_volume *out, struct err *err);
int hyper_volume_create(struct hyper *hyper, const char *pool,
                        const char *name, const char *format, uint64_t bytes,
                        struct err *err);
int hyper_volume_resize(struct hyper *hyper, const char *pool,
                        const char *name, uint64_t bytes, struct err *err);
int hyper_volume_delete(struct hyper *hyper, const char *pool,
                        const char *name, struct err *err);
void hyper_volume_clear(struct hyper_volume *volume);
json_t *hyper_stats(struct hyper *hyper, const struct hyper_whose *whose,
                    struct err *err);
char *hyper_pidfile(struct hyper *hyper, const char *name);
