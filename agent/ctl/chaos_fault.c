// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt writes NAME.xml.new and renames it, and autostart is a link: a
 * folder of that name stops either, root or not.
 */
#include "agent/ctl/chaos_fault.h"

#include "agent/common/file.h"
#include "agent/common/mem.h"

static char *
obstacle(const struct chaos_lab *lab, enum chaos_fault fault)
{
    return mem_printf("%s/%s", lab->definitions,
                      fault == CHAOS_NO_DEFINE ? CHAOS_CASE_VM ".xml.new"
                                               : "autostart/" CHAOS_CASE_VM
                                                 ".xml");
}

int
chaos_fault_put(const struct chaos_lab *lab, enum chaos_fault fault,
                struct err *err)
{
    CLEANUP_FREE char *path = obstacle(lab, fault);

    return fault == CHAOS_NO_FAULT ? 0 : file_mkdirs(path, 0755, err);
}

void
chaos_fault_take(const struct chaos_lab *lab, enum chaos_fault fault)
{
    CLEANUP_FREE char *path = obstacle(lab, fault);

    if (fault != CHAOS_NO_FAULT)
        rmdir(path);
}

const char *
chaos_fault_step(enum chaos_fault fault)
{
    static const char *const steps[] = {
        [CHAOS_NO_FAULT] = NULL,
        [CHAOS_NO_DEFINE] = "define",
        [CHAOS_NO_AUTOSTART] = "set_autostart",
    };

    return steps[fault];
}
