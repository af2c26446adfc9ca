// SPDX-License-Identifier: Apache-2.0
/*
 * A domain of the fake backend as an XML tree, and the edits that libvirt
 * would make in it: what must be unique is checked as there, and no address
 * or alias is invented. Pure.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/uuid.h"
#include "agent/common/xml.h"
#include "agent/hyper/ops.h"

/* A definition: name and uuid (made when missing) are found in it, aliases
 * that are not the user's ("ua-…") are dropped. Returns owned. */
xmlDocPtr fake_tree_define(const char *xml, char uuid[UUID_TEXT],
                           char name[256], struct err *err);

/* The running tree of a definition; returns owned. */
xmlDocPtr fake_tree_start(xmlDocPtr config, int id);

/* Attach a device element; its alias goes to alias ("" without one). */
int fake_tree_attach(xmlDocPtr live, const char *xml, bool wrong_address,
                     char alias[128], struct err *err);

/* Add a SCSI controller that nobody asked for. */
void fake_tree_stray_controller(xmlDocPtr live);

/* The device of that alias, the disk of that target; NULL + err. */
xmlNodePtr fake_tree_by_alias(xmlDocPtr doc, const char *alias,
                              struct err *err);
xmlNodePtr fake_tree_by_target(xmlDocPtr doc, const char *target,
                               struct err *err);

/* A tree that begins to run: PCI devices without an address get one. */
void fake_tree_place(xmlDocPtr live);

/* Replace, or take out, an element below <metadata>. */
int fake_tree_metadata(xmlDocPtr live, const struct hyper_metadata *metadata,
                       struct err *err);
void fake_tree_live_vcpus(xmlDocPtr live, unsigned count);

/* Change a disk in place, named by the target in xml; anything else by its
 * alias, graphics by their type. */
int fake_tree_update(xmlDocPtr live, const char *xml, struct err *err);

/* Its numbers are written out, as libvirt does after a change. */
int fake_tree_iothread(xmlDocPtr live, unsigned id, bool add, struct err *err);

void fake_tree_iotune(xmlNodePtr disk, const struct hyper_tune *tune, size_t n);
void fake_tree_memory(xmlDocPtr config, uint64_t bytes);
void fake_tree_vcpus(xmlDocPtr config, unsigned count);
