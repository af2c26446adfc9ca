// SPDX-License-Identifier: Apache-2.0
/*
 * A host is found by walking down from the root folder (one that is alone),
 * or along the path of a vpx URI, in which the folder "host" of a datacenter
 * is left out. Machines are those of that host alone: a search by UUID would
 * find those of the whole datacenter.
 */
#include "agent/hyper/vim_inventory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

#define PAGE 500 /* objects of one answer */

/* --- retrieving, page by page -------------------------------------------- */

typedef void (*object_fn)(void *ctx, xmlNodePtr object);

static char *
take_page(xmlNodePtr body, bool old, object_fn fn, void *ctx)
{
    xmlNodePtr result = old ? body : xml_child(body, "returnval");
    const char *name = old ? "returnval" : "objects";

    for (xmlNodePtr object = xml_child(result, name); object;
         object = xml_next(object, name))
        fn(ctx, object);
    return vim_soap_child_text(result, "token");
}

static int
retrieve(struct vim *vim, const struct vim_about *about, xmlDocPtr request,
         object_fn fn, void *ctx, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer first = {.doc = NULL};
    CLEANUP_FREE char *token = NULL;

    if (vim_session_ask(vim, request, vim_vm_retrieve_method(about), 0, &first,
                        err) < 0)
        return -1;
    token = take_page(first.body, about->old, fn, ctx);
    while (token && *token) {
        CLEANUP_ANSWER struct vim_answer next = {.doc = NULL};
        CLEANUP_XML xmlDocPtr more = NULL;
        xmlNodePtr call;

        more = vim_soap_request("ContinueRetrievePropertiesEx",
                                &about->property_collector, &call);
        xml_add(call, "token", token);
        free(STEAL(token));
        if (vim_session_ask(vim, more, "ContinueRetrievePropertiesEx", 0,
                            &next, err) < 0)
            return -1;
        token = take_page(next.body, false, fn, ctx);
    }
    return 0;
}

static xmlNodePtr
begin(const struct vim_about *about, const char *type, const char *const *paths,
      xmlDocPtr *doc, xmlNodePtr *call)
{
    xmlNodePtr spec, set;

    *doc = vim_soap_request(vim_vm_retrieve_method(about),
                            &about->property_collector, call);
    spec = xml_add(*call, "specSet", NULL);
    set = xml_add(spec, "propSet", NULL);
    xml_add(set, "type", type);
    vim_soap_add_bool(set, "all", false);
    for (; *paths; paths++)
        xml_add(set, "pathSet", *paths);
    return spec;
}

static void
end(const struct vim_about *about, xmlNodePtr call)
{
    if (about->old) /* it tells all at once */
        return;
    vim_soap_add_int(xml_add(call, "options", NULL), "maxObjects", PAGE);
}

/* A step of a walk: from objects of type along path; next ends with NULL. */
static void
add_walk(xmlNodePtr parent, const char *name, const char *type,
         const char *path, const char *const *next)
{
    xmlNodePtr node = vim_soap_add_typed(parent, "selectSet", "TraversalSpec");

    xml_add(node, "name", name);
    xml_add(node, "type", type);
    xml_add(node, "path", path);
    vim_soap_add_bool(node, "skip", false);
    for (; *next; next++)
        xml_add(vim_soap_add_typed(node, "selectSet", "SelectionSpec"), "name",
                *next);
}

/* --- the place ----------------------------------------------------------- */

struct found {
    struct vim_place place;
    size_t hosts;
};

static void
take_place(void *ctx, xmlNodePtr object)
{
    struct found *found = ctx;
    struct vim_ref ref;

    if (!vim_soap_ref(xml_child(object, "obj"), &ref))
        return;
    if (strcmp(ref.type, "HostSystem") == 0) {
        found->place.host = ref;
        found->hosts++;
    } else if (strcmp(ref.type, "Datacenter") == 0) {
        found->place.datacenter = ref;
    }
}

