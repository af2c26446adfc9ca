// SPDX-License-Identifier: Apache-2.0
/*
 * What a central engine keeps in a domain's <metadata>: the element vm in the
 * namespace below, with an entry per device that is joined to it by target
 * name or MAC. Read from a domain, and written as text without namespaces,
 * which is how libvirt takes it for one domain. Pure.
 */
#pragma once

#include "agent/common/json.h"
#include "agent/common/xml.h"

#define OVIRT_VM_URI "http://ovirt.org/vm/1.0"
#define OVIRT_VM_PREFIX "ovirt-vm"
#define OVIRT_VM_NAME "vm"
#define OVIRT_TUNE_URI "http://ovirt.org/vm/tune/1.0"
#define OVIRT_TUNE_PREFIX "ovirt-tune"
#define OVIRT_TUNE_NAME "qos"

/* The element of that namespace below <metadata>, or NULL. parent holds the
 * <metadata>: a <domain>, or the root of a document about one device. */
xmlNodePtr ovirt_find(xmlNodePtr parent, const char *uri);

/* The entry of a device: devtype "disk" with key "name", "interface" with
 * key "mac_address" …; NULL when there is none (vm may be NULL). */
xmlNodePtr ovirt_device(xmlNodePtr vm, const char *devtype, const char *key,
                        const char *value);

/* Text of a member of an entry, or of vm itself; owned, NULL when absent. */
char *ovirt_get(xmlNodePtr node, const char *name);

/* Put a member into a tree that has the namespaces of node; type is that of
 * its attribute ("float", "int", "bool"; NULL: text). Replaces it. */
void ovirt_put(xmlNodePtr node, const char *name, const char *type,
               const char *text);

/* A LUN without an imageID goes by its GUID: others look for it there. */
void ovirt_name_luns(xmlNodePtr vm);

/* The element as text, its namespaces left out; owned, NULL for NULL. */
char *ovirt_text(xmlNodePtr node);

/*
 * vm (as ovirt_text gave it, NULL: none yet) with the member that has the
 * name and the attributes (but "type") of fragment replaced by it, or, with
 * gone, taken out. Returns owned; NULL + err when one is no XML.
 */
char *ovirt_edit(const char *vm, const char *fragment, bool gone,
                 struct err *err);

/* What is there of the member that ovirt_edit would replace; owned, NULL. */
char *ovirt_member(const char *vm, const char *fragment);

/* The key's value ("sdb") of the disk entry in vm (text, may be NULL) that
 * agrees with every id that ids has: GUID, or poolID, domainID, imageID and
 * volumeID. Owned; NULL when none does, or ids names none. */
char *ovirt_drive(const char *vm, const json_t *ids);
