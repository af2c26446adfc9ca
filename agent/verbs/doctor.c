// SPDX-License-Identifier: Apache-2.0
/*
 * The table of checks, and their two ways to be carried out. Checks follow
 * one another from what berthd reads first to what it works with.
 */
#include "agent/verbs/doctor.h"

#include <string.h>

#include "agent/verbs/exam.h"
#include "agent/verbs/exam_hook.h"
#include "agent/verbs/exam_host.h"
#include "agent/verbs/exam_hyper.h"
#include "agent/verbs/exam_state.h"
#include "agent/verbs/exam_tls.h"

/* Where a check looks: berthd itself alone, and by what the settings name. */
#define LIVE .live = true
#define CONF .needs_conf = true

static const struct exam_check checks[] = {
    {.name = "settings",
     .doc = "the settings' files parse, and every value is good",
     .run = exam_state_settings,
     .fix = "Correct the line; berthd --check-conf tells whether it is good"},
    {.name = "state",
     .doc = "the state directory is there, its owner's, and writable",
     CONF,
     .run = exam_state_directory,
     .fix = "Give it to berthd's user: chown it, with mode 0700"},
    {.name = "lock",
     .doc = "one berthd has the state directory",
     CONF,
     .run = exam_state_lock,
     .fix = "Restart berthd, and do not remove its files while it runs"},
    {.name = "database",
     .doc = "it opens, is whole and ours, of a known version, and takes "
            "records",
     CONF,
     .run = exam_state_database,
     .fix = "Do what the text says; restart berthd after a damaged file was "
            "replaced, all else it finds by itself"},
    {.name = "reserve",
     .doc = "room is set aside for the ends of running operations",
     CONF,
     .run = exam_state_reserve,
     .fix = "Free 1 MiB on that file system: berthd sets it aside again"},
    {.name = "space",
     .doc = "free space (16 MiB) and room for files for the state directory",
     CONF,
     .run = exam_state_space,
     .fix = "Free some space there; until then berthd may refuse to change "
            "anything"},
    {.name = "certificate",
     .doc = "certificate, key and CA fit together, come from the CA, and do "
            "not end soon",
     CONF,
     .run = exam_tls_certificate,
     .fix = "Put good PEM files where [tls] says, and send SIGHUP"},
    {.name = "key",
     .doc = "the private key is its owner's alone",
     CONF,
     .run = exam_tls_key,
     .fix = "chmod 0600 it; if others could have read it, make a new pair"},
    {.name = "roles",
     .doc = "who has a certificate can have a role",
     CONF,
     .run = exam_tls_roles,
     .fix = "Give roles= to a [peer NAME] that matches it, or set [access] "
            "tls_default_role, and send SIGHUP"},
    {.name = "socket",
     .doc = "the unix socket is there, or can be made, for its group",
     CONF,
     .run = exam_tls_socket,
     .fix = "Give its directory to berthd's user"},
    {.name = "libvirt",
     .doc = "libvirt answers",
     CONF,
     .run = exam_hyper_libvirt,
     .fix = "Start libvirt"},
    {.name = "qemu",
     .doc = "QEMU is there and runs",
     .run = exam_host_qemu,
     .fix = "Install QEMU (qemu-system-x86, qemu-kvm)"},
    {.name = "qemu-img",
     .doc = "qemu-img is there: images are made with it",
     .run = exam_host_qemu_img,
     .fix = "Install qemu-img (qemu-utils)"},
    {.name = "kvm",
     .doc = "guests run with KVM, not emulated",
     .run = exam_host_kvm,
     .fix = "In a VM, allow nested virtualization in the host below; else "
            "look at the kernel's log"},
    {.name = "images",
     .doc = "the directories of [paths] images are there, and QEMU's user may "
            "enter them",
     CONF,
     .run = exam_host_images,
     .fix = "Make the directory, or correct [paths] images"},
    {.name = "descriptors",
     .doc = "enough files may be open (4096)",
     .run = exam_host_descriptors,
     .fix = "Raise it: LimitNOFILE= in berthd.service, or ulimit -n"},
    {.name = "log",
     .doc = "the log is written",
     LIVE,
     .run = exam_host_log,
     .fix = "Look at who reads berthd's stderr, and at the disk it goes to"},
    {.name = "lanes",
     .doc = "no job hangs",
     LIVE,
     .run = exam_host_lanes,
     .fix = "Look at libvirt and at that VM's QEMU: virsh domstate, virsh "
            "domcontrol; end the VM if it does not answer"},
    {.name = "hooks",
     .doc = "every hook script can be run, and lies where it is",
     LIVE,
     .run = exam_hook_scripts,
     .fix = "chown root, chmod go-w on the script and its directories; "
            "berthctl hook ls shows all of them"},
    {.name = "operations",
     .doc = "none has been open, pending or unknown for more than a day",
     CONF,
     .run = exam_state_operations,
     .fix = "berthctl op ls --state open, and op show for each; a guest that "
            "holds a device may need a reset"},
    {.name = "clock",
     .doc = "it is not far off, and did not go back",
     .run = exam_state_clock,
     .fix = "Set it, and have it kept by NTP (timedatectl set-ntp true)"},
};
#define NCHECKS (sizeof(checks) / sizeof(checks[0]))

