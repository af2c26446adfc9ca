// SPDX-License-Identifier: Apache-2.0
/*
 * The one door to libxml2: only this header includes it. Documents are built
 * and edited as trees, so no caller's string becomes markup; text that comes
 * in is parsed without network, entities or DTDs and is bounded. One owner
 * per document; any thread (xml_init in main first).
 */
#pragma once

#include <libxml/tree.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/common/cleanup.h"
#include "agent/common/err.h"

void xml_init(void);    /* main, before threads */
void xml_cleanup(void); /* main, at the end */

/* Parse at most 16 MiB; returns owned, NULL + err (INVALID, LIMIT). A DTD
 * or an entity declaration is refused. */
xmlDocPtr xml_parse(const char *text, size_t len, struct err *err);

/* An empty document with this root element; returns owned. */
xmlDocPtr xml_new(const char *root);
xmlNodePtr xml_root(xmlDocPtr doc);

/* Text of a node and what is below it, no XML declaration; returns owned. */
char *xml_text(xmlNodePtr node);

/* Indented text of a node (two spaces); returns owned. */
char *xml_pretty(xmlNodePtr node);

/* First child element of that local name (any when NULL), whatever its
 * namespace; NULL if none (node may be NULL). */
xmlNodePtr xml_child(xmlNodePtr node, const char *name);

/* Next sibling element of that name (any when NULL); NULL at the end. */
xmlNodePtr xml_next(xmlNodePtr node, const char *name);

/* Nested child by path "devices/disk" (first match at each level). */
xmlNodePtr xml_path(xmlNodePtr node, const char *path);

bool xml_is(xmlNodePtr node, const char *name);

/* Attribute or content as text; returns owned, NULL if absent. */
char *xml_attr(xmlNodePtr node, const char *name);
char *xml_content(xmlNodePtr node);
bool xml_attr_is(xmlNodePtr node, const char *name, const char *value);

/* Number of an attribute (decimal or 0x…); fallback when absent or bad. */
int64_t xml_attr_int(xmlNodePtr node, const char *name, int64_t fallback);

/* Builders: new element with optional text (NULL: none); set attributes.
 * Text that XML 1.0 cannot hold (control characters) must have been refused
 * before; here it is dropped. An attribute whose value is NULL is not set. */
xmlNodePtr xml_add(xmlNodePtr parent, const char *name, const char *text);
void xml_set(xmlNodePtr node, const char *name, const char *value);
void xml_set_int(xmlNodePtr node, const char *name, int64_t value);
void xml_set_hex(xmlNodePtr node, const char *name, unsigned value, int width);
void xml_remove(xmlNodePtr node); /* unlink and free */

/* Deep copy of node as last child of parent (may be another document). */
xmlNodePtr xml_copy_into(xmlNodePtr parent, xmlNodePtr node);

/* Whether text is UTF-8 and every character is allowed in XML 1.0. */
bool xml_text_ok(const char *text);

CLEANUP_DEFINE(xml_doc_cleanup_, xmlDoc, xmlFreeDoc)
#define CLEANUP_XML CLEANUP(xml_doc_cleanup_)
