// SPDX-License-Identifier: Apache-2.0
/*
 * A disk's source as one word: a path, or
 *   iscsi://HOST[:PORT]/IQN/LUN   nbd://HOST[:PORT]/EXPORT
 *   rbd:POOL/IMAGE                volume:POOL/VOLUME
 * A host with colons stands in brackets. Pure.
 */
#pragma once

#include "agent/common/buf.h"
#include "agent/common/json.h"

/* Give source (an object) the members that text says; what has none of the
 * forms above is a path, a device where it lies below /dev. */
int source_url_read(const char *text, json_t *source, struct err *err);

/* The word for a source that berthd tells. */
void source_url_print(const json_t *source, struct buf *out);
