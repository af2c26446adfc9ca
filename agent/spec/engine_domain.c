// SPDX-License-Identifier: Apache-2.0
/*
 * An engine's whole domain: what it calls by names of another host gets the
 * names of this one; what cannot run here is refused with the setting that
 * would let it. Where devices go is engine_place.c's.
 */
#include "agent/spec/engine.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/spec/ovirt.h"

#define NAME_MAX_BYTES 255

void
engine_domain_free(struct engine_domain *domain)
{
    if (!domain)
        return;
    xmlFreeDoc(domain->doc);
    free(domain->name);
    json_decref(domain->warnings);
    free(domain);
}

struct engine_domain *
engine_domain_copy(const struct engine_domain *domain)
{
    struct engine_domain *copy = mem_zalloc(1, sizeof(*copy));

    copy->doc = xmlCopyDoc(domain->doc, 1);
    if (!copy->doc)
        abort();
    memcpy(copy->uuid, domain->uuid, sizeof(copy->uuid));
    copy->name = mem_dup(domain->name);
    copy->paused = domain->paused;
    copy->warnings = json_deep_copy(domain->warnings);
    return copy;
}

static xmlNodePtr
drive_of(const struct engine_domain *domain, const char *alias)
{
    xmlNodePtr disk = xml_path(xml_root(domain->doc), "devices/disk");

    while (disk && !xml_attr_is(xml_child(disk, "alias"), "name", alias))
        disk = xml_next(disk, "disk");
    return disk;
}

void
engine_domain_eject(struct engine_domain *domain, const char *alias)
{
    xmlNodePtr source = xml_child(drive_of(domain, alias), "source");

    if (source)
        xml_remove(source);
}

void
engine_domain_write(struct engine_domain *domain, struct disk *disk)
{
    xmlNodePtr node = drive_of(domain, disk->alias);

    if (!node)
        return;
    disk_merge(node, disk);
    free(disk->foreign);
    disk->foreign = xml_text(node);
}

void
engine_disks_free(struct disk **disks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        disk_free(disks[i]);
    free(disks);
}

/* --- what it runs on ------------------------------------------------------ */

static int
set_type(xmlNodePtr root, const struct engine_host *host, json_t *warnings,
         struct err *err)
{
    if (!xml_attr_is(root, "type", "kvm") || strcmp(host->virt, "kvm") == 0)
        return 0;
    if (!host->allow_tcg)
        return err_set(err, ERR_UNSUPPORTED,
                       "The domain wants KVM, which runs no guest on this "
                       "host; load the kvm module, or set [vdsm] allow_tcg = "
                       "yes to have such VMs emulated (slowly)");
    xml_set(root, "type", "qemu");
    engine_warn(warnings, "The VM is emulated: KVM runs no guest on this host "
                          "and [vdsm] allow_tcg is set");
    return 0;
}

static xmlNodePtr
os_type(const struct engine_domain *domain)
{
    return xml_path(xml_root(domain->doc), "os/type");
}

char *
engine_domain_machine(const struct engine_domain *domain)
{
    return xml_attr(os_type(domain), "machine");
}

void
engine_domain_set_machine(struct engine_domain *domain, const char *machine)
{
    if (os_type(domain))
        xml_set(os_type(domain), "machine", machine);
}

/* What a guest is told of its hypervisor is KVM's to tell. */
static void
drop_enlightenments(xmlNodePtr root, json_t *warnings)
{
    static const char *const features[] = {"hyperv", "kvm"};
    xmlNodePtr timer = xml_path(root, "clock/timer"), next;
    bool any = false;

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        xmlNodePtr node = xml_child(xml_child(root, "features"), features[i]);

        any = any || node;
        if (node)
            xml_remove(node);
    }
    for (; timer; timer = next) {
        next = xml_next(timer, "timer");
        if (xml_attr_is(timer, "name", "hypervclock") ||
            xml_attr_is(timer, "name", "kvmclock"))
            xml_remove(timer);
    }
    if (any)
        engine_warn(warnings, "The VM is emulated, without what KVM alone can "
                              "offer its guest");
}

/* --- placeholders --------------------------------------------------------- */

/* What a placeholder stands for, or that the host does not tell. */
static const char *
stands_for(const char *text, const struct engine_host *host)
{
    const struct {
        const char *name, *value;
    } rows[] = {
        {"OS-NAME:", host->os_name},
        {"OS-VERSION:", host->os_version},
        {"HOST-SERIAL:", host->serial},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(text, rows[i].name) == 0)
            return rows[i].value ? rows[i].value : "";
    return NULL;
}

