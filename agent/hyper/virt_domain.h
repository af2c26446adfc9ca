// SPDX-License-Identifier: Apache-2.0
/* Whole domains over libvirt: questions, definitions, life cycle. The
 * functions are rows of a backend's table as hyper/ops.h describes them;
 * backend is a struct virt. */
#pragma once

#include "agent/hyper/ops.h"

json_t *virt_domain_info(void *backend, struct err *err);
int virt_domain_list(void *backend, struct hyper_domain **out, size_t *n,
                     struct err *err);
int virt_domain_find(void *backend, const char *ref, struct hyper_domain *out,
                     struct err *err);
char *virt_domain_xml(void *backend, const char *uuid, enum hyper_xml which,
                      struct err *err);
enum hyper_at virt_domain_at(void *backend, const char *uuid,
                             struct err *err);
int virt_domain_define(void *backend, const char *xml, struct err *err);
int virt_domain_undefine(void *backend, const char *uuid, struct err *err);
int virt_domain_start(void *backend, const char *uuid, bool paused,
                      struct err *err);
int virt_domain_shutdown(void *backend, const char *uuid, struct err *err);
int virt_domain_destroy(void *backend, const char *uuid, struct err *err);
int virt_domain_reboot(void *backend, const char *uuid, bool reset,
                       struct err *err);
int virt_domain_suspend(void *backend, const char *uuid, struct err *err);
int virt_domain_resume(void *backend, const char *uuid, struct err *err);
int virt_domain_autostart(void *backend, const char *uuid, bool on,
                          struct err *err);
/* The definition's only: a guest that runs keeps what it has. */
int virt_domain_memory(void *backend, const char *uuid, uint64_t bytes,
                       struct err *err);
int virt_domain_vcpus(void *backend, const char *uuid, unsigned count,
                      struct err *err);

/* By letting libvirt make QEMU's command line of it, which begins with what
 * a definition is held against, and leaves nothing behind. */
int virt_domain_accepts(void *backend, const char *xml, struct err *err);
