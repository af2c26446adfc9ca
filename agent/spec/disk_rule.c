// SPDX-License-Identifier: Apache-2.0
/*
 * The rows of disk_rules.def, and the search for the one that decides.
 */
#include "agent/spec/disk_rule.h"

#include <string.h>

#define ANY_KIND DISK_RULE_ANY
#define ANY_INTERFACE DISK_RULE_ANY
#define IMAGE DISK_IMAGE
#define CDROM DISK_CDROM
#define LUN DISK_LUN
#define VIRTIO_SCSI DISK_VIRTIO_SCSI
#define VIRTIO DISK_VIRTIO
#define SATA DISK_SATA
#define IDE DISK_IDE
#define NOTHING NULL

const struct disk_rule disk_rules[] = {
#define RULE(name, field, kind, interface, words, expected) \
    {field, kind, interface, words, expected},
#include "agent/spec/disk_rules.def"
#undef RULE
};
const size_t disk_nrules = sizeof(disk_rules) / sizeof(disk_rules[0]);

static bool
fits(const struct disk_rule *rule, const struct disk *disk)
{
    return (rule->kind == DISK_RULE_ANY || rule->kind == (int)disk->kind) &&
           (rule->interface == DISK_RULE_ANY ||
            rule->interface == (int)disk->interface);
}

const struct disk_rule *
disk_rule_against(const struct disk *disk, const char *field, const char *value)
{
    for (size_t i = 0; i < disk_nrules; i++) {
        const struct disk_rule *rule = &disk_rules[i];

        if (strcmp(rule->field, field) != 0 || !fits(rule, disk))
            continue;
        return rule->words && value && field_word(rule->words, value) ? NULL
                                                                      : rule;
    }
    return NULL;
}
