// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as XML: refused with a message, or a tree without a document type
 * that can be walked, printed and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/common/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(xmlNodePtr node)
{
    for (; node; node = xml_next(node, NULL)) {
        free(xml_content(node));
        free(xml_attr(node, "type"));
        xml_attr_int(node, "index", 0);
        walk(xml_child(node, NULL));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    CLEANUP_XML xmlDocPtr doc = xml_parse((const char *)data, size, &err);
    CLEANUP_XML xmlDocPtr again = NULL;
    CLEANUP_FREE char *text = NULL, *pretty = NULL;

    if (!doc) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return 0;
    }
    if (doc->intSubset || doc->extSubset)
        abort();
    walk(xml_root(doc));
    pretty = xml_pretty(xml_root(doc));
    text = xml_text(xml_root(doc));
    again = xml_parse(text, strlen(text), &err);
    if (!again)
        abort();
    return 0;
}
