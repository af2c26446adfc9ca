// SPDX-License-Identifier: Apache-2.0
/*
 * What is to be done, as data: steps that can be printed, journaled, run,
 * verified and undone. Planners (disk_plan, vm_plan) are pure: from what is
 * known and what is wished to steps; plan/apply.c runs them. One owner.
 */
#pragma once

#include "agent/host/image.h"
#include "agent/plan/request.h"
#include "agent/spec/vm.h"
#include "agent/state/vm_table.h"

enum step_kind {
    STEP_CREATE_IMAGE,
    STEP_RESIZE_IMAGE,
    STEP_DELETE_IMAGE,
    STEP_ADD_IOTHREAD, /* of a controller that follows */
    STEP_ATTACH_CONTROLLER,
    STEP_ATTACH_DISK,
    STEP_DETACH_DISK,
    STEP_UPDATE_DISK, /* medium of a cdrom */
    STEP_TUNE_DISK,
    STEP_RESIZE_DISK, /* tell QEMU */
    STEP_DEFINE,      /* edits of the definition */
    STEP_DEFINE_NEW,
    STEP_UNDEFINE,
    STEP_MEMORY,
    STEP_VCPUS,
    STEP_AUTOSTART,
    STEP_START,
    STEP_SHUTDOWN,
    STEP_DESTROY,
    STEP_REBOOT,
    STEP_SUSPEND,
    STEP_RESUME,
    STEP_START_TRANSIENT,
    STEP_ATTACH_NIC,
    STEP_DETACH_NIC,
    STEP_UPDATE_NIC,
    STEP_ATTACH_MEMORY,
    STEP_DETACH_MEMORY,
    STEP_SET_METADATA, /* an engine's, live */
    STEP_LIVE_VCPUS,
    STEP_SET_TICKET, /* of graphics */
    STEP_MIRROR, /* of rows, into the running domain's metadata */
    STEP_FREEZE,
    STEP_THAW,
    STEP_KINDS
};
const char *plan_step_name(enum step_kind kind); /* "attach_disk" */

/* A change of our record that becomes true with a step. */
enum record_kind {
    RECORD_DEVICE,
    RECORD_DEVICE_GONE,
    RECORD_VM,
    RECORD_VM_GONE,
};
struct record {
    enum record_kind kind;
    struct device *device; /* owned */
    struct vm_record vm;
};

/* How far the rollback of a step has come. */
enum step_undo {
    UNDO_NONE,
    UNDO_DONE,
    UNDO_KEPT,    /* it stays in the VM, which may have it */
    UNDO_PENDING, /* asked for; the guest has not answered */
    UNDO_REFUSED, /* the guest keeps it */
    UNDO_FAILED,
    UNDO_STATES
};

struct step {
    enum step_kind kind;
    enum step_undo undo;
    bool told;   /* its end was recorded and announced */
    bool waited; /* its rollback is pending, and all else was recorded */
    bool doubtful; /* cut off: QEMU may have what libvirt does not list */
    struct disk *disk;            /* owned; what the step makes true */
    struct disk *before;          /* owned; what undo restores */
    struct controller controller; /* ATTACH_CONTROLLER */
    struct edit *edits;           /* owned; DEFINE */
    size_t nedits;
    char *text;      /* owned: XML of DEFINE_NEW, START_TRANSIENT, of a device
                        that is no disk, of metadata; path of an image;
                        ATTACH_DISK, START: what hook scripts made of it */
    char *text_was;  /* owned: what undo restores */
    char *secret;    /* owned: SET_TICKET; neither journaled nor printed */
    char *alias;     /* owned: of a device that is no disk */
    char *format;    /* owned: of an image */
    uint64_t number; /* size, memory, vCPUs, I/O thread */
    uint64_t was;    /* what undo restores */
    bool flag;       /* START, START_TRANSIENT: paused; REBOOT: reset;
                        UPDATE: force; SET_METADATA: taken out;
                        ATTACH_DISK: verified with the next one */
    bool lenient;    /* a failure becomes a warning */
    bool scripted;   /* text is what hook scripts made of it */
    struct record *records; /* owned; committed with the outcome */
    size_t nrecords;
    const char *event; /* static: type of the event, NULL: none */
};

