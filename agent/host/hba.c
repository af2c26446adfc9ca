// SPDX-License-Identifier: Apache-2.0
/* What the kernel's transport classes show, and open-iscsi's own file. */
#include "agent/host/hba.h"

#include <string.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define FC "/sys/class/fc_host"

/* "0x50014380231d1c40" without its 0x. */
static void
put_wwn(json_t *obj, const char *key, const char *line)
{
    if (line && strncmp(line, "0x", 2) == 0)
        line += 2;
    json_put_text(obj, key, line ? line : "");
}

static json_t *
port_of(const char *root, const char *host)
{
    CLEANUP_FREE char *wwpn = sysfs_line(root, FC "/%s/port_name", host);
    CLEANUP_FREE char *wwnn = sysfs_line(root, FC "/%s/node_name", host);
    CLEANUP_FREE char *state = sysfs_line(root, FC "/%s/port_state", host);
    CLEANUP_FREE char *name = sysfs_line(root, FC "/%s/symbolic_name", host);
    CLEANUP_FREE char *model =
        sysfs_line(root, "/sys/class/scsi_host/%s/model_name", host);
    json_t *port = json_object();

    put_wwn(port, "wwpn", wwpn);
    put_wwn(port, "wwnn", wwnn);
    json_put_text(port, "model", model ? model : name ? name : "");
    json_put_text(port, "state", state ? state : "Unknown");
    json_put_text(port, "host", host);
    return port;
}

json_t *
hba_fc(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, FC);
    json_t *ports = json_array();

    for (size_t i = 0; i < names.n; i++)
        json_array_append_new(ports, port_of(root, names.names[i]));
    return ports;
}

/* iscsid(8): lines of a shell's form, "#" begins a comment. */
char *
hba_initiator(const char *root)
{
    static const char key[] = "InitiatorName=";
    CLEANUP_FREE char *text =
        sysfs_text(root, "/etc/iscsi/initiatorname.iscsi");

    for (char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        at += strspn(at, " \t");
        if (strncmp(at, key, strlen(key)) == 0) {
            at += strlen(key);
            return mem_ndup(at, strcspn(at, " \t\r\n"));
        }
    }
    return NULL;
}
