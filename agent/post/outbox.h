// SPDX-License-Identifier: Apache-2.0
/*
 * The mailbox to the I/O thread: any thread posts a function with its
 * argument, the I/O thread is woken by an eventfd and runs them in order.
 * This is the one place where a result crosses back.
 */
#pragma once

#include "agent/common/err.h"

struct outbox;

struct outbox *outbox_new(struct err *err); /* returns owned */
void outbox_free(struct outbox *outbox);    /* drops what is left */
int outbox_fd(struct outbox *outbox); /* readable when there is mail */

/* Any thread; never blocks. drop(arg) is called instead of run(arg) when the
 * outbox is freed first. */
void outbox_post(struct outbox *outbox, void (*run)(void *arg),
                 void (*drop)(void *arg), void *arg);

/* I/O thread only: run all that is there. */
void outbox_run(struct outbox *outbox);
