// SPDX-License-Identifier: Apache-2.0
/*
 * A berthd of its own to be killed: with its own folder, embed root (or, in a
 * box, its own libvirtd), state directory (marked as scratch) and socket.
 * Phases: opened → (reset →) started → killed or dead → started … → closed.
 * One thread.
 */
#pragma once

#include <sys/types.h>

#include "agent/ctl/client.h"

struct chaos_lab {
    char *dir, *images, *root, *socket; /* owned */
    char *definitions;  /* owned: the folder of libvirt's NAME.xml */
    char *mark_qemu;    /* owned: a folder that each QEMU's words name */
    bool system;        /* with a libvirtd, in a box; else embedded */
    pid_t libvirtd;     /* 0: none */
    const char *berthd; /* borrowed: its program */
    pid_t pid;          /* of the running one, 0: none */
    int pidfd;
    struct conn *conn;
    struct client client;
    int odd_end; /* wait status of one that was not killed, 0: none */
    off_t mark;  /* where the log of interest begins */
};

/* Make the folder base/number and what a berthd there needs. */
int chaos_lab_open(struct chaos_lab *lab, const char *base, int number,
                   const char *berthd, bool system, struct err *err);
void chaos_lab_close(struct chaos_lab *lab); /* kills; the folder stays */

/* Forget everything but what libvirt learned of QEMU: no VM, no state. In a
 * box libvirtd is started. */
int chaos_lab_reset(struct chaos_lab *lab, struct err *err);

/* Start berthd (killing the one that runs), to die at crash_at (NULL: not)
 * and wait until it answers. */
int chaos_lab_start(struct chaos_lab *lab, const char *crash_at,
                    struct err *err);
void chaos_lab_kill(struct chaos_lab *lab);

/* Kill libvirtd and start it again; nothing where there is none. */
int chaos_lab_bounce(struct chaos_lab *lab, struct err *err);

/* Wait for its death; false when it lives on. */
bool chaos_lab_died(struct chaos_lab *lab, int64_t wait_ms);

/* As client_call, with a bound of its own; asks again while it recovers. */
json_t *chaos_lab_call(struct chaos_lab *lab, const char *verb,
                       const json_t *params, json_t **refusal, struct err *err);

/* What is said in params: ' stands for ", $I for the folder of images.
 * Returns owned; text is our own and always good. */
json_t *chaos_lab_params(const struct chaos_lab *lab, const char *text);

/* What the log says since the mark, but for our questions; returns owned. */
void chaos_lab_mark(struct chaos_lab *lab);
char *chaos_lab_log(const struct chaos_lab *lab);
