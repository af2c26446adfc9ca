// SPDX-License-Identifier: Apache-2.0
/* Who asks for an operation, and under which conditions. A value. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/uuid.h"
#include "agent/policy/identity.h"

/* Who asks for what, and under which conditions. */
struct request {
    char peer[128];          /* "cn:engine-1", "uid:0" */
    const struct identity *who; /* borrowed; NULL: nobody, who may nothing */
    char op_id[UUID_TEXT];   /* given or made */
    bool op_id_given;        /* a receipt of it may exist */
    char flow_id[128];       /* "" when none was given */
    bool dry_run;
    int64_t deadline_ms;     /* CLOCK_MONOTONIC, 0: none */
    int64_t unplug_wait_ms;  /* 0: as [ops] unplug_wait_ms says */
    char body_hash[33];      /* of the checked parameters */
    const char *verb;        /* static */
};
