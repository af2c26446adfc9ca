// SPDX-License-Identifier: Apache-2.0
/* What chaos needs before it can begin. Main thread, before any other. */
#pragma once

#include "agent/common/json.h"
#include "agent/ctl/chaos_lab.h"

/* The program: given, or the one that was installed with berthctl. Returns
 * owned. */
char *chaos_setup_berthd(const char *given, struct err *err);

/* "plug,unplug" (NULL: all) as an array of names of cases; returns owned. */
json_t *chaos_setup_verbs(const char *text, struct err *err);

/* The names of all crash points; returns owned vector of owned. */
char **chaos_setup_points(const char *berthd, size_t *n, struct err *err);

/* A new folder, which libvirt of this process and its children also takes for
 * its user's; returns owned. */
char *chaos_setup_folder(struct err *err);

/* Put a file of that folder in the place of /dev/kvm, if that is possible. */
void chaos_setup_hide_kvm(const char *dir);

/* What libvirt learned of QEMU in one lab, for another. */
void chaos_setup_share(const struct chaos_lab *from,
                       const struct chaos_lab *to);
