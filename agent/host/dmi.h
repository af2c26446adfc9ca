// SPDX-License-Identifier: Apache-2.0
/*
 * What the machine's firmware calls it. root as in sysfs.h. Any thread.
 */
#pragma once

#include "agent/common/json.h"

/* {manufacturer, product, version, serial, uuid, family}, null where the
 * firmware (or our rights: serial and uuid are root's) does not tell.
 * Returns owned. */
json_t *dmi_read(const char *root);

/* What identifies this host to an engine: the id that was given to it in
 * /etc/vdsm/vdsm.id, else the firmware's, else systemd's machine id as a
 * UUID. Returns owned, NULL when none is there. */
char *dmi_host_id(const char *root);
