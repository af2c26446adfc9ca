// SPDX-License-Identifier: Apache-2.0
/*
 * A backend's face. hyper/hyper.c is the only caller: it checks, traces and
 * times each call. Domains are named by UUID text; no handle of the
 * backend's leaves the call that looked it up. All functions block: worker
 * threads (and watch's) only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/common/err.h"
#include "agent/common/json.h"
#include "agent/common/uuid.h"

enum hyper_cap { /* what a backend can do */
    HYPER_HOTPLUG = 1 << 0,
    HYPER_POOLS = 1 << 1,
    HYPER_SECRETS = 1 << 2,
    HYPER_QEMU_PID = 1 << 3, /* QEMU runs on this host */
    HYPER_QEMU_MONITOR = 1 << 4, /* and its monitor can be asked */
};

enum hyper_state {
    HYPER_UNKNOWN,
    HYPER_RUNNING,
    HYPER_BLOCKED,
    HYPER_PAUSED,
    HYPER_SHUTTING_DOWN,
    HYPER_SHUT_OFF,
    HYPER_CRASHED,
    HYPER_PM_SUSPENDED,
    HYPER_STATES
};
const char *hyper_state_name(enum hyper_state state); /* "shut_off" … */
bool hyper_state_active(enum hyper_state state);      /* has a process */

struct hyper_domain {
    char uuid[UUID_TEXT];
    char name[256];
    enum hyper_state state;
    char reason[32]; /* "user", "ioerror", "migration" … or "" */
    bool persistent;
    bool autostart;
};

enum hyper_xml { HYPER_XML_LIVE, HYPER_XML_CONFIG /* INACTIVE | SECURE */ };

struct hyper_tune { /* one limit of hyper_set_iotune */
    const char *name; /* "total_bytes_sec" … libvirt's names */
    uint64_t value;
};

struct hyper_metadata {
    const char *uri, *prefix, *text;
};

/* Whose statistics are wanted: those of n domains, of all (uuids NULL), or of
 * all that run. Inactive ones may cost a look at each of their images. */
struct hyper_whose {
    const char *const *uuids;
    size_t n;
    bool running;
};

enum hyper_event_type {
    HYPER_EVENT_LIFECYCLE, /* defined, undefined, started, stopped … */
    HYPER_EVENT_DEVICE_ADDED,
    HYPER_EVENT_DEVICE_REMOVED,
    HYPER_EVENT_REMOVAL_FAILED,
    HYPER_EVENT_IO_ERROR, /* device = alias, detail = reason ("enospc") */
    HYPER_EVENT_REBOOT,
    HYPER_EVENT_TRAY,     /* device = alias, detail = "open" or "close" */
    HYPER_EVENT_LOST,     /* the connection is gone */
    HYPER_EVENT_BACK,     /* it is there again: events may have been lost */
};

struct hyper_event { /* valid during the callback */
    enum hyper_event_type type;
    const char *uuid; /* "" for LOST and BACK */
    const char *name;
    const char *device; /* alias, or "" */
    const char *detail; /* "started", "paused", "enospc" … or "" */
    const char *reason; /* LIFECYCLE: "user", "ioerror", "crashed" … or "" */
    enum hyper_state state; /* after a LIFECYCLE event; HYPER_UNKNOWN: it did
                               not change (defined, undefined) */
};

/* Called in the backend's event thread: must not block; posts to lanes. */
typedef void (*hyper_event_fn)(void *ctx, const struct hyper_event *event);

/* The connection to who serves the backend, as seen now. */
struct hyper_link {
    bool connected;
    int64_t since_ms;    /* wall time since when it is so */
    int64_t next_try_ms; /* until the next try; 0: under way, or connected */
    char error[512];     /* what the last try said, "" where none failed */
};

/* A volume of a storage pool. */
struct hyper_volume {
    char *path;      /* owned: of the file or device behind it, NULL: none */
    char *format;    /* owned: "raw", "qcow2" … */
    char *backing;   /* owned: what it names below it, or NULL */
    bool block;      /* a device */
    uint64_t bytes;  /* what a guest sees */
};

/* What the hypervisor is at with a domain. Only at rest is its XML certain
 * to say what QEMU has: libvirt shows a domain before it has asked its QEMU
 * again. */
enum hyper_at {
    HYPER_AT_FAILED = -1, /* cannot be told: err is set */
    HYPER_AT_REST,        /* or it does not run */
    HYPER_AT_JOB,         /* a long one: a backup, a migration */
    HYPER_AT_QEMU,        /* asks QEMU and waits for its answer */
};

struct hyper_ops {
    const char *name; /* "kvm", "fake" */
    unsigned caps;    /* enum hyper_cap */
    bool parallel;    /* calls for different domains may run at once */

    /* uri is checked by the backend; backend is its own state. Where nothing
     * answers that may answer later, it is open and not connected; then BACK
     * tells the first connection. */
    int (*open)(void **backend, const char *uri, hyper_event_fn fn, void *ctx,
                struct err *err);
    void (*close)(void *backend);
    void (*thread_asks)(void *backend); /* this thread's questions go over a
                                           connection of its own from now on */
    void (*thread_end)(void *backend); /* drop this thread's connection */
    void (*link)(void *backend, struct hyper_link *out); /* memory only */
    /* 0 while connected; else UNREACHABLE with retry_after_ms, and the next
     * try comes soon. Memory only. */
    int (*ready)(void *backend, struct err *err);

