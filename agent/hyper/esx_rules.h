// SPDX-License-Identifier: Apache-2.0
/*
 * What a VMware host takes, checked before any call: libvirt and servers
 * round, ignore or crash where these are broken. Pure.
 * Source: libvirt's page on its ESX driver; "Configuration Maximums" of
 * vSphere for places of SCSI disks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/common/err.h"

#define ESX_BUSES 4          /* SCSI controllers of a machine */
#define ESX_OWN_UNIT 7       /* the controller's own */
#define ESX_MEMORY_STEP (4u << 20)

/* "[datastore] folder/file.vmdk" (or .iso): no "..", one blank after the
 * bracket, a folder. param is named in the error. */
int esx_rules_path(const char *param, const char *path, const char *suffix,
                   struct err *err);

/* Units of a SCSI controller of that vSphere type, 7 among them. */
int esx_rules_units(const char *type, int hardware);

/* "vmpvscsi" → "ParaVirtualSCSIController"; NULL when it is no model. */
const char *esx_rules_type(const char *model);
const char *esx_rules_model(const char *type); /* and back; NULL */

/* Memory in whole steps of 4 MiB; vCPUs above 0. */
int esx_rules_memory(uint64_t bytes, struct err *err);

/* A MAC address by its type as libvirt's page has it: "static" keeps any,
 * "generated" and "vpx" are of VMware's own ranges, NULL is one that an
 * administrator may choose. */
int esx_rules_mac(const char *param, const char *mac, const char *type,
                  struct err *err);