/* Of a server that is a host itself. */
static int
only_host(struct vim *vim, const struct vim_about *about,
          struct vim_place *place, struct err *err)
{
    static const char *const paths[] = {"name", NULL};
    static const char *const from_folder[] = {"folder", "datacenter", "compute",
                                              NULL};
    static const char *const from_datacenter[] = {"folder", NULL};
    static const char *const none[] = {NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct found found = {.hosts = 0};
    xmlNodePtr call, spec, set;

    spec = begin(about, "HostSystem", paths, &request, &call);
    set = xml_add(spec, "propSet", NULL);
    xml_add(set, "type", "Datacenter");
    vim_soap_add_bool(set, "all", false);
    xml_add(set, "pathSet", "name");
    set = xml_add(spec, "objectSet", NULL);
    vim_soap_add_ref(set, "obj", &about->root_folder);
    vim_soap_add_bool(set, "skip", true);
    add_walk(set, "folder", "Folder", "childEntity", from_folder);
    add_walk(set, "datacenter", "Datacenter", "hostFolder", from_datacenter);
    add_walk(set, "compute", "ComputeResource", "host", none);
    end(about, call);
    if (retrieve(vim, about, request, take_place, &found, err) < 0)
        return -1;
    if (found.hosts != 1)
        return err_set(err, ERR_NOT_FOUND,
                       "The server has %zu hosts, expected one; for a vCenter "
                       "write vpx://VCENTER/DATACENTER/[CLUSTER/]HOST",
                       found.hosts);
    *place = found.place;
    return 0;
}

static int
find_path(struct vim *vim, const struct vim_about *about, const char *path,
          struct vim_ref *ref, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr call;

    *ref = (struct vim_ref){.type = ""};
    request =
        vim_soap_request("FindByInventoryPath", &about->search_index, &call);
    xml_add(call, "inventoryPath", path);
    if (vim_session_ask(vim, request, "FindByInventoryPath", 0, &answer, err) <
        0)
        return -1;
    vim_soap_ref(xml_child(answer.body, "returnval"), ref);
    return 0;
}

static int
no_such_part(const char *path, const char *what, struct err *err)
{
    return err_param(err, ERR_NOT_FOUND, "uri", path, what);
}

/* path is "…DC/…/host", and *rest what comes after the datacenter. */
static int
find_datacenter(struct vim *vim, const struct vim_about *about,
                const char *path, const char **rest, struct vim_ref *ref,
                struct err *err)
{
    for (const char *slash = strchr(path, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        CLEANUP_FREE char *part = mem_ndup(path, (size_t)(slash - path));

        if (find_path(vim, about, part, ref, err) < 0)
            return -1;
        if (!ref->id[0])
            return no_such_part(part, "a folder or datacenter that exists",
                                err);
        *rest = slash + 1;
        if (strcmp(ref->type, "Datacenter") == 0)
            return 0;
    }
    return no_such_part(path, "a path in which a datacenter stands", err);
}

static int
host_at_path(struct vim *vim, const struct vim_about *about, const char *path,
             struct vim_place *place, struct err *err)
{
    CLEANUP_FREE char *full = NULL;
    CLEANUP_FREE char *inner = NULL;
    const char *rest = NULL, *last;

    if (find_datacenter(vim, about, path, &rest, &place->datacenter, err) < 0)
        return -1;
    full = mem_printf("%.*shost/%s", (int)(rest - path), path, rest);
    if (find_path(vim, about, full, &place->host, err) < 0)
        return -1;
    /* A host of no cluster has a compute resource of its own name. */
    if (strcmp(place->host.type, "ComputeResource") == 0) {
        last = strrchr(full, '/') + 1;
        inner = mem_printf("%s/%s", full, last);
        if (find_path(vim, about, inner, &place->host, err) < 0)
            return -1;
    }
    if (strcmp(place->host.type, "ClusterComputeResource") == 0)
        return no_such_part(path,
                            "a host: this names a cluster; put the host's "
                            "name behind it",
                            err);
    if (strcmp(place->host.type, "HostSystem") != 0)
        return no_such_part(path, "a host that the vCenter knows", err);
    return 0;
}

int
vim_inventory_place(struct vim *vim, const struct esx_uri *uri,
                    struct vim_place *place, struct err *err)
{
    struct vim_about about;

