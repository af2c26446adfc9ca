// SPDX-License-Identifier: Apache-2.0
/*
 * The calls of the fake backend, with libvirt's rules: a definition and,
 * while it runs, a live tree that began as its copy. Each is one frame
 * (fake_vm_enter) around an edit; none blocks.
 */
#include "agent/hyper/fake.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/hyper/fake_live.h"
#include "agent/hyper/fake_host.h"
#include "agent/hyper/fake_tree.h"
#include "agent/hyper/fake_vm.h"

#define URI "fake:"
#define URI_SCRIPT "fake:?script="
#define MAX_SCRIPT 65536

void
fake_connect(void *backend, bool connected)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    fake_vm_connect(fake, connected);
}

void
fake_freeze(void *backend, const char *uuid, bool frozen)
{
    struct fake *fake = backend;
    struct fake_vm *vm;

    LOCK_SCOPE(&fake->lock);
    vm = fake_vm_find(fake, uuid, NULL);
    if (vm)
        fake_vm_freeze(vm, frozen);
}

void
fake_unfiltered(void *backend, bool accepted)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    fake->unfiltered = accepted;
}

void
fake_take(void *backend, const char *uuid, const char *alias)
{
    struct fake *fake = backend;
    struct fake_vm *vm;
    xmlNodePtr device;

    LOCK_SCOPE(&fake->lock);
    vm = fake_vm_find(fake, uuid, NULL);
    device = vm && vm->live ? fake_tree_by_alias(vm->live, alias, NULL) : NULL;
    if (device)
        xml_remove(device);
}

void
fake_release(void *backend, const char *uuid, const char *alias)
{
    struct fake *fake = backend;
    struct fake_vm *vm;

    LOCK_SCOPE(&fake->lock);
    vm = fake_vm_find(fake, uuid, NULL);
    if (vm)
        fake_vm_tell(fake, vm, HYPER_EVENT_DEVICE_REMOVED, alias, "");
}

void
fake_go(void *backend)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    fake->turns++;
    pthread_cond_broadcast(&fake->go);
}

size_t
fake_held(void *backend)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    return fake->held;
}

/* --- the whole backend ---------------------------------------------------- */

static void
fake_close(void *backend)
{
    struct fake *fake = backend;

    fake_post_free(fake->post);
    while (fake->n)
        fake_vm_drop(fake, fake->vms[fake->n - 1]);
    free(fake->vms);
    fake_rules_free(fake->rules);
    pthread_cond_destroy(&fake->go);
    lock_destroy(&fake->lock);
    free(fake->uri);
    free(fake);
}

int
fake_script(void *backend, const char *script, struct err *err)
{
    struct fake *fake = backend;
    struct fake_rules *rules = NULL;

    if (script && !(rules = fake_rules_parse(script, err)))
        return -1;
    LOCK_SCOPE(&fake->lock);
    fake_rules_free(fake->rules);
    fake->rules = rules;
    return 0;
}

static int
load_script(struct fake *fake, struct err *err)
{
    CLEANUP_FREE char *script = NULL;

    if (strcmp(fake->uri, URI) == 0)
        return 0;
    if (strncmp(fake->uri, URI_SCRIPT, strlen(URI_SCRIPT)) != 0)
        return err_param(err, ERR_INVALID, "uri", fake->uri,
                         "fake: or fake:?script=FILE");
    script = file_read(fake->uri + strlen(URI_SCRIPT), MAX_SCRIPT, NULL, err);
    return script ? fake_script(fake, script, err) : -1;
}

static int
fake_open(void **backend, const char *uri, hyper_event_fn fn, void *ctx,
          struct err *err)
{
    struct fake *fake = mem_zalloc(1, sizeof(*fake));

    fake->uri = mem_dup(uri);
    fake->fn = fn;
    fake->ctx = ctx;
    fake->since_ms = clock_wall_ms();
    lock_init(&fake->lock, LOCK_HYPER);
    lock_cond_init(&fake->go);
    fake->post = fake_post_new(fake_vm_carry, fake, err);
    if (!fake->post) {
        pthread_cond_destroy(&fake->go);
        lock_destroy(&fake->lock);
        free(fake->uri);
        free(fake);
        return -1;
    }
    if (load_script(fake, err) < 0) {
        fake_close(fake);
        return -1;
    }
    *backend = fake;
    return 0;
}

