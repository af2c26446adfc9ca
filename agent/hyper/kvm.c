// SPDX-License-Identifier: Apache-2.0
/*
 * QEMU through libvirt. What is special to it: which URIs it serves, where
 * QEMU's pidfile lies, and the embedded driver, whose directory must be made
 * ready before it is opened. Everything else is hyper/virt_*.
 */
#include "agent/hyper/kvm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/virt.h"
#include "agent/hyper/virt_device.h"
#include "agent/hyper/virt_domain.h"
#include "agent/hyper/virt_live.h"
#include "agent/hyper/virt_host.h"
#include "agent/hyper/virt_monitor.h"
#include "agent/hyper/virt_stats.h"
#include "agent/hyper/virt_storage.h"

#define EMBED "qemu:///embed?root="
#define EXPECTED                                                               \
    "qemu:///system, qemu:///session, or qemu:///embed?root=DIRECTORY with "   \
    "an absolute path of letters, digits and /._-+@"

/* QEMU's monitor socket lies below the root in a directory with the VM's
 * name; sun_path holds 107 bytes and the rest of the path up to 55. */
#define ROOT_COMFORT 52
#define ROOT_MAX 96

#define MAX_FILES 65536 /* QEMU's; the usual 1024 end at 1,011 disks */

/* The root directory of an embed URI (borrowed from uri), NULL if it is none
 * or not acceptable. */
static const char *
embed_root(const char *uri)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789"
                                  "/._-+@";
    const char *root = uri + strlen(EMBED);

    if (strncmp(uri, EMBED, strlen(EMBED)) != 0 || root[0] != '/' ||
        !root[1] || root[strspn(root, allowed)] || strstr(root, "/../") ||
        strlen(root) > ROOT_MAX)
        return NULL;
    return root;
}

static int
check_uri(const char *uri, struct err *err)
{
    if (strcmp(uri, "qemu:///system") == 0 ||
        strcmp(uri, "qemu:///session") == 0 || embed_root(uri))
        return 0;
    return err_param(err, ERR_INVALID, "uri", uri, EXPECTED);
}

/* QEMU's log goes to a file, since there is no virtlogd here. Its limit of
 * open files stays below our own hard one, which only CAP_SYS_RESOURCE could
 * raise: the VM would not start. (libvirt sets one more than it is told.) */
static char *
embed_conf(void)
{
    struct rlimit limit = {.rlim_max = MAX_FILES};
    rlim_t files = MAX_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max <= files)
        files = limit.rlim_max - 1;
    return mem_printf("stdio_handler = \"file\"\nmax_files = %llu\n",
                      (unsigned long long)files);
}

/* A qemu.conf that is there is somebody's choice: it stays. */
static int
prepare_embed(const char *root, struct err *err)
{
    CLEANUP_FREE char *etc = mem_printf("%s/etc", root);
    CLEANUP_FREE char *path = mem_printf("%s/qemu.conf", etc);
    CLEANUP_FREE char *text = embed_conf();
    struct stat st;

    if (strlen(root) > ROOT_COMFORT)
        log_warning("The embed root '%s' is long: VMs with long names will "
                    "not start, since the path of a unix socket below it has "
                    "room for 107 bytes",
                    root);
    if (file_mkdirs(etc, 0755, err) < 0)
        return err_wrap(err, "Cannot prepare the embed root");
    if (stat(path, &st) == 0)
        return 0;
    if (file_write(path, text, strlen(text), 0644, err) < 0)
        return err_wrap(err, "Cannot prepare the embed root");
    return 0;
}

static int
kvm_open(void **backend, const char *uri, hyper_event_fn fn, void *ctx,
         struct err *err)
{
    const char *root = embed_root(uri);

    if (check_uri(uri, err) < 0)
        return -1;
    if (root && prepare_embed(root, err) < 0)
        return -1;
    /* A root that another process holds open will not come free by itself. */
    *backend = virt_open(uri, root != NULL, fn, ctx, err);
    return *backend ? 0 : -1;
}

