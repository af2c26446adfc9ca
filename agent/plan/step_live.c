// SPDX-License-Identifier: Apache-2.0
/*
 * Steps on devices of the running domain that are no disks, and on the
 * running domain as a whole: NICs, memory, an engine's metadata, vCPUs in
 * use, passwords of graphics, the guest's file systems. An attach is true
 * when the live XML lists the device and nothing that nobody planned.
 */
#include "agent/plan/step.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/nic.h"
#include "agent/spec/ovirt.h"

/* --- attach and detach ---------------------------------------------------- */

static int
attach_text(struct step_run *run, const struct step *step, const char *xml,
            struct err *err)
{
    step_expect(run, "device_added", step->alias);
    return hyper_attach(run->env->hyper, run->vm, xml, err);
}

static int
attach_run(struct step_run *run, struct step *step, struct err *err)
{
    return attach_text(run, step, step->text, err);
}

static int
attach_verify(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_DOMAIN struct domain *before = domain_ref(run->info->live);
    const char *allow[] = {step->alias, NULL};
    CLEANUP_TEXT char *what = NULL;

    if (step_read_live(run, err) < 0)
        return -1;
    if (!step_is_listed(run, step->alias))
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "libvirt said that %s is plugged, but the running "
                       "domain lacks it",
                       step->alias);
    what = before ? domain_unplanned(before, run->info->live, allow) : NULL;
    return what ? err_set(err, ERR_HYPERVISOR_FAILED,
                          "libvirt added a device that nobody planned: %s",
                          what)
                : 0;
}

/* The guest has to let a NIC go, and memory. */
static int
attach_undo(struct step_run *run, struct step *step, struct err *err)
{
    return step_take_out(run, step, true, err);
}

static int
detach_run(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_live(run, err) < 0)
        return -1;
    if (!step_is_listed(run, step->alias))
        return 0;
    return step_let_go(run, step->alias, true, err);
}

static int
detach_verify(struct step_run *run, struct step *step, struct err *err)
{
    json_t *by;

    if (step_read_live(run, err) < 0)
        return -1;
    if (step_is_listed(run, step->alias)) {
        if (run->end == STEP_END_DONE)
            run->end = STEP_END_PENDING;
        return 0;
    }
    run->end = STEP_END_DONE;
    by = json_array();
    json_array_append_new(by, json_string("live_xml"));
    json_put(run->notes, "verified_by", by);
    return 0;
}

static int
detach_undo(struct step_run *run, struct step *step, struct err *err)
{
    return attach_text(run, step, step->text_was, err) < 0
               ? -1
               : attach_verify(run, step, err);
}

const struct step_ops step_live_attach = {attach_run, attach_verify,
                                          attach_undo};
const struct step_ops step_live_detach = {detach_run, detach_verify,
                                          detach_undo};

/* --- NIC ------------------------------------------------------------------ */

static int
nic_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_update(run->env->hyper, run->vm, step->text, false, err);
}

static int
nic_verify(struct step_run *run, struct step *step, struct err *err)
{
    const struct domain_device *seen;
    CLEANUP_TEXT char *what = NULL;

    if (step_read_live(run, err) < 0)
        return -1;
    seen = domain_device(run->info->live, "interface", step->alias);
    if (!seen)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "The running domain lacks NIC %s after its change",
                       step->alias);
    what = nic_mismatch(step->text, seen->xml);
    return what ? err_set(err, ERR_HYPERVISOR_FAILED,
                          "NIC %s is not as planned in the running domain: %s",
                          step->alias, what)
                : 0;
}

static int
nic_undo(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_update(run->env->hyper, run->vm, step->text_was, false, err);
}

const struct step_ops step_live_nic = {nic_run, nic_verify, nic_undo};

/* --- metadata ------------------------------------------------------------- */

/* One element as a whole, or one member of the engine's vm: that is put into,
 * or taken out of, what the domain has now, which others may have changed
 * since the plan. */
static int
write_metadata(struct step_run *run, const char *text, bool gone,
               struct err *err)
{
    struct hyper_metadata metadata = {OVIRT_TUNE_URI, OVIRT_TUNE_PREFIX,
                                      gone ? NULL : text};
    CLEANUP_TEXT char *all = NULL;

    if (strncmp(text, "<" OVIRT_TUNE_NAME, 1 + strlen(OVIRT_TUNE_NAME)) != 0) {
        if (step_read_live(run, err) < 0)
            return -1;
        all = ovirt_edit(run->info->live->ovirt, text, gone, err);
        if (!all)
            return -1;
        metadata =
            (struct hyper_metadata){OVIRT_VM_URI, OVIRT_VM_PREFIX, all};
    }
    return hyper_metadata(run->env->hyper, run->vm, &metadata, err);
}

/* They went with a domain that has stopped. */
static int
metadata_run(struct step_run *run, struct step *step, struct err *err)
{
    if (!run->info->active)
        return 0;
    return write_metadata(run, step->text, step->flag, err);
}

static int
metadata_verify(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return run->info->active ? step_read_live(run, err) : 0;
}

static int
metadata_undo(struct step_run *run, struct step *step, struct err *err)
{
    if (!run->info->active)
        return 0;
    return step->text_was
               ? write_metadata(run, step->text_was, false, err)
               : write_metadata(run, step->text, true, err);
}

const struct step_ops step_live_metadata = {metadata_run, metadata_verify,
                                            metadata_undo};

/* --- vCPUs ---------------------------------------------------------------- */

static int
vcpus_run(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_live_vcpus(run->env->hyper, run->vm, (unsigned)step->number,
                            err);
}

static int
vcpus_verify(struct step_run *run, struct step *step, struct err *err)
{
    if (step_read_live(run, err) < 0)
        return -1;
    if (run->info->live->vcpus == step->number)
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "The running domain has %u vCPUs after the change, not %llu",
                   run->info->live->vcpus, (unsigned long long)step->number);
}

static int
vcpus_undo(struct step_run *run, struct step *step, struct err *err)
{
    return hyper_live_vcpus(run->env->hyper, run->vm, (unsigned)step->was, err);
}

const struct step_ops step_live_vcpus = {vcpus_run, vcpus_verify, vcpus_undo};

/* --- graphics ------------------------------------------------------------- */

static int
ticket_run(struct step_run *run, struct step *step, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc =
        xml_parse(step->text, strlen(step->text), err);
    CLEANUP_TEXT char *xml = NULL;

    if (!doc)
        return -1;
    xml_set(xml_root(doc), "passwd", step->secret);
    xml = xml_text(xml_root(doc));
    return hyper_update(run->env->hyper, run->vm, xml, false, err);
}

const struct step_ops step_live_ticket = {ticket_run, NULL, NULL};

/* --- file systems --------------------------------------------------------- */

static int
freeze_run(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return hyper_freeze(run->env->hyper, run->vm, err);
}

static int
thaw_run(struct step_run *run, struct step *step, struct err *err)
{
    (void)step;
    return hyper_thaw(run->env->hyper, run->vm, err);
}

const struct step_ops step_live_freeze = {freeze_run, NULL, thaw_run};
const struct step_ops step_live_thaw = {thaw_run, NULL, NULL};
