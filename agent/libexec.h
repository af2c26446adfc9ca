// SPDX-License-Identifier: Apache-2.0
/* The hook room as this installation has it, and its own two points. Main
 * thread. */
#pragma once

#include "agent/plan/env.h"

/* berth-exec and the Python modules lie in libexec beside berthd (the build
 * tree) or in ../libexec/berth (installed). Sweeps what an earlier berthd
 * left. Returns owned. */
struct hooks *libexec_hooks(const struct conf *conf);

/* Scripts of before_vdsm_start and after_vdsm_stop. */
void libexec_point(struct env *env, enum point_id point);
