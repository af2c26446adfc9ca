// SPDX-License-Identifier: Apache-2.0
/*
 * The door to libxml2: parsing, printing, reading, building. A DTD stops the parser where
 * it begins, so no entity is ever declared; nothing is fetched. Text in
 * reports of libvirt and text of a peer come in by the same way.
 */
#include "agent/common/xml.h"

#include <errno.h>
#include <inttypes.h>
#include <libxml/parser.h>
#include <libxml/xmlIO.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"

#define MAX_TEXT (16u << 20)

void
xml_init(void)
{
    xmlInitParser();
}

void
xml_cleanup(void)
{
    xmlCleanupParser();
}

/* A document type begins: mark it in the context and stop. */
static void
refuse_dtd(void *data, const xmlChar *name, const xmlChar *external,
           const xmlChar *system)
{
    xmlParserCtxtPtr ctxt = data;

    (void)name;
    (void)external;
    (void)system;
    ctxt->_private = ctxt;
    xmlStopParser(ctxt);
}

static int
explain(xmlParserCtxtPtr ctxt, struct err *err)
{
    const xmlError *why = xmlCtxtGetLastError(ctxt);
    const char *text = why && why->message ? why->message : "unknown error";

    if (ctxt->_private)
        return err_set(err, ERR_INVALID,
                       "The XML has a document type (DTD), which is refused; "
                       "remove the <!DOCTYPE …> declaration");
    return err_set(err, ERR_INVALID, "Not well-formed XML at line %d: %.*s",
                   why ? why->line : 0, (int)strcspn(text, "\n"), text);
}

xmlDocPtr
xml_parse(const char *text, size_t len, struct err *err)
{
    const int flags = XML_PARSE_NONET | XML_PARSE_NOERROR |
                      XML_PARSE_NOWARNING | XML_PARSE_NOCDATA;
    xmlParserCtxtPtr ctxt;
    xmlDocPtr doc;

    if (len > MAX_TEXT) {
        err_set(err, ERR_LIMIT, "The XML has %zu bytes; at most %u are read",
                len, MAX_TEXT);
        return NULL;
    }
    ctxt = xmlNewParserCtxt();
    if (!ctxt)
        abort();
    ctxt->sax->internalSubset = refuse_dtd;
    doc = xmlCtxtReadMemory(ctxt, text, (int)len, NULL, NULL, flags);
    if (!doc || ctxt->_private) {
        explain(ctxt, err);
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(ctxt);
    return doc;
}

static int
take_text(void *to, const char *data, int len)
{
    buf_add(to, data, (size_t)len);
    return len;
}

static char *
print(xmlNodePtr node, int format)
{
    struct buf text = BUF_INIT;
    xmlOutputBufferPtr out =
        xmlOutputBufferCreateIO(take_text, NULL, &text, NULL);

    if (!out)
        abort();
    xmlNodeDumpOutput(out, node->doc, node, 0, format, "UTF-8");
    if (xmlOutputBufferClose(out) < 0)
        abort();
    return buf_steal(&text);
}

char *
xml_text(xmlNodePtr node)
{
    return print(node, 0);
}

/* Old indentation would keep the printer from making its own. */
static void
drop_blanks(xmlNodePtr node)
{
    bool structured = xmlFirstElementChild(node) != NULL;

    for (xmlNodePtr child = node->children, next; child; child = next) {
        next = child->next;
        if (child->type == XML_ELEMENT_NODE)
            drop_blanks(child);
        else if (structured && xmlIsBlankNode(child))
            xml_remove(child);
    }
}

char *
xml_pretty(xmlNodePtr node)
{
    CLEANUP_XML xmlDocPtr doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNodePtr copy = doc ? xmlDocCopyNode(node, doc, 1) : NULL;

    if (!copy)
        abort();
    xmlDocSetRootElement(doc, copy);
    drop_blanks(copy);
    return print(copy, 1);
}

xmlDocPtr
xml_new(const char *root)
{
    xmlDocPtr doc = xmlNewDoc(BAD_CAST "1.0");
    xmlNodePtr node = doc ? xmlNewDocNode(doc, NULL, BAD_CAST root, NULL) : NULL;

    if (!node)
        abort();
    xmlDocSetRootElement(doc, node);
    return doc;
}

xmlNodePtr
xml_root(xmlDocPtr doc)
{
    return xmlDocGetRootElement(doc);
}

bool
xml_is(xmlNodePtr node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE &&
           xmlStrEqual(node->name, BAD_CAST name);
}

/* First element of that name (any when NULL) among node and its followers. */
static xmlNodePtr
from_here(xmlNodePtr node, const char *name)
{
    for (; node; node = node->next)
        if (name ? xml_is(node, name) : node->type == XML_ELEMENT_NODE)
            return node;
    return NULL;
}

xmlNodePtr
xml_child(xmlNodePtr node, const char *name)
{
    return node ? from_here(node->children, name) : NULL;
}

xmlNodePtr
xml_next(xmlNodePtr node, const char *name)
{
    return node ? from_here(node->next, name) : NULL;
}

xmlNodePtr
xml_path(xmlNodePtr node, const char *path)
{
    while (node && *path) {
        size_t len = strcspn(path, "/");
        CLEANUP_FREE char *name = mem_ndup(path, len);

        node = xml_child(node, name);
        path += len;
        path += *path == '/';
    }
    return node;
}

char *
xml_attr(xmlNodePtr node, const char *name)
{
    return node ? (char *)xmlGetNoNsProp(node, BAD_CAST name) : NULL;
}

char *
xml_content(xmlNodePtr node)
{
    return node ? (char *)xmlNodeGetContent(node) : NULL;
}

bool
xml_attr_is(xmlNodePtr node, const char *name, const char *value)
{
    CLEANUP_FREE char *have = xml_attr(node, name);

    return have && strcmp(have, value) == 0;
}

int64_t
xml_attr_int(xmlNodePtr node, const char *name, int64_t fallback)
{
    CLEANUP_FREE char *text = xml_attr(node, name);
    int base = text && strncmp(text, "0x", 2) == 0 ? 16 : 10;
    char *end;
    int64_t value;

    if (!text || !*text)
        return fallback;
    errno = 0;
    value = strtoll(text, &end, base);
    return *end || errno ? fallback : value;
}

/* XML 1.0 production [2] Char. */
static bool
is_char(uint32_t c)
{
    return c >= 0x20 ? c != 0xfffe && c != 0xffff
                     : c == '\t' || c == '\n' || c == '\r';
}

bool
xml_text_ok(const char *text)
{
    size_t len = strlen(text);
    uint32_t code;
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = utf8_next(text + i, len - i, &code);
        if (n == 0 || !is_char(code))
            return false;
    }
    return true;
}

