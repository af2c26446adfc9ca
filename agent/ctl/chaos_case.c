// SPDX-License-Identifier: Apache-2.0
/*
 * Every mutating verb, in each form that plans other steps. The long ones
 * come first, so that jobs end together. VMs stay paused where no guest is
 * needed: they cost no processor time.
 */
#include "agent/ctl/chaos_case.h"

#define ID(n) "'c4a05000-0000-4000-8000-0000000000" n "'"
#define VM_ID "'vm_id':" ID("01")
#define DATA ID("0a")
#define SPARE ID("0b")
#define DRIVE ID("0c")
#define EXTRA ID("0d")
#define MORE ID("0e")

#define IN_VM "'vm':'" CHAOS_CASE_VM "'"
#define IMAGE(name) \
    "'source':{'type':'file','path':'$I/" name "','format':'raw'}"
#define NEW_VM VM_ID ",'name':'" CHAOS_CASE_VM "','memory':67108864,'vcpus':1"

#define DEFINE                                                                 \
    {                                                                          \
        "CreateVm",                                                            \
            "{" NEW_VM ",'disks':["                                            \
            "{'disk_id':" DATA                                                 \
            "," IMAGE("data.raw") ",'size':1048576},"                          \
                                  "{'disk_id':" DRIVE                          \
                                  ",'kind':'cdrom','interface':'sata'," IMAGE( \
                                      "a.iso") ",'read_only':true}]}"          \
    }
#define ADD_SPARE                                                            \
    {                                                                        \
        "AddDisk", "{" IN_VM ",'disk_id':" SPARE                             \
                   "," IMAGE("spare.raw") ",'size':1048576,'plugged':false}" \
    }
#define START_PAUSED                           \
    {                                          \
        "StartVm", "{" IN_VM ",'paused':true}" \
    }
#define START                    \
    {                            \
        "StartVm", "{" IN_VM "}" \
    }
#define DESTROY                    \
    {                              \
        "DestroyVm", "{" IN_VM "}" \
    }
#define ADD_EXTRA                                            \
    {                                                        \
        "AddDisk", "{" IN_VM ",'disk_id':" EXTRA             \
                   "," IMAGE("extra.raw") ",'size':1048576}" \
    }
#define ADD_TWO                                                               \
    {                                                                         \
        "AddDisk",                                                            \
            "{" IN_VM ",'disks':[{'disk_id':" EXTRA                           \
            "," IMAGE("extra.raw") ",'size':1048576},{'disk_id':" MORE        \
                                   "," IMAGE("more.raw") ",'size':1048576}]}" \
    }
#define DROP(id)                                                \
    {"HotUnplugDisk", ON_DISK(id)},                             \
    {                                                           \
        "RemoveDisk", "{" IN_VM ",'disk':" id ",'delete':true}" \
    }
#define ON_DISK(id) "{" IN_VM ",'disk':" id "}"
#define LIMIT(n)                                                      \
    {                                                                 \
        "UpdateVmDisk", "{" IN_VM ",'disk':" DATA                     \
                        ",'set':{'iotune':{'total_iops_sec':" n "}}}" \
    }
#define MEDIUM(name)                                               \
    {                                                              \
        "ChangeCd", "{" IN_VM ",'disk':" DRIVE "," IMAGE(name) "}" \
    }
#define CREATE_FULL                                                          \
    {                                                                        \
        "CreateVm", "{" NEW_VM ",'autostart':true,'disks':[{'disk_id':" DATA \
                    "," IMAGE("data.raw") ",'size':1048576}]}"               \
    }
#define CONFIGURE                                                       \
    {                                                                   \
        "UpdateVm",                                                     \
            "{" IN_VM ",'memory':134217728,'vcpus':2,'autostart':true," \
            "'virtio_scsi':true}"                                       \
    }

#define TWO_CONTROLLERS                                                       \
    {                                                                         \
        "UpdateVm", "{" IN_VM ",'controllers':[{'index':0,'queues':2},"       \
                    "{'index':1,'iothread':1}]}"                              \
    }

#define END        \
    {              \
        NULL, NULL \
    }

static const struct chaos_call nothing[] = {END};
static const struct chaos_call defined[] = {DEFINE, ADD_SPARE, END};
static const struct chaos_call paused[] = {DEFINE, ADD_SPARE, START_PAUSED,
                                           END};
static const struct chaos_call running[] = {DEFINE, START, END};
static const struct chaos_call without_controller[] = {
    {"CreateVm", "{" NEW_VM ",'virtio_scsi':false}"}, END};
/* Its definition has a controller that the running domain lacks. */
static const struct chaos_call lacking_controller[] = {
    {"CreateVm", "{" NEW_VM ",'virtio_scsi':false}"},
    START_PAUSED,
    {"UpdateVm", "{" IN_VM ",'virtio_scsi':true}"},
    END};

static const struct chaos_call drop_extra[] = {DROP(EXTRA), END};
static const struct chaos_call drop_two[] = {DROP(EXTRA), DROP(MORE), END};
static const struct chaos_call unplug_spare[] = {
    {"HotUnplugDisk", ON_DISK(SPARE)}, END};
static const struct chaos_call plug_data[] = {{"HotPlugDisk", ON_DISK(DATA)},
                                              END};
