// SPDX-License-Identifier: Apache-2.0
/*
 * Steps on the running domain's disks and controllers. An attach is true when
 * the live XML holds exactly what was planned; a detach when the device's
 * event came or the XML lacks it, and QEMU has closed its source.
 */
#include "agent/plan/step.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/host/qemu.h"
#include "agent/plan/lun_facts.h"

#define CLOSE_WAIT_MS 2000 /* QEMU closes a source just after the event */

static int
stray(const char *what, struct err *err)
{
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "libvirt added a device that nobody planned: %s", what);
}

/* A view before the attach, to tell what came with it. */
static int
unplanned(const struct domain *before, const struct domain *seen,
          const char *alias, struct err *err)
{
    const char *allow[] = {alias, NULL};
    CLEANUP_TEXT char *what = domain_unplanned(before, seen, allow);

    return what ? stray(what, err) : 0;
}

/* --- controller --------------------------------------------------------- */

static int
controller_run(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_TEXT char *xml = controller_xml(&step->controller);

    step_expect(run, "device_added", step->controller.alias);
    return hyper_attach(run->env->hyper, run->vm, xml, err);
}

static int
controller_verify(struct step_run *run, struct step *step, struct err *err)
{
    const struct controller *want = &step->controller, *seen;
    CLEANUP_TEXT char *mismatch = NULL;
    CLEANUP_DOMAIN struct domain *before = domain_ref(run->info->live);

    if (step_read_live(run, err) < 0)
        return -1;
    seen = domain_controller(run->info->live, want->type, want->index);
    if (!seen || !address_equal(&seen->address, &want->address) ||
        strcmp(seen->model, want->model) != 0)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The %s controller %u is not in the running domain as "
                       "planned",
                       want->type, want->index);
    mismatch = controller_mismatch(want, seen);
    if (mismatch)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The %s controller %u was plugged otherwise than "
                       "planned: %s",
                       want->type, want->index, mismatch);
    return unplanned(before, run->info->live, want->alias, err);
}

/* A guest that stands still cannot let it go. Not even asked: once it runs
 * again it would take the controller away from under a disk that was plugged
 * meanwhile. Empty it may stay, as in any VM with virtio_scsi. */
static int
controller_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (step_guest_stands(run) && step->undo != UNDO_PENDING) {
        if (step_read_live(run, err) < 0)
            return -1;
        if (step_is_listed(run, step->controller.alias)) {
            run->end = STEP_END_KEPT;
            return 0;
        }
    }
    return step_take_out(run, step, true, err);
}

const struct step_ops step_disk_controller = {controller_run, controller_verify,
                                              controller_undo};

/* --- attach ------------------------------------------------------------- */

static int
attach_run(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_TEXT char *xml =
        step->text ? mem_dup(step->text) : disk_xml(step->disk);

    /* What the plan looked at may be another LUN, or mute, by now. */
    if (lun_facts_same(run->env, step->disk, run->vm, err) < 0)
        return -1;
    step_expect(run, "device_added", step->disk->alias);
    run->batch = mem_more(run->batch, run->nbatch, sizeof(*run->batch));
    run->batch[run->nbatch++] = step;
    return hyper_attach(run->env->hyper, run->vm, xml, err);
}

/* The disk as it went to libvirt: scripts may have changed it. */
static struct disk *
sent(const struct step *step)
{
    CLEANUP_XML xmlDocPtr doc =
        step->text ? xml_parse(step->text, strlen(step->text), NULL) : NULL;

    return doc ? disk_from_xml(xml_root(doc)) : disk_copy(step->disk);
}

static int
attached_as_planned(const struct step_run *run, const struct step *step,
                    struct err *err)
{
    const struct disk *seen =
        domain_disk_by_alias(run->info->live, step->disk->alias);
    CLEANUP_DISK struct disk *want = sent(step);
    CLEANUP_TEXT char *mismatch = NULL;

    if (!seen)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "libvirt said that disk %s is plugged, but the running "
                       "domain lacks it",
                       step->disk->alias);
    mismatch = disk_mismatch(want, seen);
    if (mismatch)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "Disk %s was plugged otherwise than planned: %s",
                       step->disk->alias, mismatch);
    return 0;
}