static void
kvm_close(void *backend)
{
    virt_close(backend);
}

static void
kvm_thread_end(void *backend)
{
    virt_thread_end(backend);
}

static void
kvm_thread_asks(void *backend)
{
    virt_thread_asks(backend);
}

static void
kvm_link(void *backend, struct hyper_link *out)
{
    virt_link(backend, out);
}

static int
kvm_ready(void *backend, struct err *err)
{
    return virt_ready(backend, err);
}

static char *
session_dir(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (runtime && runtime[0] == '/')
        return mem_printf("%s/libvirt/qemu/run", runtime);
    /* What libvirt falls back to without a session of systemd's. */
    runtime = getenv("HOME");
    return mem_printf("%s/.cache/libvirt/qemu/run", runtime ? runtime : "");
}

static char *
kvm_pidfile(void *backend, const char *name)
{
    const char *uri = virt_uri(backend);
    const char *root = embed_root(uri);
    CLEANUP_FREE char *dir = NULL;

    if (root)
        dir = mem_printf("%s/run/qemu", root);
    else if (strcmp(uri, "qemu:///session") == 0)
        dir = session_dir();
    else
        dir = mem_dup("/run/libvirt/qemu");
    return mem_printf("%s/%s.pid", dir, name);
}

/* The rows differ in what the driver can do. */
#define ROW(can, devices_of)                                                   \
    {                                                                          \
        .name = "kvm", .caps = (can), .parallel = true,                        \
        .open = kvm_open, .close = kvm_close, .thread_end = kvm_thread_end,    \
        .thread_asks = kvm_thread_asks,                                        \
        .link = kvm_link, .ready = kvm_ready, .info = virt_domain_info,        \
        .capabilities = virt_host_capabilities,                                \
        .domain_capabilities = virt_host_domain_capabilities,                  \
        .devices = (devices_of),                                               \
        .list = virt_domain_list, .find = virt_domain_find,                    \
        .xml = virt_domain_xml, .at = virt_domain_at,                          \
        .define = virt_domain_define,                                          \
        .undefine = virt_domain_undefine, .start = virt_domain_start,          \
        .shutdown = virt_domain_shutdown, .destroy = virt_domain_destroy,      \
        .reboot = virt_domain_reboot, .suspend = virt_domain_suspend,          \
        .resume = virt_domain_resume, .autostart = virt_domain_autostart,      \
        .attach = virt_device_attach, .detach = virt_device_detach,            \
        .update = virt_device_update, .resize = virt_device_resize,            \
        .iotune = virt_device_iotune, .memory = virt_domain_memory,            \
        .forget_device = virt_monitor_forget,                                  \
        .create = virt_live_create, .metadata = virt_live_metadata,            \
        .live_vcpus = virt_live_vcpus, .freeze = virt_live_freeze,             \
        .thaw = virt_live_thaw,                                                \
        .vcpus = virt_domain_vcpus, .iothread = virt_device_iothread,          \
        .stats = virt_stats_read,                                              \
        .accepts = virt_domain_accepts, .secret = virt_storage_secret,         \
        .volume = virt_storage_volume,                                         \
        .volume_create = virt_storage_create,                                  \
        .volume_resize = virt_storage_resize,                                  \
        .volume_delete = virt_storage_delete, .pidfile = kvm_pidfile,          \
    }

const struct hyper_ops kvm_ops =
    ROW(HYPER_HOTPLUG | HYPER_POOLS | HYPER_SECRETS | HYPER_QEMU_PID |
            HYPER_QEMU_MONITOR,
        virt_host_devices);

/* The embedded driver has no pools, no secrets and no devices of the host. */
const struct hyper_ops kvm_embed_ops =
    ROW(HYPER_HOTPLUG | HYPER_QEMU_PID | HYPER_QEMU_MONITOR, NULL);
