// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of words: libvirt's states and reasons to VDSM's statuses and exit
 * codes. What an engine does not know it takes for a VM that is up.
 */
#include "agent/verbs/vdsm_status.h"

#include <string.h>

static const struct status {
    const char *state;
    const char *word;
} statuses[] = {
    {"running", "Up"},
    {"blocked", "Up"},
    {"paused", "Paused"},
    {"pm_suspended", "Paused"},
    {"shutting_down", "Powering down"},
    {"shut_off", "Down"},
    {"crashed", "Down"},
    {"undefined", "Down"},
};

static const struct exit {
    const char *reason;
    int code; /* 0: as wanted, 1: by a fault */
    int number;
    const char *message;
} exits[] = {
    {"destroyed", 0, 6, "It was destroyed by an administrator"},
    {"shutdown", 0, 7, "Its guest has shut down"},
    {"migrated", 0, 4, "It was migrated to another host"},
    {"saved", 0, 5, "It was saved to a file"},
    {"crashed", 1, 2, "Its QEMU has crashed"},
    {"failed", 1, 1, "Its QEMU could not be started"},
    {"", 1, 2, "Its QEMU is gone"}, /* any other */
};

const char *
vdsm_status_of(const char *state)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (strcmp(statuses[i].state, state) == 0)
            return statuses[i].word;
    return "Up";
}

const char *
vdsm_status_word(const struct vm_info *info)
{
    if (!info->present && info->life.state == VM_LIFE_STARTING)
        return "WaitForLaunch";
    if (!info->present && info->life.state == VM_LIFE_DOWN)
        return "Down";
    return vdsm_status_of(info->state);
}

static json_t *
io_error(const struct vm_info *info)
{
    const struct disk *disk =
        info->live ? domain_disk_by_alias(info->live, info->fault_disk) : NULL;
    json_t *obj = json_object();

    json_put_text(obj, "alias", info->fault_disk);
    json_put_text(obj, "name", disk && disk->target ? disk->target : "");
    json_put_text(obj, "path", disk && disk->path ? disk->path : "");
    return obj;
}

static void
put_life(json_t *obj, const struct vm_life *life)
{
    json_put_int(obj, "exitCode", life->code);
    json_put_int(obj, "exitReason", life->reason);
    json_put_text(obj, "exitMessage", life->message);
}

void
vdsm_status_put(json_t *obj, const struct vm_info *info)
{
    const char *word = vdsm_status_word(info);

    json_put_text(obj, "status", word);
    if (info->life.state == VM_LIFE_DOWN && strcmp(word, "Down") == 0)
        put_life(obj, &info->life);
    if (strcmp(word, "Paused") != 0)
        return;
    json_put_text(obj, "pauseCode",
                  info->fault_reason[0] ? info->fault_reason : "NOERR");
    if (info->fault_disk[0])
        json_put(obj, "ioerror", io_error(info));
}

void
vdsm_status_put_exit(json_t *obj, const char *reason)
{
    const struct exit *row = exits;

    while (row->reason[0] && strcmp(row->reason, reason) != 0)
        row++;
    json_put_int(obj, "exitCode", row->code);
    json_put_int(obj, "exitReason", row->number);
    json_put_text(obj, "exitMessage", row->message);
}