/* One look at the domain for all disks attached since the last one. */
static int
attach_verify(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_DOMAIN struct domain *before = domain_ref(run->info->live);
    CLEANUP_FREE const char **allow =
        mem_zalloc(run->nbatch + 1, sizeof(*allow));
    CLEANUP_TEXT char *what = NULL;
    size_t n = run->nbatch;

    if (step->flag)
        return 0;
    run->nbatch = 0;
    if (step_read_live(run, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        allow[i] = run->batch[i]->disk->alias;
        if (attached_as_planned(run, run->batch[i], err) < 0)
            return -1;
    }
    what = domain_unplanned(before, run->info->live, allow);
    return what ? stray(what, err) : 0;
}

static int
attach_undo(struct step_run *run, struct step *step, struct err *err)
{
    return step_take_out(run, step, step->disk->interface == DISK_VIRTIO, err);
}

const struct step_ops step_disk_attach = {attach_run, attach_verify,
                                          attach_undo};

/* --- detach ------------------------------------------------------------- */

/* libvirt finds a device by alias; that it is ours is our check. */
static int
detach_check(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk *seen;

    if (step_read_live(run, err) < 0)
        return -1;
    seen = domain_disk_by_alias(run->info->live, step->disk->alias);
    if (!seen) /* gone meanwhile: nothing to ask for */
        return 1;
    if (seen->path && step->disk->path &&
        strcmp(seen->path, step->disk->path) != 0)
        return err_set(err, ERR_BAD_STATE,
                       "Disk %s now has source \"%s\", not \"%s\": it was "
                       "changed outside; look at it with GetVmXml",
                       step->disk->alias, seen->path, step->disk->path);
    return 0;
}

/* Another disk of the VM on the same source: a descriptor says nothing. */
static bool
is_shared(const struct domain *live, const struct disk *disk)
{
    for (size_t i = 0; i < live->ndisks; i++)
        if (live->disks[i]->path && !strcmp(live->disks[i]->path, disk->path))
            return true;
    return false;
}

/* Whether QEMU still has the source open; -1 where that cannot be seen. */
static int
source_held(struct step_run *run, const struct disk *disk)
{
    struct err ignored = ERR_INIT;
    struct qemu_proc proc;
    struct stat st;
    bool block;
    int held;
    CLEANUP_TEXT char *pidfile = NULL;

    if (!disk->path || is_shared(run->info->live, disk) ||
        stat(disk->path, &st) < 0)
        return -1;
    pidfile = hyper_pidfile(run->env->hyper, run->info->record.name);
    if (!pidfile || qemu_find(pidfile, run->vm, &proc, &ignored) < 0)
        return -1;
    block = S_ISBLK(st.st_mode);
    held = qemu_holds(&proc, block ? 0 : (uint64_t)st.st_dev,
                      block ? (uint64_t)st.st_rdev : (uint64_t)st.st_ino,
                      &ignored);
    qemu_close(&proc);
    return held;
}

static int
detach_run(struct step_run *run, struct step *step, struct err *err)
{
    int gone = detach_check(run, step, err);

    if (gone)
        return gone < 0 ? -1 : 0;
    return step_let_go(run, step->disk->alias,
                       step->disk->interface == DISK_VIRTIO, err);
}

static int
wait_closed(struct step_run *run, const struct disk *disk)
{
    int64_t until = clock_mono_ms() + CLOSE_WAIT_MS;
    int held = source_held(run, disk);

    while (held == 1 && clock_mono_ms() < until) {
        struct timespec pause = {0, 5000000};

        nanosleep(&pause, NULL);
        held = source_held(run, disk);
    }
    return held;
}

static void
note(struct step_run *run, const char *how)
{
    json_t *by = json_object_get(run->notes, "verified_by");

    if (!by) {
        by = json_array();
        json_put(run->notes, "verified_by", by);
    }
    json_array_append_new(by, json_string(how));
}

/* The XML decides, since events are lost over reconnects; and while QEMU has
 * the source open it is not over. Also where the device went by itself, and
 * where the VM has ended with it. */
static int
detach_verify(struct step_run *run, struct step *step, struct err *err)
{
    int held;

    if (!run->info->active) {
        note(run, "stopped");
        return 0;
    }
    if (step_read_live(run, err) < 0)
        return -1;
    if (domain_disk_by_alias(run->info->live, step->disk->alias)) {
        if (run->end == STEP_END_DONE)
            run->end = STEP_END_PENDING;
        return 0;
    }
    note(run, "live_xml");
    held = wait_closed(run, step->disk);
    if (held == 0)
        note(run, "descriptors");
    run->end = held == 1 ? STEP_END_PENDING : STEP_END_DONE;
    if (held == 1) { /* no event will tell of it: to be looked at again */
        json_put_text(run->notes, "still_open", step->disk->path);
        vm_table_settled(run->env->vms, run->vm, false);
    }
    return 0;
}

static int
detach_undo(struct step_run *run, struct step *step, struct err *err)
{
    run->nbatch = 0;
    if (step_vm_stopped(run)) /* its definition decides what it will have */
        return 0;
    if (step_read_live(run, err) < 0)
        return -1;
    if (step_is_listed(run, step->disk->alias)) /* undone before a death */
        return attached_as_planned(run, step, err);
    return attach_run(run, step, err) < 0 ? -1 : attach_verify(run, step, err);
}

const struct step_ops step_disk_detach = {detach_run, detach_verify,
                                          detach_undo};

/* --- changes ------------------------------------------------------------ */

static int
update_with(struct step_run *run, const struct disk *disk, bool force,
            struct err *err)
{
    CLEANUP_TEXT char *xml = disk_xml(disk);

    return hyper_update(run->env->hyper, run->vm, xml, force, err);
}

/* A death inside a change can leave the tray open, the drive empty, or the
 * node of either medium without a drive; libvirt may hold that for done. So
 * the change is made anew from an empty drive. */
static int
change_anew(struct step_run *run, const struct disk *from,
            const struct disk *to, struct err *err)
{
    CLEANUP_DISK struct disk *empty = disk_copy(to);
    const char *paths[] = {from->path, to->path};
    struct hyper *hyper = run->env->hyper;

    free(empty->path);
    empty->path = NULL;
    empty->source_type = DISK_SOURCE_NONE;
    if (update_with(run, empty, true, err) < 0)
        return -1;
    for (size_t i = 0; i < 2 && hyper_can(hyper, HYPER_QEMU_MONITOR); i++)
        if (paths[i] && hyper_forget_device(hyper, run->vm, NULL, paths[i], 0,
                                            err) < 0)
            return -1;
    return to->path ? update_with(run, to, true, err) : 0;
}

static int
update_run(struct step_run *run, struct step *step, struct err *err)
{
    return run->recovering ? change_anew(run, step->before, step->disk, err)
                           : update_with(run, step->disk, step->flag, err);
}

static int
update_verify(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk *seen;
    const char *want = step->disk->path, *have;

    if (step_read_live(run, err) < 0)
        return -1;
    seen = domain_disk_by_alias(run->info->live, step->disk->alias);
    have = seen ? seen->path : NULL;
    if (want ? have && !strcmp(want, have) : !have)
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "The drive holds \"%s\" after the change, not \"%s\"",
                   have ? have : "nothing", want ? want : "nothing");
}

