// SPDX-License-Identifier: Apache-2.0
/*
 * Whether what an operation wanted is true, by reading the host. An
 * expectation is an object {kind, …}:
 *   power    {is: "running"}                 disk   {path | bus, unit; there;
 *   cd       {key, path}                             size, mode}
 *   machine  {there}      named {name}      snapshot {name, there}
 *   settings {autostart, memory, vcpus}     scheduler {scheduler: {…}}
 *   volume   {pool, name, there}            elsewhere {hypervisor}
 *   none     {}: nothing that could be read tells
 * Worker threads; it blocks.
 */
#pragma once

#include "agent/plan/remote.h"

/* 1 it is, 0 it is not, -1 + err nobody can tell now. facts (an object) gets
 * what was read: device {…} of a disk. */
int remote_look(struct remote *remote, const json_t *expect, json_t *facts,
                struct err *err);

/* State of a machine in our words: "running", "shut_off", "paused". */
const char *remote_look_state(const char *power);