    /* {uri, hypervisor: {type, version}, libvirt: {version}, host: {…}} */
    json_t *(*info)(void *backend, struct err *err);
    /* libvirt's XML of what the host is (<capabilities>), and of what a domain
     * of a type, "kvm" or "qemu", may have (<domainCapabilities>); owned. */
    char *(*capabilities)(void *backend, struct err *err);
    char *(*domain_capabilities)(void *backend, const char *type,
                                 struct err *err);
    json_t *(*devices)(void *backend, struct err *err); /* array of XML texts
                          of the host's devices (<device>) */
    int (*list)(void *backend, struct hyper_domain **out, size_t *n,
                struct err *err);
    /* ref: UUID or exact name. NOT_FOUND. */
    int (*find)(void *backend, const char *ref, struct hyper_domain *out,
                struct err *err);
    char *(*xml)(void *backend, const char *uuid, enum hyper_xml which,
                 struct err *err);
    enum hyper_at (*at)(void *backend, const char *uuid, struct err *err);

    int (*define)(void *backend, const char *xml, struct err *err);
    int (*undefine)(void *backend, const char *uuid, struct err *err);
    int (*start)(void *backend, const char *uuid, bool paused,
                 struct err *err);
    int (*shutdown)(void *backend, const char *uuid, struct err *err);
    int (*destroy)(void *backend, const char *uuid, struct err *err);
    int (*reboot)(void *backend, const char *uuid, bool reset,
                  struct err *err);
    int (*suspend)(void *backend, const char *uuid, struct err *err);
    int (*resume)(void *backend, const char *uuid, struct err *err);
    int (*autostart)(void *backend, const char *uuid, bool on,
                     struct err *err);

    /* Live only: the definition is written by define (DESIGN.md section 3). */
    int (*attach)(void *backend, const char *uuid, const char *xml,
                  struct err *err);
    /* Asks for the unplug; BUSY when it is already in progress. */
    int (*detach)(void *backend, const char *uuid, const char *alias,
                  struct err *err);
    int (*update)(void *backend, const char *uuid, const char *xml, bool force,
                  struct err *err);
    int (*resize)(void *backend, const char *uuid, const char *target,
                  uint64_t bytes, struct err *err);
    int (*iotune)(void *backend, const char *uuid, const char *target,
                  const struct hyper_tune *tune, size_t n, struct err *err);
    /* Take out of QEMU the device (or I/O thread) of that alias, and block
     * nodes on path (either may be NULL), that libvirt does not list. Done when there is
     * nothing; BUSY when the guest has not let the device go within wait_ms. */
    int (*forget_device)(void *backend, const char *uuid, const char *alias,
                         const char *path, int64_t wait_ms, struct err *err);
    /* bytes; the definition's, and the balloon's where it runs and can. */
    int (*memory)(void *backend, const char *uuid, uint64_t bytes,
                  struct err *err);
    int (*vcpus)(void *backend, const char *uuid, unsigned count,
                 struct err *err);
    /* Add or remove the I/O thread of that number; live only. */
    int (*iothread)(void *backend, const char *uuid, unsigned id, bool add,
                    struct err *err);

    /* A transient domain: it runs, and is gone when it stops. */
    int (*create)(void *backend, const char *xml, bool paused,
                  struct err *err);
    /* Live: the element of that namespace below <metadata>; text has no
     * namespaces, NULL takes it out. */
    int (*metadata)(void *backend, const char *uuid,
                    const struct hyper_metadata *metadata, struct err *err);
    /* Live: vCPUs in use, of those the domain may have. */
    int (*live_vcpus)(void *backend, const char *uuid, unsigned count,
                      struct err *err);
    /* The guest's file systems; by its agent. */
    int (*freeze)(void *backend, const char *uuid, struct err *err);
    int (*thaw)(void *backend, const char *uuid, struct err *err);

    /* Whether a domain's XML would be taken as a definition: 1; 0 with the
     * reason in err; -1 when that could not be asked. Changes nothing. */
    int (*accepts)(void *backend, const char *xml, struct err *err);
    /* The value of a secret by UUID or usage (HYPER_SECRETS), NUL-terminated;
     * kind is "iscsi" or "ceph". Returns owned. */
    char *(*secret)(void *backend, const char *kind, const char *ref,
                    struct err *err);
    /* A volume of a running pool (HYPER_POOLS). NOT_FOUND: no such one. */
    int (*volume)(void *backend, const char *pool, const char *name,
                  struct hyper_volume *out, struct err *err);
    int (*volume_create)(void *backend, const char *pool, const char *name,
                         const char *format, uint64_t bytes, struct err *err);
    int (*volume_resize)(void *backend, const char *pool, const char *name,
                         uint64_t bytes, struct err *err);
    int (*volume_delete)(void *backend, const char *pool, const char *name,
                         struct err *err);

    /* Array of {vm, state, cpu: {}, balloon: {}, vcpu: [], net: [], block:
     * []}. Of several, those that are gone are left out. */
    json_t *(*stats)(void *backend, const struct hyper_whose *whose,
                     struct err *err);
    /* Path of QEMU's pidfile (HYPER_QEMU_PID); returns owned. */
    char *(*pidfile)(void *backend, const char *name);
};