/* A copy without what XML 1.0 cannot hold; NULL for NULL; returns owned. */
static char *
allowed(const char *text)
{
    char *copy = mem_dup(text);
    char *to = copy;
    size_t len = text ? strlen(text) : 0;
    uint32_t code;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(text + i, len - i, &code);

        if (n && is_char(code))
            to = mempcpy(to, text + i, n);
        i += n ? n : 1;
    }
    if (to)
        *to = '\0';
    return copy;
}

xmlNodePtr
xml_add(xmlNodePtr parent, const char *name, const char *text)
{
    CLEANUP_FREE char *clean = allowed(text);
    xmlNodePtr node =
        xmlNewTextChild(parent, NULL, BAD_CAST name, BAD_CAST clean);

    if (!node)
        abort();
    return node;
}

void
xml_set(xmlNodePtr node, const char *name, const char *value)
{
    CLEANUP_FREE char *clean = allowed(value);

    if (!clean)
        return;
    if (!xmlSetProp(node, BAD_CAST name, BAD_CAST clean))
        abort();
}

void
xml_set_int(xmlNodePtr node, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    xml_set(node, name, text);
}

void
xml_set_hex(xmlNodePtr node, const char *name, unsigned value, int width)
{
    char text[24];

    snprintf(text, sizeof(text), "0x%0*x", width, value);
    xml_set(node, name, text);
}

void
xml_remove(xmlNodePtr node)
{
    xmlUnlinkNode(node);
    xmlFreeNode(node);
}

xmlNodePtr
xml_copy_into(xmlNodePtr parent, xmlNodePtr node)
{
    xmlNodePtr copy = xmlDocCopyNode(node, parent->doc, 1);

    if (!copy || !xmlAddChild(parent, copy))
        abort();
    return copy;
}
