// SPDX-License-Identifier: Apache-2.0
/*
 * Properties in, structs out. What a server leaves out is left empty: which
 * properties exist depends on its version and on the machine's state.
 */
#include "agent/hyper/vim_vm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

static const struct {
    const char *type;
    enum vim_kind kind;
} kinds[] = {
    {"VirtualDisk", VIM_DISK},
    {"VirtualCdrom", VIM_CDROM},
    {"ParaVirtualSCSIController", VIM_SCSI},
    {"VirtualLsiLogicController", VIM_SCSI},
    {"VirtualLsiLogicSASController", VIM_SCSI},
    {"VirtualBusLogicController", VIM_SCSI},
    {"VirtualIDEController", VIM_IDE},
    {"VirtualAHCIController", VIM_SATA},
};

static void
copy_text(xmlNodePtr node, const char *name, char *to, size_t size)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, name);

    snprintf(to, size, "%s", text ? text : "");
}

/* Text of a child, NULL when it is absent or empty; owned. */
static char *
own_text(xmlNodePtr node, const char *name)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, name);

    return text && *text ? STEAL(text) : NULL;
}

/* --- devices ------------------------------------------------------------- */

static void
read_backing(xmlNodePtr node, struct vim_device *device)
{
    CLEANUP_FREE char *type = vim_soap_type(node);

    if (!node)
        return;
    snprintf(device->backing_type, sizeof(device->backing_type), "%s", type);
    device->path = own_text(node, "fileName");
    device->lun = own_text(node, "deviceName");
    device->lun_uuid = own_text(node, "lunUuid");
    device->disk_uuid = own_text(node, "uuid");
    device->thin = vim_soap_child_bool(node, "thinProvisioned");
    copy_text(node, "diskMode", device->mode, sizeof(device->mode));
    copy_text(node, "compatibilityMode", device->compat,
              sizeof(device->compat));
    if (device->kind == VIM_DISK)
        copy_text(node, "sharing", device->sharing, sizeof(device->sharing));
    if (strstr(type, "RawDiskMapping"))
        device->backing = VIM_BACKING_RDM;
    else
        device->backing =
            device->path ? VIM_BACKING_FILE : VIM_BACKING_DEVICE;
}

static uint64_t
capacity(xmlNodePtr node)
{
    int64_t bytes = vim_soap_child_int(node, "capacityInBytes", 0);
    int64_t kib = vim_soap_child_int(node, "capacityInKB", 0);

    if (bytes > 0)
        return (uint64_t)bytes;
    return kib > 0 && kib < INT64_MAX / 1024 ? (uint64_t)kib * 1024 : 0;
}

static void
read_device(xmlNodePtr node, struct vim_device *device)
{
    CLEANUP_FREE char *type = vim_soap_type(node);

    *device = (struct vim_device){
        .key = vim_soap_child_int(node, "key", 0),
        .controller = vim_soap_child_int(node, "controllerKey", 0),
        .unit = (int)vim_soap_child_int(node, "unitNumber", -1),
        .bus = (int)vim_soap_child_int(node, "busNumber", -1),
        .connected = vim_soap_child_bool(xml_child(node, "connectable"),
                                         "connected"),
        .size = capacity(node),
    };
    snprintf(device->type, sizeof(device->type), "%s", type);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].type, type) == 0)
            device->kind = kinds[i].kind;
    if (device->kind == VIM_SCSI)
        copy_text(node, "sharedBus", device->sharing, sizeof(device->sharing));
    if (device->kind == VIM_DISK || device->kind == VIM_CDROM)
        read_backing(xml_child(node, "backing"), device);
}

void
vim_vm_read_devices(xmlNodePtr array, struct vim_vm *vm)
{
    for (xmlNodePtr node = xml_child(array, "VirtualDevice"); node;
         node = xml_next(node, "VirtualDevice")) {
        vm->devices = mem_more(vm->devices, vm->ndevices, sizeof(*vm->devices));
        read_device(node, &vm->devices[vm->ndevices++]);
    }
}

const struct vim_device *
vim_vm_device(const struct vim_vm *vm, int64_t key)
{
    for (size_t i = 0; i < vm->ndevices; i++)
        if (vm->devices[i].key == key)
            return &vm->devices[i];
    return NULL;
}

/* --- questions ----------------------------------------------------------- */

void
vim_question_clear(struct vim_question *question)
{
    for (size_t i = 0; i < question->nchoices; i++)
        free(question->choices[i].label);
    free(question->choices);
    free(question->text);
    *question = (struct vim_question){.deflt = -1};
}

