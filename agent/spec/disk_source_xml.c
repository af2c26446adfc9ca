// SPDX-License-Identifier: Apache-2.0
/*
 * Sources in libvirt's XML: type= of the <disk> and its <source>, written
 * from the parts and read into them. What a foreign domain has beyond them
 * (a snapshot, TLS, a unix socket) makes it a source that berth leaves alone.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/disk_source.h"

#define PORT_MAX 65535

static void
add_auth(const struct disk *disk, xmlNodePtr source)
{
    const struct disk_far *far = &disk->far;
    char uuid[UUID_TEXT];
    xmlNodePtr auth, secret;

    if (!far->secret)
        return;
    auth = xml_add(source, "auth", NULL);
    xml_set(auth, "username", far->user);
    secret = xml_add(auth, "secret", NULL);
    xml_set(secret, "type", disk_source_of(disk->source_type)->secret);
    xml_set(secret, uuid_canon(far->secret, uuid) ? "uuid" : "usage",
            far->secret);
}

static void
add_network(const struct disk *disk, xmlNodePtr source)
{
    const struct disk_far *far = &disk->far;
    CLEANUP_FREE char *name = NULL;

    xml_set(source, "protocol", disk_source_of(disk->source_type)->word);
    if (disk->source_type == DISK_SOURCE_ISCSI)
        name = mem_printf("%s/%u", far->name, far->lun);
    else if (far->pool)
        name = mem_printf("%s/%s", far->pool, far->name);
    xml_set(source, "name", name ? name : far->name);
    for (size_t i = 0; i < far->nhosts; i++) {
        xmlNodePtr host = xml_add(source, "host", NULL);

        xml_set(host, "name", far->hosts[i].name);
        if (far->hosts[i].port)
            xml_set_int(host, "port", far->hosts[i].port);
    }
    if (far->initiator)
        xml_set(xml_add(xml_add(source, "initiator", NULL), "iqn", NULL),
                "name", far->initiator);
    add_auth(disk, source);
}

void
disk_source_to_xml(const struct disk *disk, xmlNodePtr node)
{
    const struct disk_source *type = disk_source_of(disk->source_type);
    xmlNodePtr source;

    if (!disk->path)
        return;
    source = xml_add(node, "source", NULL);
    if (disk->source_type == DISK_SOURCE_VOLUME) {
        xml_set(source, "pool", disk->far.pool);
        xml_set(source, "volume", disk->far.name);
    } else if (type->name) {
        add_network(disk, source);
    } else {
        xml_set(source,
                disk->source_type == DISK_SOURCE_BLOCK ? "dev" : "file",
                disk->path);
    }
}

static unsigned
port_of(xmlNodePtr host, unsigned fallback)
{
    int64_t port = xml_attr_int(host, "port", fallback);

    return port > 0 && port <= PORT_MAX ? (unsigned)port : fallback;
}

/* False where a host is reached otherwise than by name and port. */
static bool
read_xml_hosts(xmlNodePtr source, const struct disk_source *type, struct disk_far *far)
{
    xmlNodePtr host = xml_child(source, "host");

    for (; host; host = xml_next(host, "host")) {
        CLEANUP_FREE char *name = xml_attr(host, "name");
        CLEANUP_FREE char *transport = xml_attr(host, "transport");

        if (!name || (transport && strcmp(transport, "tcp") != 0) ||
            far->nhosts == DISK_HOSTS_MAX)
            return false;
        disk_source_host(far, name, port_of(host, type->port));
    }
    return !type->port || far->nhosts == 1;
}

static void
read_xml_auth(xmlNodePtr node, xmlNodePtr source, struct disk_far *far)
{
    xmlNodePtr auth = xml_child(source, "auth");
    xmlNodePtr secret;

    if (!auth) /* where older definitions have it */
        auth = xml_child(node, "auth");
    secret = xml_child(auth, "secret");
    far->user = xml_attr(auth, "username");
    far->secret = xml_attr(secret, "uuid");
    if (!far->secret)
        far->secret = xml_attr(secret, "usage");
}

/* "TARGET/LUN" and "POOL/IMAGE" in two; false when it is neither. */
static bool
split_name(enum disk_source_type type, char *name, struct disk_far *far)
{
    char *slash = name ? strrchr(name, '/') : NULL;
    char *end = NULL;

    if (type == DISK_SOURCE_NBD) {
        far->name = mem_dup(name);
        return true;
    }
    if (!name || (!slash && type == DISK_SOURCE_RBD))
        return false;
    if (type == DISK_SOURCE_RBD) {
        far->pool = mem_ndup(name, (size_t)(slash - name));
        far->name = mem_dup(slash + 1);
        return true;
    }
    far->name = mem_ndup(name, slash ? (size_t)(slash - name) : strlen(name));
    far->lun = slash ? (unsigned)strtoul(slash + 1, &end, 10) : 0;
    return far->lun <= ADDRESS_UNIT_MAX && (!end || *end == '\0');
}

static bool
read_network(xmlNodePtr node, xmlNodePtr source, struct disk *disk)
{
    CLEANUP_FREE char *protocol = xml_attr(source, "protocol");
    CLEANUP_FREE char *name = xml_attr(source, "name");
    int at = disk_source_of_word(protocol);
    enum disk_source_type type =
        at > 0 ? (enum disk_source_type)at : DISK_SOURCE_NONE;
    struct disk_far *far = &disk->far;

    if (!disk_source_is_network(type) ||
        xml_child(source, "snapshot") || xml_child(source, "config") ||
        xml_attr_is(source, "tls", "yes") ||
        !read_xml_hosts(source, disk_source_of(type), far) ||
        !split_name(type, name, far))
        return false;
    disk->source_type = type;
    far->initiator =
        xml_attr(xml_path(source, "initiator/iqn"), "name");
    read_xml_auth(node, source, far);
    return true;
}

static void
read_volume(xmlNodePtr source, struct disk *disk)
{
    disk->far.pool = xml_attr(source, "pool");
    disk->far.name = xml_attr(source, "volume");
    if (disk->far.pool && disk->far.name)
        disk->source_type = DISK_SOURCE_VOLUME;
}

static void
read_path(xmlNodePtr source, enum disk_source_type type, struct disk *disk)
{
    disk->path = xml_attr(source, type == DISK_SOURCE_FILE ? "file" : "dev");
    disk->source_type = disk->path ? type : DISK_SOURCE_NONE;
}

void
disk_source_from_xml(xmlNodePtr node, struct disk *disk)
{
    xmlNodePtr source = xml_child(node, "source");

    disk->source_type = DISK_SOURCE_OTHER;
    if (xml_attr_is(node, "type", "file"))
        read_path(source, DISK_SOURCE_FILE, disk);
    else if (xml_attr_is(node, "type", "block"))
        read_path(source, DISK_SOURCE_BLOCK, disk);
    else if (!source) /* a drive whose medium was of any other type */
        disk->source_type = DISK_SOURCE_NONE;
    else if (xml_attr_is(node, "type", "volume"))
        read_volume(source, disk);
    else if (xml_attr_is(node, "type", "network"))
        read_network(node, source, disk);
    if (disk_source_of(disk->source_type)->name)
        disk->path = disk_source_text(disk);
}
