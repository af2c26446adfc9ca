// SPDX-License-Identifier: Apache-2.0
/* The kernel's copy of the DMI (SMBIOS) strings, and who this host is. */
#include "agent/host/dmi.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/common/uuid.h"
#include "agent/host/sysfs.h"

#define DMI "/sys/class/dmi/id"

static const struct word {
    const char *name, *file;
} strings[] = {
    {"manufacturer", "sys_vendor"}, {"product", "product_name"},
    {"version", "product_version"}, {"serial", "product_serial"},
    {"uuid", "product_uuid"},       {"family", "product_family"},
};

json_t *
dmi_read(const char *root)
{
    json_t *dmi = json_object();

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        CLEANUP_FREE char *line = sysfs_line(root, DMI "/%s", strings[i].file);

        json_put_text(dmi, strings[i].name, line);
    }
    return dmi;
}

/* machine-id(5): 32 hexadecimal digits. */
static char *
machine_id(const char *root)
{
    CLEANUP_FREE char *id = sysfs_line(root, "/etc/machine-id");
    CLEANUP_FREE char *text = NULL;
    char uuid[UUID_TEXT];

    if (!id || strlen(id) != 32)
        return NULL;
    text = mem_printf("%.8s-%.4s-%.4s-%.4s-%s", id, id + 8, id + 12, id + 16,
                      id + 20);
    return uuid_canon(text, uuid) ? mem_dup(uuid) : NULL;
}

char *
dmi_host_id(const char *root)
{
    static const char *const files[] = {"/etc/vdsm/vdsm.id",
                                        DMI "/product_uuid"};
    char uuid[UUID_TEXT];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        CLEANUP_FREE char *line = sysfs_line(root, "%s", files[i]);

        if (line && uuid_canon(line, uuid))
            return mem_dup(uuid);
    }
    return machine_id(root);
}
