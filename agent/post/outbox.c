// SPDX-License-Identifier: Apache-2.0
/*
 * A queue under a lock and an eventfd. The eventfd is written when the first
 * mail arrives, not for each; it is emptied before the queue is taken, so
 * that a mail is never left without a wake-up.
 */
#include "agent/post/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct mail {
    void (*run)(void *arg);
    void (*drop)(void *arg);
    void *arg;
    STAILQ_ENTRY(mail) next;
};

STAILQ_HEAD(mail_list, mail);

struct outbox {
    int fd;
    struct lock lock; /* guards mails */
    struct mail_list mails;
};

struct outbox *
outbox_new(struct err *err)
{
    struct outbox *outbox;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        err_set(err, ERR_INTERNAL, "An eventfd cannot be made: %s.",
                strerror(errno));
        return NULL;
    }
    outbox = mem_zalloc(1, sizeof(*outbox));
    outbox->fd = fd;
    lock_init(&outbox->lock, LOCK_OUTBOX);
    STAILQ_INIT(&outbox->mails);
    return outbox;
}

static void
take_all(struct outbox *outbox, struct mail_list *mails)
{
    LOCK_SCOPE(&outbox->lock);

    STAILQ_INIT(mails);
    STAILQ_CONCAT(mails, &outbox->mails);
}

void
outbox_free(struct outbox *outbox)
{
    struct mail_list mails;
    struct mail *mail;

    if (!outbox)
        return;
    take_all(outbox, &mails);
    while ((mail = STAILQ_FIRST(&mails))) {
        STAILQ_REMOVE_HEAD(&mails, next);
        mail->drop(mail->arg);
        free(mail);
    }
    close(outbox->fd);
    lock_destroy(&outbox->lock);
    free(outbox);
}

int
outbox_fd(struct outbox *outbox)
{
    return outbox->fd;
}

void
outbox_post(struct outbox *outbox, void (*run)(void *arg),
            void (*drop)(void *arg), void *arg)
{
    struct mail *mail = mem_zalloc(1, sizeof(*mail));

    mail->run = run;
    mail->drop = drop;
    mail->arg = arg;
    LOCK_SCOPE(&outbox->lock);

    /* The counter cannot overflow: it is written once per taking. */
    if (STAILQ_EMPTY(&outbox->mails))
        eventfd_write(outbox->fd, 1);
    STAILQ_INSERT_TAIL(&outbox->mails, mail, next);
}

void
outbox_run(struct outbox *outbox)
{
    struct mail_list mails;
    struct mail *mail;
    eventfd_t count;

    eventfd_read(outbox->fd, &count); /* EAGAIN: nothing was there */
    take_all(outbox, &mails);
    /* What is posted meanwhile waits for the next turn of the loop, so that
     * sockets get theirs. */
    while ((mail = STAILQ_FIRST(&mails))) {
        STAILQ_REMOVE_HEAD(&mails, next);
        mail->run(mail->arg);
        free(mail);
    }
}
