// SPDX-License-Identifier: Apache-2.0
/*
 * The checked, traced, timed way to a backend. It holds no lock and keeps
 * nothing between calls: what a call needs comes in, what it found goes out.
 * Each wrapper is made by one macro, so that none can forget a step.
 */
#include "agent/hyper/hyper.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/fake.h"
#include "agent/hyper/kvm.h"

#define SLOW_MS 2000 /* as long as a worker may take before it is replaced */

struct hyper {
    const struct hyper_ops *ops;
    void *backend;
    char *name;
    char *uri;
};

struct scheme {
    const char *prefix;
    const struct hyper_ops *ops;
};

/* The first prefix that fits serves the URI. */
static const struct scheme schemes[] = {
    {"qemu:///embed", &kvm_embed_ops},
    {"qemu:", &kvm_ops},
    {"fake:", &fake_ops},
};

static const struct hyper_ops *
ops_for(const char *uri)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strncmp(uri, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].ops;
    return NULL;
}

struct hyper *
hyper_open(const char *name, const char *uri, hyper_event_fn fn, void *ctx,
           struct err *err)
{
    const struct hyper_ops *ops = ops_for(uri);
    struct hyper *hyper;
    void *backend = NULL;

    if (!ops) {
        err_param(err, ERR_INVALID, "uri", uri,
                  "qemu:///system, qemu:///session or "
                  "qemu:///embed?root=DIRECTORY");
        return NULL;
    }
    if (ops->open(&backend, uri, fn, ctx, err) < 0)
        return NULL;
    hyper = mem_zalloc(1, sizeof(*hyper));
    hyper->ops = ops;
    hyper->backend = backend;
    hyper->name = mem_dup(name);
    hyper->uri = mem_dup(uri);
    log_info("Hypervisor '%s' is open: %s at %s", name, ops->name, uri);
    return hyper;
}

void
hyper_close(struct hyper *hyper)
{
    if (!hyper)
        return;
    hyper->ops->close(hyper->backend);
    free(hyper->name);
    free(hyper->uri);
    free(hyper);
}

const char *
hyper_name(const struct hyper *hyper)
{
    return hyper->name;
}

const char *
hyper_uri(const struct hyper *hyper)
{
    return hyper->uri;
}

bool
hyper_can(const struct hyper *hyper, enum hyper_cap cap)
{
    return (hyper->ops->caps & cap) != 0;
}

static const struct want {
    enum hyper_cap cap;
    const char *what;
} wants[] = {
    {HYPER_POOLS, "storage pools"},
    {HYPER_SECRETS, "secrets"},
};

int
hyper_require(const struct hyper *hyper, enum hyper_cap cap, const char *what,
              struct err *err)
{
    const char *name = "this";

    if (hyper_can(hyper, cap))
        return 0;
    for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++)
        if (wants[i].cap == cap)
            name = wants[i].what;
    return err_set(err, ERR_UNSUPPORTED,
                   "%s: not supported by %s at %s, which has no %s; "
                   "qemu:///system has them",
                   what, hyper->ops->name, hyper->uri, name);
}

void
hyper_volume_clear(struct hyper_volume *volume)
{
    free(volume->path);
    free(volume->format);
    free(volume->backing);
    *volume = (struct hyper_volume){.path = NULL};
}

void
hyper_link(struct hyper *hyper, struct hyper_link *out)
{
    hyper->ops->link(hyper->backend, out);
}

bool
hyper_connected(struct hyper *hyper)
{
    struct hyper_link link;

    hyper_link(hyper, &link);
    return link.connected;
}

int
hyper_ready(struct hyper *hyper, struct err *err)
{
    return hyper->ops->ready(hyper->backend, err);
}

void
hyper_thread_asks(struct hyper *hyper)
{
    if (hyper->ops->thread_asks)
        hyper->ops->thread_asks(hyper->backend);
}

void
hyper_thread_end(struct hyper *hyper)
{
    hyper->ops->thread_end(hyper->backend);
}

void *
hyper_backend(struct hyper *hyper)
{
    return hyper->backend;
}

char *
hyper_pidfile(struct hyper *hyper, const char *name)
{
    return hyper->ops->pidfile ? hyper->ops->pidfile(hyper->backend, name)
                               : NULL;
}

/* One call on its way: what is asked of whom, since when. */
struct call {
    const struct hyper *hyper;
    const char *verb;
    const char *vm; /* what it is about, "" when not one VM */
    int64_t begin_us;
};

static struct call
call_begin(const struct hyper *hyper, const char *verb, const char *vm)
{
    struct call call = {hyper, verb, vm ? vm : "", clock_mono_us()};

    log_debug("%s: %s %s", hyper->name, verb, call.vm);
    return call;
}

static void
call_end(const struct call *call, bool failed, const struct err *err)
{
    int64_t us = clock_mono_us() - call->begin_us;

    log_debug("%s: %s %s took %lld us%s%s", call->hyper->name, call->verb,
              call->vm, (long long)us, failed ? " and failed: " : "",
              failed && err ? err->message : "");
    if (us / 1000 > SLOW_MS)
        log_warning("%s: %s %s took %lld ms; the hypervisor is slow or its "
                    "QEMU does not answer",
                    call->hyper->name, call->verb, call->vm,
                    (long long)(us / 1000));
}

static void
missing(const struct hyper *hyper, const char *verb, struct err *err)
{
    err_set(err, ERR_UNSUPPORTED, "'%s' is not supported by %s", verb,
            hyper->ops->name);
}

/* TYPE function PARAMS asks ops->verb about vm; bad is what it returns when
 * it failed. The parameters hyper and err are those of PARAMS. */