static void
fill_sysinfo(xmlNodePtr root, const struct engine_host *host)
{
    xmlNodePtr entry = xml_child(xml_path(root, "sysinfo/system"), "entry");

    for (xmlNodePtr next; entry; entry = next) {
        CLEANUP_FREE char *text = xml_content(entry);
        const char *value = stands_for(text, host);

        next = xml_next(entry, "entry");
        if (value && *value) {
            xmlNodeSetContent(entry, BAD_CAST "");
            xmlNodeAddContent(entry, BAD_CAST value);
        } else if (value) {
            xml_remove(entry);
        }
    }
}

/* Leases and payloads lie in storage that is not served here. */
static int
refuse_storage(xmlNodePtr devices, struct err *err)
{
    xmlNodePtr target = xml_path(devices, "lease/target");
    CLEANUP_FREE char *path = xml_attr(target, "path");
    xmlNodePtr disk = xml_child(devices, "disk");

    if (path && strncmp(path, "LEASE-PATH:", 11) == 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "The VM holds a lease of a storage domain (%s); "
                       "storage domains are not served by this host",
                       path);
    for (; disk; disk = xml_next(disk, "disk")) {
        CLEANUP_FREE char *file = xml_attr(xml_child(disk, "source"), "file");

        if (file && strcmp(file, "PAYLOAD:") == 0)
            return err_set(err, ERR_UNSUPPORTED,
                           "The VM has a payload drive that the host would "
                           "have to make; give it a CD image instead");
    }
    return 0;
}

/* --- reading -------------------------------------------------------------- */

static int
identify(xmlNodePtr root, struct engine_domain *domain, struct err *err)
{
    CLEANUP_FREE char *uuid = xml_content(xml_child(root, "uuid"));

    if (!xml_is(root, "domain"))
        return err_param(err, ERR_INVALID, "xml", (const char *)root->name,
                         "a libvirt <domain>");
    domain->name = xml_content(xml_child(root, "name"));
    if (!domain->name || !*domain->name || strchr(domain->name, '/') ||
        strlen(domain->name) > NAME_MAX_BYTES)
        return err_param(err, ERR_INVALID, "xml.name", domain->name,
                         "a name of at most 255 bytes without /");
    if (!uuid || !uuid_canon(uuid, domain->uuid))
        return err_param(err, ERR_INVALID, "xml.uuid", uuid, "a UUID");
    return 0;
}

static bool
is_paused(xmlNodePtr root)
{
    CLEANUP_FREE char *text =
        ovirt_get(ovirt_find(root, OVIRT_VM_URI), "launchPaused");

    return text && strcmp(text, "true") == 0;
}

struct engine_domain *
engine_domain_read(const char *xml, const struct engine_host *host,
                   struct err *err)
{
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain =
        mem_zalloc(1, sizeof(*domain));
    xmlNodePtr root, devices, disk;

    domain->warnings = json_array();
    domain->doc = xml_parse(xml, strlen(xml), err);
    if (!domain->doc)
        return NULL;
    root = xml_root(domain->doc);
    devices = xml_child(root, "devices");
    if (identify(root, domain, err) < 0 ||
        set_type(root, host, domain->warnings, err) < 0 ||
        refuse_storage(devices, err) < 0)
        return NULL;
    if (xml_attr_is(root, "type", "qemu"))
        drop_enlightenments(root, domain->warnings);
    fill_sysinfo(root, host);
    for (disk = xml_child(devices, "disk"); disk; disk = xml_next(disk, "disk"))
        engine_disk_normalise(disk, domain->warnings);
    ovirt_name_luns(ovirt_find(root, OVIRT_VM_URI));
    domain->paused = is_paused(root);
    return STEAL(domain);
}

struct disk **
engine_domain_disks(struct engine_domain *domain, size_t *n)
{
    xmlNodePtr devices = xml_child(xml_root(domain->doc), "devices");
    xmlNodePtr node = xml_child(devices, "disk");
    struct disk **disks = NULL;

    *n = 0;
    for (; node; node = xml_next(node, "disk")) {
        disks = mem_more(disks, *n, sizeof(*disks));
        disks[(*n)++] = engine_disk_read(node);
    }
    return disks;
}

/* --- privileges ----------------------------------------------------------- */

char *
engine_domain_privilege(const struct engine_domain *domain)
{
    xmlNodePtr root = xml_root(domain->doc);
    xmlNodePtr devices = xml_child(root, "devices");
    xmlNodePtr hostdev = xml_child(devices, "hostdev");
    xmlNodePtr child;

    for (child = xml_child(root, NULL); child; child = xml_next(child, NULL))
        if (child->ns && strcmp((const char *)child->name, "capabilities") != 0)
            return mem_printf("%s:%s",
                              child->ns->prefix ? (const char *)child->ns->prefix
                                                : "",
                              (const char *)child->name);
    for (; hostdev; hostdev = xml_next(hostdev, "hostdev"))
        if (xml_attr_is(hostdev, "type", "scsi"))
            return mem_dup("hostdev scsi");
    if (xml_child(devices, "emulator"))
        return mem_dup("an emulator of its own");
    return NULL;
}
