// SPDX-License-Identifier: Apache-2.0
/* libvirt's QEMU driver as a backend: qemu:///system and qemu:///session
 * (kvm_ops), qemu:///embed?root=DIR (kvm_embed_ops, which can do less). */
#pragma once

#include "agent/hyper/ops.h"

extern const struct hyper_ops kvm_ops;
extern const struct hyper_ops kvm_embed_ops;