#define WRAPPER(type, bad, function, verb, vm, params, ...)                    \
    type function params                                                       \
    {                                                                          \
        struct call call = call_begin(hyper, #verb, vm);                       \
        type result = bad;                                                     \
                                                                               \
        if (hyper->ops->verb)                                                  \
            result = hyper->ops->verb(hyper->backend, __VA_ARGS__);            \
        else                                                                   \
            missing(hyper, #verb, err);                                        \
        call_end(&call, result == (bad), err);                                 \
        return result;                                                         \
    }

/* What takes a VM's UUID and, at most, one more value. */
#define VM_WRAPPER(verb)                                                       \
    WRAPPER(int, -1, hyper_##verb, verb, uuid,                                 \
            (struct hyper * hyper, const char *uuid, struct err *err), uuid,   \
            err)
#define VM_WRAPPER_1(verb, type)                                               \
    WRAPPER(int, -1, hyper_##verb, verb, uuid,                                 \
            (struct hyper * hyper, const char *uuid, type value,               \
             struct err *err),                                                 \
            uuid, value, err)

/* clang-format off */
WRAPPER(json_t *, NULL, hyper_info, info, NULL,
        (struct hyper *hyper, struct err *err), err)
WRAPPER(char *, NULL, hyper_capabilities, capabilities, NULL,
        (struct hyper *hyper, struct err *err), err)
WRAPPER(char *, NULL, hyper_domain_capabilities, domain_capabilities, NULL,
        (struct hyper *hyper, const char *type, struct err *err), type, err)
WRAPPER(json_t *, NULL, hyper_devices, devices, NULL,
        (struct hyper *hyper, struct err *err), err)
WRAPPER(int, -1, hyper_list, list, NULL,
        (struct hyper *hyper, struct hyper_domain **out, size_t *n,
         struct err *err), out, n, err)
WRAPPER(int, -1, hyper_find, find, ref,
        (struct hyper *hyper, const char *ref, struct hyper_domain *out,
         struct err *err), ref, out, err)
WRAPPER(char *, NULL, hyper_domain_xml, xml, uuid,
        (struct hyper *hyper, const char *uuid, enum hyper_xml which,
         struct err *err), uuid, which, err)
WRAPPER(enum hyper_at, HYPER_AT_FAILED, hyper_at, at, uuid,
        (struct hyper *hyper, const char *uuid, struct err *err), uuid, err)
WRAPPER(int, -1, hyper_define, define, NULL,
        (struct hyper *hyper, const char *xml, struct err *err), xml, err)
VM_WRAPPER(undefine)
VM_WRAPPER_1(start, bool)
VM_WRAPPER(shutdown)
VM_WRAPPER(destroy)
VM_WRAPPER_1(reboot, bool)
VM_WRAPPER(suspend)
VM_WRAPPER(resume)
VM_WRAPPER_1(autostart, bool)
VM_WRAPPER_1(attach, const char *)
VM_WRAPPER_1(detach, const char *)
WRAPPER(int, -1, hyper_update, update, uuid,
        (struct hyper *hyper, const char *uuid, const char *xml, bool force,
         struct err *err), uuid, xml, force, err)
WRAPPER(int, -1, hyper_resize, resize, uuid,
        (struct hyper *hyper, const char *uuid, const char *target,
         uint64_t bytes, struct err *err), uuid, target, bytes, err)
WRAPPER(int, -1, hyper_iotune, iotune, uuid,
        (struct hyper *hyper, const char *uuid, const char *target,
         const struct hyper_tune *tune, size_t n, struct err *err),
        uuid, target, tune, n, err)
WRAPPER(int, -1, hyper_forget_device, forget_device, uuid,
        (struct hyper *hyper, const char *uuid, const char *alias,
         const char *path, int64_t wait_ms, struct err *err),
        uuid, alias, path, wait_ms, err)
VM_WRAPPER_1(memory, uint64_t)
VM_WRAPPER_1(vcpus, unsigned)
WRAPPER(int, -1, hyper_create, create, NULL,
        (struct hyper *hyper, const char *xml, bool paused, struct err *err),
        xml, paused, err)
VM_WRAPPER_1(metadata, const struct hyper_metadata *)
VM_WRAPPER_1(live_vcpus, unsigned)
VM_WRAPPER(freeze)
VM_WRAPPER(thaw)
WRAPPER(int, -1, hyper_iothread, iothread, uuid,
        (struct hyper *hyper, const char *uuid, unsigned id, bool add,
         struct err *err), uuid, id, add, err)
WRAPPER(int, -1, hyper_accepts, accepts, NULL,
        (struct hyper *hyper, const char *xml, struct err *err), xml, err)
WRAPPER(char *, NULL, hyper_secret, secret, NULL,
        (struct hyper *hyper, const char *kind, const char *ref,
         struct err *err), kind, ref, err)
WRAPPER(int, -1, hyper_volume, volume, NULL,
        (struct hyper *hyper, const char *pool, const char *name,
         struct hyper_volume *out, struct err *err), pool, name, out, err)
WRAPPER(int, -1, hyper_volume_create, volume_create, NULL,
        (struct hyper *hyper, const char *pool, const char *name,
         const char *format, uint64_t bytes, struct err *err),
        pool, name, format, bytes, err)
WRAPPER(int, -1, hyper_volume_resize, volume_resize, NULL,
        (struct hyper *hyper, const char *pool, const char *name,
         uint64_t bytes, struct err *err), pool, name, bytes, err)
WRAPPER(int, -1, hyper_volume_delete, volume_delete, NULL,
        (struct hyper *hyper, const char *pool, const char *name,
         struct err *err), pool, name, err)
WRAPPER(json_t *, NULL, hyper_stats, stats,
        whose->n == 1 ? whose->uuids[0] : NULL,
        (struct hyper *hyper, const struct hyper_whose *whose,
         struct err *err), whose, err)
