// SPDX-License-Identifier: Apache-2.0
/*
 * Any JSON as a disk and as a VM: refused by name, or a disk whose XML comes
 * back as what was asked, and a VM that can be placed and rendered.
 */
#include <stdlib.h>

#include "agent/spec/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_disk(const json_t *obj)
{
    struct err err = ERR_INIT;
    CLEANUP_DISK struct disk *disk = disk_from_json(obj, "", &err);
    CLEANUP_XML xmlDocPtr doc = NULL;
    CLEANUP_DISK struct disk *seen = NULL;
    CLEANUP_FREE char *mismatch = NULL;

    if (!disk) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return;
    }
    doc = xml_new("devices");
    seen = disk_from_xml(disk_to_xml(disk, xml_root(doc)));
    mismatch = disk_mismatch(disk, seen);
    if (mismatch)
        abort();
}

static void
try_vm(const json_t *obj)
{
    static const struct vm_defaults defaults = {true, 8, false, "qemu"};
    struct err err = ERR_INIT;
    CLEANUP_VM struct vm *vm = vm_from_json(obj, &defaults, &err);
    CLEANUP_FREE char *xml = NULL;
    CLEANUP_DOMAIN struct domain *domain = NULL;

    if (!vm || vm_place(vm, &err) < 0) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return;
    }
    xml = vm_xml(vm, NULL);
    domain = domain_parse(xml, &err);
    if (!domain || domain->ndisks != vm->ndisks)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = json_parse(
        (const char *)data, size, &(struct json_limits){.depth = 32}, &err);

    if (!json_is_object(obj))
        return 0;
    try_disk(obj);
    try_vm(obj);
    return 0;
}
