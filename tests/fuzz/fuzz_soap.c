// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the answer of a vSphere server: refused in words, or read into
 * a machine whose disks can be listed and placed.
 */
#include <stdlib.h>

#include "agent/plan/remote_disks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_machine(xmlNodePtr body)
{
    static const struct remote_place_wish wish = {"auto", -1, -1, NULL};
    xmlNodePtr object = xml_path(body, "returnval/objects");
    CLEANUP_VIM_VM struct vim_vm vm = {.hardware = 14};
    CLEANUP_JSON json_t *disks = NULL;
    struct remote_place place;
    struct err err = ERR_INIT;

    vim_vm_read_devices(vim_vm_property(object, "config.hardware.device"),
                        &vm);
    vim_question_read(vim_vm_property(object, "runtime.question"),
                      &vm.question);
    disks = remote_disks_merge(&vm, NULL);
    if (remote_disks_place(&vm, disks, &wish, &place, &err) < 0 &&
        !err.message[0])
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_XML xmlDocPtr doc = NULL;
    struct vim_fault fault;
    struct err err = ERR_INIT;
    xmlNodePtr body;

    doc = vim_soap_reply((const char *)data, size, "RetrievePropertiesEx",
                         &body, &fault, &err);
    if (doc)
        read_machine(body);
    else if (!err.message[0])
        abort();
    return 0;
}
