// SPDX-License-Identifier: Apache-2.0
/*
 * ReconfigVM_Task's specification, built change by change in the schema's
 * order. Pure but for vim_spec_send.
 */
#pragma once

#include "agent/hyper/vim_vm.h"

struct vim_spec; /* one reconfiguration of one machine */

/* change_version guards against who changes it between; NULL: none. */
struct vim_spec *vim_spec_new(const struct vim_ref *vm,
                              const char *change_version);
void vim_spec_free(struct vim_spec *spec);

/* A SCSI controller of that type on that bus. key is negative. */
void vim_spec_add_controller(struct vim_spec *spec, const char *type,
                             int64_t key, int bus);

struct vim_disk_spec { /* texts are borrowed */
    int64_t key;        /* negative: a new one */
    int64_t controller; /* key; negative: added by the same spec */
    int unit;
    const char *path;   /* "[ds] dir/file.vmdk" or "[ds]" */
    const char *lun;    /* device path: a raw mapping is made */
    const char *compat; /* "physicalMode", "virtualMode" */
    bool mapping;       /* path is a mapping that exists */
    const char *mode;   /* diskMode, NULL: the server's */
    const char *sharing; /* "sharingMultiWriter", NULL */
    uint64_t size;      /* bytes; 0: the file exists */
    int thin;           /* 1 thin, 0 thick, -1 the server's choice */
    bool create;        /* make the file */
};
void vim_spec_add_disk(struct vim_spec *spec, const struct vim_disk_spec *disk);

/* A disk that is there, with another size or mode: as read, changed. */
void vim_spec_edit_disk(struct vim_spec *spec, const struct vim_device *device,
                        uint64_t size, const char *mode);

/* Take it out; with destroy its file goes too (of a mapping, not the LUN). */
void vim_spec_remove_disk(struct vim_spec *spec,
                          const struct vim_device *device, bool destroy);

/* Another medium: path of an .iso, NULL: none. */
void vim_spec_edit_cd(struct vim_spec *spec, const struct vim_device *device,
                      const char *path);

/* Text of the request; returns owned. For tests and for the log. */
char *vim_spec_text(const struct vim_spec *spec);

/* Send it once. 0 with *task; -1 + err, *lost as in vim_session_change. */
int vim_spec_send(struct vim *vim, struct vim_spec *spec,
                  struct vim_ref *task, bool *lost, struct err *err);
