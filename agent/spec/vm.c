// SPDX-License-Identifier: Apache-2.0
/*
 * A VM that is to be made, as a value. What a peer may say of it is in
 * vm_json.c, where its devices sit in vm_place.c, its XML in vm_xml.c.
 */
#include "agent/spec/vm.h"

#include <string.h>

#include "agent/common/mem.h"

struct vm *
vm_new(void)
{
    return mem_zalloc(1, sizeof(struct vm));
}

void
vm_free(struct vm *vm)
{
    if (!vm)
        return;
    for (size_t i = 0; i < vm->ndisks; i++)
        disk_free(vm->disks[i]);
    for (size_t i = 0; i < vm->nnics; i++)
        vm_nic_clear(&vm->nics[i]);
    free(vm->disks);
    free(vm->ports);
    free(vm->name);
    free(vm->arch);
    free(vm->machine);
    free(vm->firmware);
    free(vm->virt);
    free(vm->guest_os);
    free(vm->graphics);
    free(vm->serial_log);
    free(vm->kernel);
    free(vm->initrd);
    free(vm->cmdline);
    free(vm);
}

/* "q35" and "pc-q35-7.2"; the other machines that are accepted are i440fx's
 * "pc" and "pc-i440fx-7.2". */
bool
vm_is_q35(const struct vm *vm)
{
    return strncmp(vm->machine, "q35", 3) == 0 ||
           strncmp(vm->machine, "pc-q35", 6) == 0;
}

bool
vm_os_has_virtio_scsi(const char *guest_os)
{
    return !guest_os || strcmp(guest_os, "windows_xp") != 0;
}

unsigned
vm_os_unit_max(const char *guest_os)
{
    return guest_os && strncmp(guest_os, "windows", 7) == 0
               ? ADDRESS_UNIT_ALLOC_MAX
               : ADDRESS_UNIT_MAX;
}
