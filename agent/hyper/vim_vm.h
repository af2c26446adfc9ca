// SPDX-License-Identifier: Apache-2.0
/*
 * A virtual machine as vSphere tells it: properties read in one call, its
 * devices as plain structs. Reading blocks (worker threads); what is read is
 * the caller's own.
 */
#pragma once

#include "agent/common/uuid.h"
#include "agent/hyper/vim_session.h"

enum vim_kind { /* of a device that matters here */
    VIM_OTHER,
    VIM_SCSI, /* a SCSI controller; model tells which */
    VIM_IDE,
    VIM_SATA,
    VIM_DISK,
    VIM_CDROM,
};

enum vim_backing {
    VIM_BACKING_NONE,
    VIM_BACKING_FILE,   /* a .vmdk, or an .iso of a CD-ROM */
    VIM_BACKING_RDM,    /* a raw device mapping */
    VIM_BACKING_DEVICE, /* the host's or the client's own CD-ROM */
};

struct vim_device {
    enum vim_kind kind;
    char type[64];      /* "VirtualDisk", "ParaVirtualSCSIController" … */
    int64_t key;
    int64_t controller; /* key of its controller, 0: none */
    int unit;           /* -1: none */
    int bus;            /* a controller's number, -1 */
    char sharing[32];   /* a controller's sharedBus; a disk's sharing */
    enum vim_backing backing;
    char backing_type[64];
    char *path;         /* owned: "[ds] dir/file.vmdk", or NULL */
    char *lun;          /* owned: device name behind a mapping, or NULL */
    char *lun_uuid;     /* owned, or NULL */
    char *disk_uuid;    /* owned: backing.uuid, or NULL */
    char mode[40];      /* diskMode */
    char compat[24];    /* compatibilityMode of a mapping */
    bool thin;
    bool connected;
    uint64_t size;      /* bytes, of a disk */
};

struct vim_question {
    char id[64]; /* "": none is open */
    char *text;  /* owned */
    struct vim_choice {
        char key[64];
        char *label; /* owned */
    } *choices; /* owned */
    size_t nchoices;
    int deflt; /* index, -1: none */
};
void vim_question_clear(struct vim_question *question);
/* From the value of runtime.question. */
void vim_question_read(xmlNodePtr val, struct vim_question *question);

struct vim_vm {
    struct vim_ref ref;
    struct vim_ref host;
    char name[256];
    char uuid[UUID_TEXT];
    char power[24];         /* "poweredOn", "poweredOff", "suspended" */
    char vmx[1024];         /* "[ds] dir/name.vmx" */
    char change_version[64];
    int hardware;           /* 13 of "vmx-13", 0: unknown */
    struct vim_device *devices; /* owned */
    size_t ndevices;
    struct vim_question question;
};
void vim_vm_clear(struct vim_vm *vm);
#define CLEANUP_VIM_VM CLEANUP(vim_vm_clear)

/* Everything above of that machine; NOT_FOUND when it is gone. */
int vim_vm_read(struct vim *vim, const struct vim_ref *ref, struct vim_vm *vm,
                struct err *err);

/* By BIOS UUID; NOT_FOUND. */
int vim_vm_find(struct vim *vim, const char *uuid, struct vim_ref *ref,
                struct err *err);

const struct vim_device *vim_vm_device(const struct vim_vm *vm, int64_t key);

/* The property of that name of an object in an answer of
 * RetrievePropertiesEx; NULL when the server left it out. */
xmlNodePtr vim_vm_property(xmlNodePtr object, const char *name);

/*
 * Properties of one object; paths ends with NULL. *object is borrowed from
 * answer; NOT_FOUND when the server does not know it.
 */
int vim_vm_retrieve(struct vim *vim, const struct vim_ref *ref,
                    const char *const *paths, struct vim_answer *answer,
                    xmlNodePtr *object, struct err *err);

/* The call by which that server tells properties. */
const char *vim_vm_retrieve_method(const struct vim_about *about);

/* For tests: devices of one ArrayOfVirtualDevice. */
void vim_vm_read_devices(xmlNodePtr array, struct vim_vm *vm);

struct vim_lun { /* of a host */
    char name[256];  /* "naa.6000…" */
    char path[512];  /* "/vmfs/devices/disks/naa.6000…", "" for no disk */
    char uuid[128];
    char vendor[64], model[64];
    uint64_t size;
};

/* LUNs that are disks, of that host; *out owned (free). */
int vim_vm_luns(struct vim *vim, const struct vim_ref *host,
                struct vim_lun **out, size_t *n, struct err *err);
