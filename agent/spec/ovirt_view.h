// SPDX-License-Identifier: Apache-2.0
/*
 * What an engine wants to know of a running domain that its XML tells, made
 * once when it is parsed: statistics are asked of all VMs at once. Pure.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/common/xml.h"

/*
 * {hash: changes when devices or their metadata do, start_time: seconds since
 * the epoch or null, balloon_min: KiB or null, graphics: [{type, port,
 * tls_port, address}], nics: [{name, mac, model}], disks: {"sda": {device,
 * type, path, format, ids: {imageID, GUID, …} or {}}}}. root: <domain>.
 * Returns owned.
 */
json_t *ovirt_view_make(xmlNodePtr root);