void
vim_question_read(xmlNodePtr val, struct vim_question *question)
{
    xmlNodePtr choice = xml_child(val, "choice");

    vim_question_clear(question);
    copy_text(val, "id", question->id, sizeof(question->id));
    question->text = own_text(val, "text");
    question->deflt = (int)vim_soap_child_int(choice, "defaultIndex", -1);
    for (xmlNodePtr node = xml_child(choice, "choiceInfo"); node;
         node = xml_next(node, "choiceInfo")) {
        struct vim_choice *to;

        question->choices = mem_more(question->choices, question->nchoices,
                                     sizeof(*question->choices));
        to = &question->choices[question->nchoices++];
        copy_text(node, "key", to->key, sizeof(to->key));
        to->label = own_text(node, "label");
    }
    if (question->deflt >= (int)question->nchoices)
        question->deflt = -1;
}

/* --- properties ---------------------------------------------------------- */

xmlNodePtr
vim_vm_property(xmlNodePtr object, const char *name)
{
    for (xmlNodePtr set = xml_child(object, "propSet"); set;
         set = xml_next(set, "propSet")) {
        CLEANUP_FREE char *is = vim_soap_child_text(set, "name");

        if (is && strcmp(is, name) == 0)
            return xml_child(set, "val");
    }
    return NULL;
}

const char *
vim_vm_retrieve_method(const struct vim_about *about)
{
    return about->old ? "RetrieveProperties" : "RetrievePropertiesEx";
}

static xmlDocPtr
properties_request(const struct vim_about *about, const struct vim_ref *ref,
                   const char *const *paths)
{
    xmlNodePtr call, spec, node;
    xmlDocPtr doc = vim_soap_request(vim_vm_retrieve_method(about),
                                     &about->property_collector, &call);

    spec = xml_add(call, "specSet", NULL);
    node = xml_add(spec, "propSet", NULL);
    xml_add(node, "type", ref->type);
    vim_soap_add_bool(node, "all", false);
    for (; *paths; paths++)
        xml_add(node, "pathSet", *paths);
    node = xml_add(spec, "objectSet", NULL);
    vim_soap_add_ref(node, "obj", ref);
    vim_soap_add_bool(node, "skip", false);
    if (!about->old)
        xml_add(call, "options", NULL);
    return doc;
}

int
vim_vm_retrieve(struct vim *vim, const struct vim_ref *ref,
                const char *const *paths, struct vim_answer *answer,
                xmlNodePtr *object, struct err *err)
{
    CLEANUP_XML xmlDocPtr request = NULL;
    struct vim_about about;

    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    request = properties_request(&about, ref, paths);
    if (vim_session_ask(vim, request, vim_vm_retrieve_method(&about), 0,
                        answer, err) < 0)
        return -1;
    *object = xml_path(answer->body,
                       about.old ? "returnval" : "returnval/objects");
    if (*object)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "The server does not know %s (any more)",
                   ref->id);
}

void
vim_vm_clear(struct vim_vm *vm)
{
    for (size_t i = 0; i < vm->ndevices; i++) {
        free(vm->devices[i].path);
        free(vm->devices[i].lun);
        free(vm->devices[i].lun_uuid);
        free(vm->devices[i].disk_uuid);
    }
    free(vm->devices);
    vim_question_clear(&vm->question);
    *vm = (struct vim_vm){.hardware = 0};
}

static void
copy_property(xmlNodePtr object, const char *name, char *to, size_t size)
{
    xmlNodePtr val = vim_vm_property(object, name);
    CLEANUP_FREE char *text = val ? xml_content(val) : NULL;

    snprintf(to, size, "%s", text ? text : "");
}