static void
fake_thread_end(void *backend)
{
    (void)backend; /* no thread owns anything */
}

static void
fake_link(void *backend, struct hyper_link *out)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    *out = (struct hyper_link){.connected = !fake->lost,
                               .since_ms = fake->since_ms};
    if (fake->lost)
        snprintf(out->error, sizeof(out->error), "the fake is lost");
}

static int
fake_ready(void *backend, struct err *err)
{
    struct fake *fake = backend;

    LOCK_SCOPE(&fake->lock);
    return fake->lost ? fake_vm_unreachable(err) : 0;
}

static json_t *
fake_info(void *backend, struct err *err)
{
    struct fake *fake = backend;
    json_t *info = json_pack("{s:s, s:{s:s, s:s}, s:{s:s}, s:{}}", "uri",
                             fake->uri, "hypervisor", "type", "fake",
                             "version", "0", "libvirt", "version", "0",
                             "host");

    if (!info)
        err_set(err, ERR_INTERNAL, "The URI '%s' is not UTF-8", fake->uri);
    return info;
}

/* --- questions ------------------------------------------------------------ */

static int
fake_list(void *backend, struct hyper_domain **out, size_t *n, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "list", NULL, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    *out = mem_zalloc(call.fake->n, sizeof(**out));
    for (size_t i = 0; i < call.fake->n; i++)
        (*out)[i] = call.fake->vms[i]->facts;
    *n = call.fake->n;
    return 0;
}

static int
fake_find(void *backend, const char *ref, struct hyper_domain *out,
          struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "find", ref, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    *out = call.vm->facts;
    return 0;
}

/* As libvirt: the live XML of what does not run is its definition, and the
 * definition of what is not defined is what runs. */
static char *
fake_xml(void *backend, const char *uuid, enum hyper_xml which,
         struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "xml", uuid, FAKE_ANY, err);
    xmlDocPtr doc;

    if (!call.ok)
        return NULL;
    doc = which == HYPER_XML_CONFIG ? call.vm->config
          : call.vm->frozen         ? call.vm->frozen
                                    : call.vm->live;
    if (!doc)
        doc = call.vm->live ? call.vm->live : call.vm->config;
    return xml_text(xml_root(doc));
}

static enum hyper_at
fake_at(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "at", uuid, FAKE_ANY, err);

    if (!call.ok)
        return HYPER_AT_FAILED;
    return call.vm->frozen ? HYPER_AT_QEMU : HYPER_AT_REST;
}

/* --- definitions ---------------------------------------------------------- */

/* libvirt's rule: a name belongs to one UUID, and a UUID keeps its name. */
static int
check_identity(struct fake *fake, const char *uuid, const char *name,
               struct err *err)
{
    struct fake_vm *same = fake_vm_find(fake, uuid, NULL);
    struct fake_vm *other = fake_vm_find(fake, name, NULL);
    struct fake_vm *clash = other ? other : same;

    if (same == other)
        return 0;
    return err_set(err, ERR_EXISTS,
                   "The VM '%s' already exists with uuid %s",
                   clash->facts.name, clash->facts.uuid);
}

static int
fake_define(void *backend, const char *xml, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "define", NULL, FAKE_ANY, err);
    CLEANUP_XML xmlDocPtr doc = NULL;
    char uuid[UUID_TEXT], name[256];
    struct fake_vm *vm;

    if (!call.ok || !(doc = fake_tree_define(xml, uuid, name, err)) ||
        check_identity(call.fake, uuid, name, err) < 0)
        return -1;
    vm = fake_vm_find(call.fake, uuid, NULL);
    if (!vm)
        vm = fake_vm_add(call.fake, uuid, name);
    xmlFreeDoc(vm->config);
    vm->config = STEAL(doc);
    vm->facts.persistent = true;
    fake_vm_tell(call.fake, vm, HYPER_EVENT_LIFECYCLE, "", "defined");
    return fake_vm_done(&call, err);
}

