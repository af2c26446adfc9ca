// SPDX-License-Identifier: Apache-2.0
/*
 * dpkg's database is read as the text that it is (deb-control(5)): stanzas of
 * "Field: value" with an empty line between them. rpm's is asked.
 */
#include "agent/host/packages.h"

#include <string.h>

#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"

#define DPKG "/var/lib/dpkg/status"
#define MAX_DPKG (64u << 20)
#define RPM_MS 10000
#define MAX_RPM 65536

/* The engine's name, and the packages that may stand for it. */
static const struct entry {
    const char *name, *deb, *rpm;
} entries[] = {
    {"libvirt", "libvirt0", "libvirt-libs"},
    {"qemu-kvm", "qemu-system-x86", "qemu-kvm-core"},
    {"qemu-img", "qemu-utils", "qemu-img"},
    {"spice-server", "libspice-server1", "spice-server"},
    {"librbd1", "librbd1", "librbd1"},
    {"glusterfs-cli", "glusterfs-cli", "glusterfs-cli"},
    {"openvswitch", "openvswitch-switch", "openvswitch"},
    {"nmstate", "nmstate", "nmstate"},
    {"iscsi-initiator-utils", "open-iscsi", "iscsi-initiator-utils"},
    {"device-mapper-multipath", "multipath-tools", "device-mapper-multipath"},
    {"lvm2", "lvm2", "lvm2"},
    {"sanlock", "sanlock", "sanlock"},
    {"mom", "mom", "mom"},
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static void
put(json_t *all, const char *name, const char *version, const char *release)
{
    json_t *package = json_object();

    json_put_text(package, "version", version);
    json_put_text(package, "release", release);
    json_put(all, name, package);
}

/* --- dpkg ---------------------------------------------------------------- */

/* A field's value in a stanza of len bytes; owned, NULL where it is not. */
static char *
field_of(const char *stanza, size_t len, const char *field)
{
    size_t n = strlen(field);

    for (const char *at = stanza; at && at < stanza + len;) {
        if (strncmp(at, field, n) == 0 && at[n] == ':') {
            at += n + 1 + strspn(at + n + 1, " ");
            return mem_ndup(at, strcspn(at, "\n"));
        }
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return NULL;
}

/* deb-version(7): [epoch:]upstream[-revision]. */
static void
put_deb(json_t *all, const char *name, char *version)
{
    char *colon = strchr(version, ':'), *dash = strrchr(version, '-');

    if (dash)
        *dash = '\0';
    put(all, name, colon ? colon + 1 : version, dash ? dash + 1 : "");
}

static void
read_stanza(json_t *all, const char *stanza, size_t len)
{
    CLEANUP_FREE char *package = field_of(stanza, len, "Package");
    CLEANUP_FREE char *status = NULL, *version = NULL;
    size_t i;

    for (i = 0; package && i < ENTRIES; i++)
        if (strcmp(package, entries[i].deb) == 0)
            break;
    if (!package || i == ENTRIES)
        return;
    status = field_of(stanza, len, "Status");
    version = field_of(stanza, len, "Version");
    if (version && status && strstr(status, " installed"))
        put_deb(all, entries[i].name, version);
}

static json_t *
read_dpkg(const char *text)
{
    json_t *all = json_object();

    for (const char *at = text; *at;) {
        const char *end = strstr(at, "\n\n");
        size_t len = end ? (size_t)(end - at) + 1 : strlen(at);

        read_stanza(all, at, len);
        at += len;
        at += strspn(at, "\n");
    }
    return all;
}

/* --- rpm ----------------------------------------------------------------- */

static void
read_rpm(json_t *all, char *text)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        char *inner = NULL;
        const char *name = strtok_r(line, "|", &inner);
        const char *version = strtok_r(NULL, "|", &inner);
        const char *release = strtok_r(NULL, "|", &inner);

        for (size_t i = 0; release && i < ENTRIES; i++)
            if (strcmp(name, entries[i].rpm) == 0)
                put(all, entries[i].name, version, release);
    }
}

/* It says "not installed" of some and ends with their number: no failure. */
static json_t *
ask_rpm(void)
{
    const char *argv[ENTRIES + 5] = {"rpm", "-q", "--queryformat",
                                     "%{NAME}|%{VERSION}|%{RELEASE}\n"};
    const struct proc proc = {
        .argv = argv, .timeout_ms = RPM_MS, .max_output = MAX_RPM};
    struct proc_result result;
    json_t *all = json_object();

    for (size_t i = 0; i < ENTRIES; i++)
        argv[4 + i] = entries[i].rpm;
    if (proc_run(&proc, &result, NULL) < 0)
        return all;
    read_rpm(all, result.out);
    proc_result_free(&result);
    return all;
}

json_t *
packages_read(const char *root)
{
    CLEANUP_FREE char *path = mem_printf("%s" DPKG, root);
    CLEANUP_FREE char *text = file_read(path, MAX_DPKG, NULL, NULL);

    return text ? read_dpkg(text) : ask_rpm();
}
