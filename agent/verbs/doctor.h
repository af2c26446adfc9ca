// SPDX-License-Identifier: Apache-2.0
/*
 * The doctor: every check of this host and its berthd, asked of the one that
 * runs (the verb) or from outside, when it does not. It changes nothing.
 */
#pragma once

#include <stdio.h>

#include "agent/verbs/verb.h"

extern const struct verb doctor_verbs[];
extern const size_t doctor_nverbs;

/* What an examination from outside needs to be given. */
struct doctor_case {
    const struct conf *conf; /* NULL: the settings cannot be read … */
    const char *conf_why;    /* … for this reason, else "" */
    const struct access *rules; /* of conf */
    bool kvm;                /* host_kvm_works() */
    json_t *(*tls_examine)(const struct conf *conf);
};

/* {findings: [{check, level, what, fix}], errors, warnings, healthy}; returns
 * owned. A worker or main: it asks libvirt, and runs QEMU's programs. */
json_t *doctor_report(const struct doctor_case *doctor_case);

/* The report for people. */
void doctor_print(const json_t *report, FILE *to);
