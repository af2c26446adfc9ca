// SPDX-License-Identifier: Apache-2.0
/*
 * Where a disk's data is: the source ⇄ JSON and libvirt's <source>, one row
 * per type. What is neither file nor block device has its parts in disk->far
 * and one text made of them in disk->path, so that two sources can be
 * compared, claimed and shown whatever their type. Pure.
 */
#pragma once

#include "agent/spec/disk.h"

/* A type of source. */
struct disk_source {
    const char *word; /* in JSON: "file", "iscsi", "none" … */
    const struct field *rows;
    size_t nrows;
    const char *xml;    /* type= of <disk> */
    const char *name;   /* the field that is far.name; NULL: none of far */
    unsigned port;      /* by default; 0: its hosts are a list */
    const char *secret; /* the type of its secret */
};
const struct disk_source *disk_source_of(enum disk_source_type type);

/* By its word; DISK_SOURCE_NONE for NULL, -1 when unknown. */
int disk_source_of_word(const char *word);

/* QEMU's own network client opens it, not the host's kernel. */
bool disk_source_is_network(enum disk_source_type type);

/* A peer's source against the rows of its type; prefix as in "disk.". */
int disk_source_check(const json_t *source, const char *prefix,
                      struct err *err);

/* Type and parts of a source that was checked, or that we recorded. */
void disk_source_read(const json_t *source, struct disk *disk);

/* One more host in far; the name is copied. */
void disk_source_host(struct disk_far *far, const char *name, unsigned port);

/* One text for what names the data of a source that has far; who may open it
 * is no part of it. Returns owned. */
char *disk_source_text(const struct disk *disk);

/* NULL where there is none. Returns owned. */
json_t *disk_source_to_json(const struct disk *disk);

/* The <source> of a <disk>. */
void disk_source_to_xml(const struct disk *disk, xmlNodePtr node);

/* A source that berth has no fields for is DISK_SOURCE_OTHER. */
void disk_source_from_xml(xmlNodePtr node, struct disk *disk);