static int
fake_undefine(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "undefine", uuid, FAKE_ANY, err);
    struct fake_vm *vm = call.vm;

    if (!call.ok)
        return -1;
    if (!vm->config)
        return err_set(err, ERR_BAD_STATE, "The VM '%s' has no definition",
                       vm->facts.name);
    fake_vm_tell(call.fake, vm, HYPER_EVENT_LIFECYCLE, "", "undefined");
    xmlFreeDoc(vm->config);
    vm->config = NULL;
    vm->facts.persistent = false;
    vm->facts.autostart = false;
    if (!vm->live)
        fake_vm_drop(call.fake, vm);
    return fake_vm_done(&call, err);
}

/* --- life cycle ----------------------------------------------------------- */

static int
fake_start(void *backend, const char *uuid, bool paused, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "start", uuid, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    if (call.vm->live)
        return err_set(err, ERR_BAD_STATE, "The VM '%s' is already running",
                       call.vm->facts.name);
    call.vm->live = fake_tree_start(call.vm->config, ++call.fake->last_id);
    fake_vm_set_state(call.fake, call.vm, HYPER_RUNNING, "booted", "started");
    if (paused)
        fake_vm_set_state(call.fake, call.vm, HYPER_PAUSED, "user", "paused");
    return fake_vm_done(&call, err);
}

static int
stop(void *backend, const char *name, const char *uuid, const char *reason,
     struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, name, uuid, FAKE_RUNNING, err);
    struct fake_vm *vm = call.vm;

    if (!call.ok)
        return -1;
    fake_vm_set_state(call.fake, vm, HYPER_SHUT_OFF, reason, "stopped");
    xmlFreeDoc(vm->live);
    vm->live = NULL;
    while (vm->nleaving)
        free(vm->leaving[--vm->nleaving]);
    if (!vm->config)
        fake_vm_drop(call.fake, vm);
    return fake_vm_done(&call, err);
}

static int
fake_shutdown(void *backend, const char *uuid, struct err *err)
{
    return stop(backend, "shutdown", uuid, "shutdown", err);
}

static int
fake_destroy(void *backend, const char *uuid, struct err *err)
{
    return stop(backend, "destroy", uuid, "destroyed", err);
}

static int
fake_suspend(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "suspend", uuid, FAKE_RUNNING, err);

    if (!call.ok)
        return -1;
    fake_vm_set_state(call.fake, call.vm, HYPER_PAUSED, "user", "paused");
    return fake_vm_done(&call, err);
}

static int
fake_resume(void *backend, const char *uuid, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "resume", uuid, FAKE_RUNNING, err);

    if (!call.ok)
        return -1;
    fake_vm_set_state(call.fake, call.vm, HYPER_RUNNING, "unpaused", "resumed");
    return fake_vm_done(&call, err);
}

/* A reset lets every device go whose unplug the guest did not answer. */
static int
fake_reboot(void *backend, const char *uuid, bool reset, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "reboot", uuid, FAKE_RUNNING, err);

    if (!call.ok)
        return -1;
    fake_vm_tell(call.fake, call.vm, HYPER_EVENT_REBOOT, "", "");
    for (size_t i = 0; reset && i < call.vm->nleaving; i++)
        fake_vm_tell(call.fake, call.vm, HYPER_EVENT_DEVICE_REMOVED,
                     call.vm->leaving[i], "");
    return fake_vm_done(&call, err);
}

static int
fake_autostart(void *backend, const char *uuid, bool on, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "autostart", uuid, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    if (!call.fault.silent)
        call.vm->facts.autostart = on;
    return fake_vm_done(&call, err);
}

/* --- devices -------------------------------------------------------------- */

static int
fake_attach(void *backend, const char *uuid, const char *xml, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "attach", uuid, FAKE_RUNNING, err);
    char alias[128];

    if (!call.ok || fake_tree_attach(call.vm->live, xml,
                                     call.fault.wrong_address, alias, err) < 0)
        return -1;
    if (call.fault.stray_controller)
        fake_tree_stray_controller(call.vm->live);
    fake_vm_tell(call.fake, call.vm, HYPER_EVENT_DEVICE_ADDED, alias, "");
    return fake_vm_done(&call, err);
}