static const struct chaos_call no_limit[] = {LIMIT("0"), END};
static const struct chaos_call first_medium[] = {MEDIUM("a.iso"), END};
static const struct chaos_call add_spare[] = {ADD_SPARE, END};
static const struct chaos_call destroy[] = {DESTROY, END};
static const struct chaos_call start_paused[] = {START_PAUSED, END};
static const struct chaos_call resume[] = {{"ResumeVm", "{" IN_VM "}"}, END};
static const struct chaos_call suspend[] = {{"SuspendVm", "{" IN_VM "}"}, END};

const struct chaos_case chaos_case_rows[] = {
    {"add-first", "a disk, and the controller that it needs first",
     lacking_controller, ADD_EXTRA, NULL, CHAOS_NO_FAULT},
    {"batch", "two disks with new images in one operation", paused, ADD_TWO,
     drop_two, CHAOS_NO_FAULT},
    {"configure", "memory, vCPUs, autostart, virtio_scsi", without_controller,
     CONFIGURE, NULL, CHAOS_NO_FAULT},
    {"controllers", "a second controller on an I/O thread that comes first",
     paused, TWO_CONTROLLERS, NULL, CHAOS_NO_FAULT},
    {"create", "a VM with a new image", nothing, CREATE_FULL, NULL,
     CHAOS_NO_FAULT},
    {"add", "a disk with a new image, plugged", paused, ADD_EXTRA, drop_extra,
     CHAOS_NO_FAULT},
    {"plug",
     "a recorded disk",
     paused,
     {"HotPlugDisk", ON_DISK(SPARE)},
     unplug_spare,
     CHAOS_NO_FAULT},
    {"unplug",
     "a plugged disk",
     paused,
     {"HotUnplugDisk", ON_DISK(DATA)},
     plug_data,
     CHAOS_NO_FAULT},
    {"update", "I/O limits of a plugged disk", paused, LIMIT("500"), no_limit,
     CHAOS_NO_FAULT},
    {"cd", "another medium", paused, MEDIUM("b.iso"), first_medium,
     CHAOS_NO_FAULT},
    {"remove",
     "an unplugged disk with its image",
     paused,
     {"RemoveDisk", "{" IN_VM ",'disk':" SPARE ",'delete':true}"},
     add_spare,
     CHAOS_NO_FAULT},
    {"resize",
     "a plugged disk",
     paused,
     {"ResizeDisk", "{" IN_VM ",'disk':" DATA ",'size':2097152}"},
     NULL,
     CHAOS_NO_FAULT},
    {"resize-off",
     "an unplugged disk",
     paused,
     {"ResizeDisk", "{" IN_VM ",'disk':" SPARE ",'size':2097152}"},
     NULL,
     CHAOS_NO_FAULT},
    {"start", "a VM", defined, START_PAUSED, destroy, CHAOS_NO_FAULT},
    {"destroy", "a paused VM", paused, DESTROY, start_paused, CHAOS_NO_FAULT},
    {"suspend",
     "a running VM",
     running,
     {"SuspendVm", "{" IN_VM "}"},
     resume,
     CHAOS_NO_FAULT},
    {"resume",
     "a paused VM",
     paused,
     {"ResumeVm", "{" IN_VM "}"},
     suspend,
     CHAOS_NO_FAULT},
    {"reset",
     "a paused VM",
     paused,
     {"RebootVm", "{" IN_VM ",'reset':true}"},
     NULL,
     CHAOS_NO_FAULT},
    {"shutdown",
     "a running VM whose guest does not listen",
     running,
     {"ShutdownVm", "{" IN_VM "}"},
     NULL,
     CHAOS_NO_FAULT},
    {"delete",
     "a defined VM",
     defined,
     {"DeleteVm", "{" IN_VM "}"},
     NULL,
     CHAOS_NO_FAULT},
    {"first-undone", "add-first, and the definition cannot be written",
     lacking_controller, ADD_EXTRA, NULL, CHAOS_NO_DEFINE},
    {"controllers-undone", "controllers, and the definition cannot be written",
     paused, TWO_CONTROLLERS, NULL, CHAOS_NO_DEFINE},
    {"add-undone", "add, and the definition cannot be written", paused,
     ADD_EXTRA, NULL, CHAOS_NO_DEFINE},
    {"batch-undone", "batch, and the definition cannot be written", paused,
     ADD_TWO, NULL, CHAOS_NO_DEFINE},
    {"unplug-undone",
     "unplug, and the definition cannot be written",
     paused,
     {"HotUnplugDisk", ON_DISK(DATA)},
     NULL,
     CHAOS_NO_DEFINE},
    {"update-undone", "update, and the definition cannot be written", paused,
     LIMIT("500"), NULL, CHAOS_NO_DEFINE},
    {"cd-undone", "cd, and the definition cannot be written", paused,
     MEDIUM("b.iso"), NULL, CHAOS_NO_DEFINE},
    {"create-undone", "create, and autostart cannot be set", nothing,
     CREATE_FULL, NULL, CHAOS_NO_AUTOSTART},
    {"configure-undone", "configure, and autostart cannot be set",
     without_controller, CONFIGURE, NULL, CHAOS_NO_AUTOSTART},
};
const size_t chaos_case_nrows =
    sizeof(chaos_case_rows) / sizeof(*chaos_case_rows);