static void
read_properties(xmlNodePtr object, struct vim_vm *vm)
{
    char hardware[32];
    xmlNodePtr question = vim_vm_property(object, "runtime.question");

    vm->question.deflt = -1;
    copy_property(object, "name", vm->name, sizeof(vm->name));
    copy_property(object, "config.uuid", vm->uuid, sizeof(vm->uuid));
    for (char *c = vm->uuid; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    copy_property(object, "runtime.powerState", vm->power, sizeof(vm->power));
    copy_property(object, "summary.config.vmPathName", vm->vmx,
                  sizeof(vm->vmx));
    copy_property(object, "config.changeVersion", vm->change_version,
                  sizeof(vm->change_version));
    copy_property(object, "config.version", hardware, sizeof(hardware));
    sscanf(hardware, "vmx-%d", &vm->hardware);
    vim_soap_ref(vim_vm_property(object, "runtime.host"), &vm->host);
    vim_vm_read_devices(vim_vm_property(object, "config.hardware.device"), vm);
    if (question)
        vim_question_read(question, &vm->question);
}

static int
read_once(struct vim *vim, const struct vim_ref *ref, struct vim_vm *vm,
          struct err *err)
{
    static const char *const paths[] = {
        "name", "config.uuid", "config.hardware.device", "config.version",
        "config.changeVersion", "runtime.powerState", "runtime.question",
        "runtime.host", "summary.config.vmPathName", NULL};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    xmlNodePtr object;

    vim_vm_clear(vm);
    vm->ref = *ref;
    if (vim_vm_retrieve(vim, ref, paths, &answer, &object, err) < 0)
        return -1;
    read_properties(object, vm);
    return 0;
}

/* A session that has ended may be told by properties that are left out: a
 * machine without devices must not be planned with. */
static bool
is_whole(const struct vim_vm *vm)
{
    return vm->uuid[0] && vm->power[0] && vm->ndevices;
}

int
vim_vm_read(struct vim *vim, const struct vim_ref *ref, struct vim_vm *vm,
            struct err *err)
{
    *vm = (struct vim_vm){.hardware = 0};
    if (read_once(vim, ref, vm, err) < 0)
        return -1;
    if (is_whole(vm))
        return 0;
    vim_session_drop(vim);
    if (read_once(vim, ref, vm, err) < 0)
        return -1;
    if (is_whole(vm))
        return 0;
    return err_set(err, ERR_DENIED,
                   "The server does not tell the configuration of %s: the "
                   "account lacks the privilege System.Read on it, or its "
                   "files cannot be reached",
                   ref->id);
}

int
vim_vm_find(struct vim *vim, const char *uuid, struct vim_ref *ref,
            struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct vim_about about;
    xmlNodePtr call;

    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    request = vim_soap_request("FindByUuid", &about.search_index, &call);
    xml_add(call, "uuid", uuid);
    vim_soap_add_bool(call, "vmSearch", true);
    vim_soap_add_bool(call, "instanceUuid", false);
    if (vim_session_ask(vim, request, "FindByUuid", 0, &answer, err) < 0)
        return -1;
    /* One that nobody knows gives an empty answer, no fault. */
    if (vim_soap_ref(xml_child(answer.body, "returnval"), ref))
        return 0;
    return err_param(err, ERR_NOT_FOUND, "vm", uuid,
                     "the UUID of a machine of this hypervisor");
}

/* --- LUNs ---------------------------------------------------------------- */

static bool
read_lun(xmlNodePtr node, struct vim_lun *lun)
{
    xmlNodePtr capacity_node = xml_child(node, "capacity");
    int64_t block = vim_soap_child_int(capacity_node, "blockSize", 0);
    int64_t blocks = vim_soap_child_int(capacity_node, "block", 0);
    char type[32];

    *lun = (struct vim_lun){.size = 0};
    copy_text(node, "lunType", type, sizeof(type));
    copy_text(node, "canonicalName", lun->name, sizeof(lun->name));
    copy_text(node, "devicePath", lun->path, sizeof(lun->path));
    copy_text(node, "uuid", lun->uuid, sizeof(lun->uuid));
    copy_text(node, "vendor", lun->vendor, sizeof(lun->vendor));
    copy_text(node, "model", lun->model, sizeof(lun->model));
    if (block > 0 && blocks > 0 && blocks < INT64_MAX / block)
        lun->size = (uint64_t)(block * blocks);
    return strcmp(type, "disk") == 0 && lun->path[0];
}

int
vim_vm_luns(struct vim *vim, const struct vim_ref *host, struct vim_lun **out,
            size_t *n, struct err *err)
{
    static const char *const paths[] = {"config.storageDevice.scsiLun", NULL};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    xmlNodePtr object, list;

    *out = NULL;
    *n = 0;
    if (vim_vm_retrieve(vim, host, paths, &answer, &object, err) < 0)
        return -1;
    list = vim_vm_property(object, paths[0]);
    for (xmlNodePtr node = xml_child(list, "ScsiLun"); node;
         node = xml_next(node, "ScsiLun")) {
        *out = mem_more(*out, *n, sizeof(**out));
        *n += read_lun(node, &(*out)[*n]);
    }
    return 0;
}