static int
fake_detach(void *backend, const char *uuid, const char *alias,
            struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "detach", uuid, FAKE_RUNNING, err);
    struct fake_vm *vm = call.vm;

    if (!call.ok || !fake_tree_by_alias(vm->live, alias, err))
        return -1;
    if (fake_vm_is_leaving(vm, alias))
        return err_set(err, ERR_BUSY,
                       "The device '%s' is already being unplugged", alias);
    if (call.fault.refused) {
        fake_vm_tell(call.fake, vm, HYPER_EVENT_REMOVAL_FAILED, alias, "");
        return fake_vm_done(&call, err);
    }
    vm->leaving = mem_more(vm->leaving, vm->nleaving, sizeof(char *));
    vm->leaving[vm->nleaving++] = mem_dup(alias);
    if (!call.fault.silent)
        fake_vm_tell(call.fake, vm, HYPER_EVENT_DEVICE_REMOVED, alias, "");
    return fake_vm_done(&call, err);
}

static int
fake_update(void *backend, const char *uuid, const char *xml, bool force,
            struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "update", uuid, FAKE_RUNNING, err);

    (void)force; /* no guest here locks a tray */
    if (!call.ok || fake_tree_update(call.vm->live, xml, err) < 0)
        return -1;
    return fake_vm_done(&call, err);
}

static int
fake_resize(void *backend, const char *uuid, const char *target,
            uint64_t bytes, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "resize", uuid, FAKE_RUNNING, err);

    (void)bytes; /* the tree holds no sizes */
    if (!call.ok || !fake_tree_by_target(call.vm->live, target, err))
        return -1;
    return fake_vm_done(&call, err);
}

static int
fake_iotune(void *backend, const char *uuid, const char *target,
            const struct hyper_tune *tune, size_t n, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "iotune", uuid, FAKE_RUNNING, err);
    xmlNodePtr disk;

    if (!call.ok || !(disk = fake_tree_by_target(call.vm->live, target, err)))
        return -1;
    fake_tree_iotune(disk, tune, n);
    return fake_vm_done(&call, err);
}

static int
fake_memory(void *backend, const char *uuid, uint64_t bytes, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "memory", uuid, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    if (call.vm->config)
        fake_tree_memory(call.vm->config, bytes);
    return fake_vm_done(&call, err);
}

static int
fake_vcpus(void *backend, const char *uuid, unsigned count, struct err *err)
{
    FAKE_CALL call = fake_vm_enter(backend, "vcpus", uuid, FAKE_ANY, err);

    if (!call.ok)
        return -1;
    if (call.vm->config)
        fake_tree_vcpus(call.vm->config, count);
    return fake_vm_done(&call, err);
}

const struct hyper_ops fake_ops = {
    .name = "fake",
    .caps = HYPER_HOTPLUG | HYPER_QEMU_MONITOR,
    .parallel = true,
    .open = fake_open,
    .close = fake_close,
    .thread_end = fake_thread_end,
    .link = fake_link,
    .ready = fake_ready,
    .info = fake_info,
    .list = fake_list,
    .find = fake_find,
    .xml = fake_xml,
    .at = fake_at,
    .define = fake_define,
    .undefine = fake_undefine,
    .start = fake_start,
    .shutdown = fake_shutdown,
    .destroy = fake_destroy,
    .reboot = fake_reboot,
    .suspend = fake_suspend,
    .resume = fake_resume,
    .autostart = fake_autostart,
    .attach = fake_attach,
    .detach = fake_detach,
    .update = fake_update,
    .resize = fake_resize,
    .iotune = fake_iotune,
    .forget_device = fake_live_forget,
    .memory = fake_memory,
    .vcpus = fake_vcpus,
    .create = fake_live_create,
    .metadata = fake_live_metadata,
    .live_vcpus = fake_live_vcpus,
    .freeze = fake_live_freeze,
    .thaw = fake_live_thaw,
    .iothread = fake_live_iothread,
    .capabilities = fake_host_capabilities,
    .domain_capabilities = fake_host_domain_capabilities,
    .devices = fake_host_devices,
    .stats = fake_host_stats,
    .accepts = fake_live_accepts,
};
