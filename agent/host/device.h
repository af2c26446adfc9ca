// SPDX-License-Identifier: Apache-2.0
/* The name by which this host knows a block device. Any thread. */
#pragma once

/* "/dev/sdb", "/dev/mapper/mpatha (dm-3)": what the links of a path below
 * /dev end at; NULL where there is nothing, or elsewhere. Returns owned. */
char *device_name(const char *path);