struct plan {
    struct step *steps;
    size_t nsteps;
    struct record *reserve; /* committed with the intent of the operation */
    size_t nreserve;
    struct record *release; /* committed instead when it is rolled back */
    size_t nrelease;
    json_t *warnings; /* array of texts */
    json_t *grants;   /* array, by plan_grant */
    json_t *result;   /* further members of the receipt: device, address … */
};

void plan_init(struct plan *plan);
void plan_clear(struct plan *plan);

void plan_step_clear(struct step *step);

/* The new last step; borrowed until the next plan_add. */
struct step *plan_add(struct plan *plan, enum step_kind kind);

/* Records: of a step, and of the plan as a whole. Values are copied. */
void plan_step_device(struct step *step, const struct disk *disk);
void plan_step_controller(struct step *step,
                          const struct controller *controller);
void plan_step_device_gone(struct step *step, const struct disk *disk);
void plan_step_controller_gone(struct step *step,
                               const struct controller *controller);
void plan_step_vm(struct step *step, enum record_kind kind,
                  const struct vm_record *vm);
void plan_reserve_disk(struct plan *plan, const struct disk *disk,
                       const struct disk *before /* NULL: new */);

/*
 * A privilege (plan/grant.h) that the plan gives or takes back: an entry of
 * grants {action: "grant" | "release", what, disk_id, lun, before, after}. before or
 * after may be NULL: the disk comes or goes.
 */
void plan_grant(struct plan *plan, const char *action,
                const struct disk *before, const struct disk *after);

/* The same of a VM itself: what its definition has (domain.privilege). */
void plan_grant_vm(struct plan *plan, const char *before, const char *after);

/* The same of what a whole domain asks for, in words. */
void plan_grant_domain(struct plan *plan, const char *what);

/* How far it is, as a step's outcome in the journal. */
const char *plan_undo_outcome(const struct step *step);
void plan_undo_read(struct step *step, const char *outcome);

/* The device that a step brings into the running domain, or NULL. */
const char *plan_attached(const struct step *step);

/* Whether a device that is still in the VM needs what step i made. */
bool plan_is_needed(const struct plan *plan, size_t i);

/* Whether steps stand so among the first n. */
bool plan_has_undo(const struct plan *plan, size_t n, enum step_undo undo);

/* A new edit of a DEFINE step; disk and controller are copied. */
void plan_edit_disk(struct step *step, enum edit_kind kind,
                    const struct disk *disk);
void plan_edit_controller(struct step *step, enum edit_kind kind,
                          const struct controller *controller);
void plan_edit_device(struct step *step, enum edit_kind kind,
                      const char *xml);

void plan_warn(struct plan *plan, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* {steps: [{step, disk, alias, address, xml …}], warnings, …}: what a dry run
 * answers and what the journal keeps. Returns owned. */
json_t *plan_to_json(const struct plan *plan);
json_t *plan_step_to_json(const struct step *step);

/* Everything a planner may look at; borrowed. */
struct known {
    const struct request *request; /* NULL: of none */
    int64_t now_ms;                /* wall time */
    const struct vm_info *vm; /* NULL: there is none yet */
    struct device *const *devices;
    size_t ndevices;
    struct vm_defaults defaults;
};

/* The row of a disk id, or NULL. */
const struct disk *known_disk(const struct known *known, const char *id);

/* Every address that is taken: live, persistent, rows (except that of the
 * disk id, which may be NULL). Returns owned. */
struct address_pool *known_addresses(const struct known *known,
                                     const char *except_id);

typedef int (*plan_fn)(const struct known *known, const void *wish,
                       struct plan *plan, struct err *err);

static inline void
plan_cleanup_(struct plan *plan)
{
    plan_clear(plan);
}
#define CLEANUP_PLAN CLEANUP(plan_cleanup_)
