// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a trial: connected → logged in → asked (standard INQUIRY, pages
 * 0x80 and 0x83, READ CAPACITY) → logged out. libiscsi has no timers of its
 * own: one poll loop serves each phase until it ends or the deadline passes.
 */
#include "agent/host/iscsi.h"

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/clock.h"
#include "agent/common/mem.h"

#define TRIES 3
#define SILENT_MS 100 /* libiscsi waits for nothing just now: look again */

struct trial {
    const struct iscsi_login *login;
    struct iscsi_context *iscsi;
    int64_t deadline_ms;
    const char *phase;
    bool over; /* the call of this phase has been answered */
    int status;
    struct scsi_task *task; /* of this phase; ours once it is answered */
};

static void
trial_end(struct trial *trial)
{
    if (trial->iscsi)
        iscsi_destroy_context(trial->iscsi); /* lets go of the task, too */
    if (trial->task)
        scsi_free_scsi_task(trial->task);
}

static void
answered(struct iscsi_context *iscsi, int status, void *data, void *ctx)
{
    struct trial *trial = ctx;

    (void)iscsi;
    (void)data;
    trial->over = true;
    trial->status = status;
}

/* iSCSI's own word where it has one, such as a refused login. */
static int
failed(const struct trial *trial, const char *why, struct err *err)
{
    const char *said = iscsi_get_error(trial->iscsi);

    return err_set(err, ERR_SOURCE_BAD,
                   "source: LUN %u of \"%s\" at %s port %u cannot be used: %s "
                   "%s%s%s",
                   trial->login->lun, trial->login->iqn, trial->login->host,
                   trial->login->port, trial->phase, why,
                   said && *said ? ": " : "", said ? said : "");
}

/* Serve the connection until the phase is answered. */
static int
serve(struct trial *trial, struct err *err)
{
    while (!trial->over) {
        int64_t left = trial->deadline_ms - clock_mono_ms();
        struct pollfd pfd = {.fd = iscsi_get_fd(trial->iscsi),
                             .events = (short)iscsi_which_events(trial->iscsi)};
        int64_t wait = !pfd.events && left > SILENT_MS ? SILENT_MS : left;

        if (left <= 0)
            return failed(trial,
                          "was not answered in time; a VM with it would "
                          "stand still",
                          err);
        if (poll(&pfd, 1, (int)wait) < 0)
            continue;
        if (iscsi_service(trial->iscsi, pfd.revents) < 0 && !trial->over)
            return failed(trial, "failed", err);
    }
    return trial->status == SCSI_STATUS_GOOD ? 0 : failed(trial, "failed", err);
}

static int
begin(struct trial *trial, const char *phase, bool started, struct err *err)
{
    trial->phase = phase;
    if (!started)
        return failed(trial, "could not be begun", err);
    return serve(trial, err);
}

static char *
portal_of(const struct iscsi_login *login)
{
    return mem_printf(strchr(login->host, ':') ? "[%s]:%u" : "%s:%u",
                      login->host, login->port);
}

static int
log_in(struct trial *trial, struct err *err)
{
    const struct iscsi_login *login = trial->login;
    CLEANUP_FREE char *portal = portal_of(login);
    struct iscsi_context *iscsi = trial->iscsi;

    iscsi_set_targetname(iscsi, login->iqn);
    iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
    iscsi_set_header_digest(iscsi, ISCSI_HEADER_DIGEST_NONE_CRC32C);
    iscsi_set_noautoreconnect(iscsi, 1);
    if (login->user)
        iscsi_set_initiator_username_pwd(iscsi, login->user, login->password);
    /* Not in one: libiscsi 1.19 leaks what its full connect began. */
    trial->over = false;
    if (begin(trial, "the connection",
              iscsi_connect_async(iscsi, portal, answered, trial) == 0,
              err) < 0)
        return -1;
    trial->over = false;
    return begin(trial, "the login",
                 iscsi_login_async(iscsi, answered, trial) == 0, err);
}

typedef void (*reader_fn)(const uint8_t *data, size_t len,
                          struct lun_scsi *out);

static const struct question {
    const char *phase;
    int evpd, page, size; /* size 0: READ CAPACITY */
    reader_fn read;
    bool must; /* a LUN may have no page 0x80 or 0x83 */
} questions[] = {
    {"INQUIRY", 0, 0, LUN_SCSI_INQUIRY_MAX, lun_scsi_read_inquiry, true},
    {"INQUIRY of page 0x80", 1, 0x80, LUN_SCSI_PAGE_MAX, lun_scsi_read_serial,
     false},
    {"INQUIRY of page 0x83", 1, 0x83, LUN_SCSI_PAGE_MAX, lun_scsi_read_ids,
     false},
    {"READ CAPACITY", 0, 0, 0, lun_scsi_read_capacity, true},
};

static int
ask(struct trial *trial, const struct question *q, struct lun_scsi *out,
    struct err *err)
{
    int lun = (int)trial->login->lun;

    if (trial->task)
        scsi_free_scsi_task(trial->task);
    trial->over = false;
    trial->task =
        q->size ? iscsi_inquiry_task(trial->iscsi, lun, q->evpd, q->page,
                                     q->size, answered, trial)
                : iscsi_readcapacity16_task(trial->iscsi, lun, answered, trial);
    if (begin(trial, q->phase, trial->task != NULL, err) < 0)
        return -1;
    if (trial->task->datain.size > 0)
        q->read(trial->task->datain.data, (size_t)trial->task->datain.size,
                out);
    return 0;
}

/* The first command of a session may be answered by a unit attention, which
 * tells of a reset and is gone then. */
static int
ask_again(struct trial *trial, const struct question *q, struct lun_scsi *out,
          struct err *err)
{
    int rc = -1;

    for (int i = 0; i < TRIES && rc < 0; i++) {
        rc = ask(trial, q, out, err);
        if (!trial->over || trial->status != SCSI_STATUS_CHECK_CONDITION)
            break;
    }
    return rc;
}

static int
ask_all(struct trial *trial, struct lun_scsi *out, struct err *err)
{
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        struct err why = ERR_INIT;

        if (ask_again(trial, &questions[i], out, &why) == 0) {
            if (!out->disk)
                return err_set(err, ERR_SOURCE_BAD,
                               "source: \"%s\" has no disk as LUN %u",
                               trial->login->iqn, trial->login->lun);
            continue;
        }
        if (questions[i].must || !trial->over) {
            if (err)
                *err = why;
            return -1;
        }
    }
    lun_scsi_settle(out);
    return 0;
}

/* Polite, and no more than that: the answers are there. */
static void
log_out(struct trial *trial)
{
    struct err ignored = ERR_INIT;

    trial->over = false;
    begin(trial, "the logout",
          iscsi_logout_async(trial->iscsi, answered, trial) == 0, &ignored);
}

int
iscsi_try(const struct iscsi_login *login, int64_t deadline_ms,
          struct lun_scsi *out, struct err *err)
{
    CLEANUP(trial_end)
    struct trial trial = {
        .login = login, .deadline_ms = deadline_ms, .phase = "the login"};

    memset(out, 0, sizeof(*out));
    trial.iscsi = iscsi_create_context(login->initiator);
    if (!trial.iscsi)
        return err_set(err, ERR_SOURCE_BAD,
                       "source: libiscsi takes no initiator \"%s\"",
                       login->initiator);
    if (log_in(&trial, err) < 0 || ask_all(&trial, out, err) < 0)
        return -1;
    log_out(&trial);
    return 0;
}
