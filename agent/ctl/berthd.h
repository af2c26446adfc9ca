// SPDX-License-Identifier: Apache-2.0
/* Where the berthd is that belongs to this berthctl, to be run by it. */
#pragma once

/* The one beside this program, in a build or an installation, else "berthd",
 * to be found on PATH. Returns owned. */
char *berthd_path(void);
