// SPDX-License-Identifier: Apache-2.0
/*
 * Changes of a NIC's XML in place: libvirt compares what it is given with
 * what it has, and refuses whatever else differs.
 */
#include "agent/spec/nic.h"

#include <string.h>

#include "agent/common/mem.h"

static xmlDocPtr
parse(const char *xml, struct err *err)
{
    return xml_parse(xml, strlen(xml), err);
}

static xmlNodePtr
child_of(xmlNodePtr nic, const char *name)
{
    xmlNodePtr child = xml_child(nic, name);

    return child ? child : xml_add(nic, name, NULL);
}

static void
set_source(xmlNodePtr nic, const char *network)
{
    const char *attr =
        xml_attr_is(nic, "type", "network") ? "network" : "bridge";

    xml_set(child_of(nic, "source"), attr, network);
}

static void
set_filter(xmlNodePtr nic, const char *filter)
{
    xmlNodePtr old = xml_child(nic, "filterref");

    if (old)
        xml_remove(old);
    if (*filter)
        xml_set(xml_add(nic, "filterref", NULL), "filter", filter);
}

char *
nic_changed(const char *xml, const struct nic_change *change, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = parse(xml, err);
    xmlNodePtr nic = doc ? xml_root(doc) : NULL;

    if (!doc)
        return NULL;
    if (change->network && *change->network)
        set_source(nic, change->network);
    if (change->link >= 0)
        xml_set(child_of(nic, "link"), "state", change->link ? "up" : "down");
    if (change->filter)
        set_filter(nic, change->filter);
    return xml_text(nic);
}

static void
take_over(xmlNodePtr nic, xmlNodePtr wanted, const char *name)
{
    xmlNodePtr old = xml_child(nic, name);

    if (old)
        xml_remove(old);
    if (xml_child(wanted, name))
        xml_copy_into(nic, xml_child(wanted, name));
}

char *
nic_merged(const char *xml, const char *wanted, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = parse(xml, err);
    CLEANUP_XML xmlDocPtr want = doc ? parse(wanted, err) : NULL;

    if (!want)
        return NULL;
    take_over(xml_root(doc), xml_root(want), "link");
    take_over(xml_root(doc), xml_root(want), "filterref");
    take_over(xml_root(doc), xml_root(want), "bandwidth");
    if (xml_path(xml_root(want), "source"))
        take_over(xml_root(doc), xml_root(want), "source");
    return xml_text(xml_root(doc));
}

char *
nic_placed(const char *xml, const struct address *address, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = parse(xml, err);
    xmlNodePtr old = doc ? xml_child(xml_root(doc), "address") : NULL;

    if (!doc)
        return NULL;
    if (old)
        xml_remove(old);
    address_to_xml(xml_root(doc), address, false);
    return xml_text(xml_root(doc));
}

/* --- comparing ------------------------------------------------------------ */

static char *
link_of(xmlNodePtr nic)
{
    char *state = xml_attr(xml_child(nic, "link"), "state");

    return state ? state : mem_dup("up");
}

static char *
source_of(xmlNodePtr nic)
{
    xmlNodePtr source = xml_child(nic, "source");
    char *name = xml_attr(source, "bridge");

    return name ? name : xml_attr(source, "network");
}

char *
nic_mismatch(const char *planned, const char *seen)
{
    CLEANUP_XML xmlDocPtr want = parse(planned, NULL);
    CLEANUP_XML xmlDocPtr have = want ? parse(seen, NULL) : NULL;
    CLEANUP_FREE char *want_link = NULL, *have_link = NULL;
    CLEANUP_FREE char *want_source = NULL, *have_source = NULL;

    if (!have)
        return mem_dup("its XML cannot be read");
    want_link = link_of(xml_root(want));
    have_link = link_of(xml_root(have));
    if (strcmp(want_link, have_link) != 0)
        return mem_printf("its link is %s, planned %s", have_link, want_link);
    want_source = source_of(xml_root(want));
    have_source = source_of(xml_root(have));
    if (want_source && have_source && strcmp(want_source, have_source) != 0)
        return mem_printf("its source is %s, planned %s", have_source,
                          want_source);
    return NULL;
}