static json_t *
examine(struct exam *exam)
{
    json_t *report = json_object();

    exam->findings = json_array();
    for (size_t i = 0; i < NCHECKS; i++) {
        exam->now = &checks[i];
        if ((exam->env || !checks[i].live) &&
            (exam->conf || !checks[i].needs_conf))
            checks[i].run(exam);
    }
    json_put(report, "findings", exam->findings);
    json_put_int(report, "errors", (json_int_t)exam->counts[EXAM_ERROR]);
    json_put_int(report, "warnings", (json_int_t)exam->counts[EXAM_WARNING]);
    json_put_bool(report, "healthy", !exam->counts[EXAM_ERROR]);
    return report;
}

json_t *
doctor_report(const struct doctor_case *doctor_case)
{
    struct exam exam = {.conf = doctor_case->conf,
                        .conf_why = doctor_case->conf_why,
                        .rules = doctor_case->rules,
                        .kvm = doctor_case->kvm,
                        .tls_examine = doctor_case->tls_examine};
    json_t *report;

    if (exam.conf)
        exam.record = store_peek(conf_text(exam.conf, CONF_STATE_DIR),
                                 &exam.record_why);
    report = examine(&exam);
    store_close(exam.record);
    return report;
}

static json_t *
doctor(struct verb_call *call, struct err *err)
{
    struct env *env = call->env;
    struct err why = ERR_INIT;
    struct exam exam = {.conf = env_conf(env),
                        .rules = atomic_load(&env->access),
                        .env = env,
                        .record = env->store,
                        .kvm = strcmp(env->virt, "kvm") == 0,
                        .tls_examine = env->tls_examine};

    (void)err;
    if (env->check_settings)
        env->check_settings(env->ctx, &why);
    exam.conf_why = why.message;
    return examine(&exam);
}

void
doctor_print(const json_t *report, FILE *to)
{
    const json_t *list = json_object_get(report, "findings"), *finding;
    size_t i;

    json_array_foreach(list, i, finding)
    {
        const char *fix = json_get_text(finding, "fix", NULL);

        fprintf(to, "%-8s %-12s %s\n", json_get_text(finding, "level", ""),
                json_get_text(finding, "check", ""),
                json_get_text(finding, "what", ""));
        if (fix)
            fprintf(to, "%21s fix: %s\n", "", fix);
    }
    fprintf(to, "%lld errors, %lld warnings\n",
            (long long)json_get_int(report, "errors", 0),
            (long long)json_get_int(report, "warnings", 0));
}

const struct verb doctor_verbs[] = {
    {.name = "Doctor",
     .group = "host",
     .action_group = "HOST_READ",
     .lane = VERB_HOST,
     .doc = "Examines this host and its berthd: settings, record, disk space, "
            "certificates, libvirt, QEMU, KVM, images, log, stuck work; each "
            "finding has a fix.",
     .run = doctor},
};
const size_t doctor_nverbs = sizeof(doctor_verbs) / sizeof(doctor_verbs[0]);
