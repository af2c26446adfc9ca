// SPDX-License-Identifier: Apache-2.0
/*
 * A task of a server, watched together with the question that may stop it:
 * both in one filter of a collector of its own, so that a question which
 * comes late arrives by itself. Worker threads; it blocks.
 */
#pragma once

#include "agent/hyper/vim_vm.h"

enum vim_task_state {
    VIM_TASK_RUNNING, /* the wait ended before it */
    VIM_TASK_ASKS,    /* it waits for an answer */
    VIM_TASK_DONE,
    VIM_TASK_FAILED,
    VIM_TASK_GONE, /* the server does not know it (any more) */
};

struct vim_task {
    struct vim_ref ref;
    struct vim_ref vm;
    enum vim_task_state state;
    struct vim_fault fault; /* FAILED */
    bool cancelable;
    struct vim_question question; /* ASKS */
};
void vim_task_clear(struct vim_task *task);

/* Until it is over or asks, or until_ms (CLOCK_MONOTONIC). 0 with
 * task->state, or -1 + err when nobody can tell now. */
int vim_task_wait(struct vim *vim, struct vim_task *task, int64_t until_ms,
                  struct err *err);

/* Answer the open question by the key of a choice. */
int vim_task_answer(struct vim *vim, const struct vim_ref *vm,
                    const char *question, const char *key, struct err *err);

int vim_task_cancel(struct vim *vim, const struct vim_ref *task,
                    struct err *err);