    *place = (struct vim_place){.host = {.type = ""}};
    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    if (about.vcenter != (strcmp(uri->scheme, "vpx") == 0))
        return err_set(err, ERR_INVALID,
                       "%s is %s; write %s", about.full_name,
                       about.vcenter ? "a vCenter" : "a host, no vCenter",
                       about.vcenter
                           ? "vpx://VCENTER/DATACENTER/[CLUSTER/]HOST"
                           : "esx://HOST/");
    return uri->path[0] ? host_at_path(vim, &about, uri->path, place, err)
                        : only_host(vim, &about, place, err);
}

/* --- its machines -------------------------------------------------------- */

struct listing {
    struct vim_entry *entries;
    size_t n;
};

static void
copy(xmlNodePtr object, const char *name, char *to, size_t size)
{
    xmlNodePtr val = vim_vm_property(object, name);
    CLEANUP_FREE char *text = val ? xml_content(val) : NULL;

    snprintf(to, size, "%s", text ? text : "");
}

static void
take_entry(void *ctx, xmlNodePtr object)
{
    struct listing *list = ctx;
    xmlNodePtr quick = vim_vm_property(object, "summary.quickStats");
    char committed[24];
    struct vim_entry *entry;

    list->entries = mem_more(list->entries, list->n, sizeof(*list->entries));
    entry = &list->entries[list->n];
    *entry = (struct vim_entry){.cpu_mhz = 0};
    if (!vim_soap_ref(xml_child(object, "obj"), &entry->ref))
        return;
    copy(object, "name", entry->name, sizeof(entry->name));
    copy(object, "config.uuid", entry->uuid, sizeof(entry->uuid));
    for (char *c = entry->uuid; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    copy(object, "runtime.powerState", entry->power, sizeof(entry->power));
    copy(object, "guest.toolsRunningStatus", entry->tools,
         sizeof(entry->tools));
    copy(object, "guest.hostName", entry->guest_host,
         sizeof(entry->guest_host));
    copy(object, "guest.ipAddress", entry->guest_ip, sizeof(entry->guest_ip));
    copy(object, "summary.storage.committed", committed, sizeof(committed));
    entry->storage = atoll(committed);
    entry->cpu_mhz = vim_soap_child_int(quick, "overallCpuUsage", 0);
    entry->memory_mib = vim_soap_child_int(quick, "hostMemoryUsage", 0);
    entry->guest_memory_mib = vim_soap_child_int(quick, "guestMemoryUsage", 0);
    entry->uptime_s = vim_soap_child_int(quick, "uptimeSeconds", 0);
    list->n++;
}

int
vim_inventory_list(struct vim *vim, const struct vim_ref *host,
                   struct vim_entry **out, size_t *n, struct err *err)
{
    static const char *const paths[] = {
        "name",           "config.uuid",
        "runtime.powerState", "guest.toolsRunningStatus",
        "guest.hostName", "guest.ipAddress",
        "summary.quickStats", "summary.storage.committed",
        NULL};
    static const char *const none[] = {NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct listing list = {.n = 0};
    struct vim_about about;
    xmlNodePtr call, spec, set;

    *out = NULL;
    *n = 0;
    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    spec = begin(&about, "VirtualMachine", paths, &request, &call);
    set = xml_add(spec, "objectSet", NULL);
    vim_soap_add_ref(set, "obj", host);
    vim_soap_add_bool(set, "skip", true);
    add_walk(set, "machines", "HostSystem", "vm", none);
    end(&about, call);
    if (retrieve(vim, &about, request, take_entry, &list, err) < 0) {
        free(list.entries);
        return -1;
    }
    *out = list.entries;
    *n = list.n;
    return 0;
}