static int
update_undo(struct step_run *run, struct step *step, struct err *err)
{
    return run->recovering ? change_anew(run, step->disk, step->before, err)
                           : update_with(run, step->before, true, err);
}

const struct step_ops step_disk_update = {update_run, update_verify,
                                          update_undo};

static int
tune_with(struct step_run *run, const struct disk *disk, struct err *err)
{
    const struct disk_iotune *t = &disk->iotune;
    const struct hyper_tune tune[] = {
        {"total_bytes_sec", t->total_bytes_sec},
        {"read_bytes_sec", t->read_bytes_sec},
        {"write_bytes_sec", t->write_bytes_sec},
        {"total_iops_sec", t->total_iops_sec},
        {"read_iops_sec", t->read_iops_sec},
        {"write_iops_sec", t->write_iops_sec},
    };

    return hyper_iotune(run->env->hyper, run->vm, disk->target, tune,
                        sizeof(tune) / sizeof(*tune), err);
}

static int
tune_run(struct step_run *run, struct step *step, struct err *err)
{
    return tune_with(run, step->disk, err);
}

static int
tune_verify(struct step_run *run, struct step *step, struct err *err)
{
    const struct disk *seen;

    if (step_read_live(run, err) < 0)
        return -1;
    seen = domain_disk_by_target(run->info->live, step->disk->target);
    if (seen &&
        !memcmp(&seen->iotune, &step->disk->iotune, sizeof(seen->iotune)))
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "The I/O limits of %s are not as asked in the running "
                   "domain",
                   step->disk->target);
}

static int
tune_undo(struct step_run *run, struct step *step, struct err *err)
{
    return tune_with(run, step->before, err);
}

const struct step_ops step_disk_tune = {tune_run, tune_verify, tune_undo};

static int
resize_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_resize(run->env->hyper, run->vm, step->disk->target,
                        step->number, err);
}

const struct step_ops step_disk_resize = {resize_run, NULL, NULL};
