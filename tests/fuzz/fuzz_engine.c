// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a document of an engine: refused with words, or a domain whose
 * devices can be placed beside what is known and read again, or a device
 * whose disk and metadata become text.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/spec/engine.h"
#include "agent/spec/ovirt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct engine_host host = {.virt = "qemu",
                                        .allow_tcg = true,
                                        .os_name = "<os>",
                                        .serial = ""};

static void
must_say_why(const struct err *err)
{
    if (err->kind == ERR_NONE || !err->message[0])
        abort();
}

/* What an earlier start may have left. */
static int
place(struct engine_domain *domain, struct err *err)
{
    struct disk row = {.id = "11111111-0000-0000-0000-000000000001",
                       .address = {.type = ADDRESS_DRIVE}};
    const struct disk *rows[] = {&row};
    struct controller controllers[2];
    struct engine_known known = {rows, 1, controllers, 2};

    for (unsigned i = 0; i < 2; i++) {
        controller_init(&controllers[i], "scsi", "virtio-scsi", i);
        controllers[i].iothread = i + 1;
        controllers[i].address = (struct address){.type = ADDRESS_PCI};
        controllers[i].address.pci.bus = i + 1;
    }
    return engine_place(domain, &known, err);
}

static void
read_again(struct engine_domain *domain)
{
    CLEANUP_FREE char *text = xml_text(xml_root(domain->doc));
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_DOMAIN struct engine_domain *again =
        engine_domain_read(text, &host, &err);
    size_t n, m;

    free(engine_domain_privilege(domain));
    if (!again) {
        must_say_why(&err);
        return;
    }
    engine_disks_free(engine_domain_disks(domain, &n), n);
    engine_disks_free(engine_domain_disks(again, &m), m);
    if (n != m)
        abort();
}

static void
as_domain(const char *text)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_DOMAIN struct engine_domain *domain =
        engine_domain_read(text, &host, &err);

    if (!domain || place(domain, &err) < 0)
        must_say_why(&err);
    else
        read_again(domain);
}

static void
as_plug(const char *text)
{
    struct err err = ERR_INIT;
    CLEANUP_ENGINE_PLUG struct engine_plug *plug =
        engine_plug_read(text, "disk", &err);
    CLEANUP_FREE char *meta = plug ? ovirt_text(plug->meta) : NULL;
    CLEANUP_FREE char *vm = NULL;
    CLEANUP_DISK struct disk *disk = NULL;

    if (!plug) {
        must_say_why(&err);
        return;
    }
    free(engine_plug_alias(plug));
    if (meta && !(vm = ovirt_edit(NULL, meta, false, &err)))
        abort();
    disk = engine_plug_disk(plug, &err);
    if (disk)
        free(disk_xml(disk));
    else
        must_say_why(&err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = malloc(size + 1);

    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    as_domain(text);
    as_plug(text);
    return 0;
}
