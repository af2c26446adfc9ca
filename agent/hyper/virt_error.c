// SPDX-License-Identifier: Apache-2.0
/*
 * Two tables: by code, and by text where one code stands for many causes.
 * A text that no row knows is HYPERVISOR_FAILED with libvirt's own words,
 * which may quote a guest or a QEMU: they are escaped.
 */
#include "agent/hyper/virt_error.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/utf8.h"

struct code_row {
    int code;
    enum err_kind kind;
};

static const struct code_row by_code[] = {
    {VIR_ERR_NO_DOMAIN, ERR_NOT_FOUND},
    {VIR_ERR_NO_NETWORK, ERR_NOT_FOUND},
    {VIR_ERR_NO_SECRET, ERR_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_POOL, ERR_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_VOL, ERR_NOT_FOUND},
    {VIR_ERR_DEVICE_MISSING, ERR_NOT_FOUND},
    {VIR_ERR_DOM_EXIST, ERR_EXISTS},
    {VIR_ERR_OPERATION_INVALID, ERR_BAD_STATE},
    {VIR_ERR_NO_SUPPORT, ERR_UNSUPPORTED},
    {VIR_ERR_OPERATION_UNSUPPORTED, ERR_UNSUPPORTED},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, ERR_UNSUPPORTED},
    {VIR_ERR_CONFIG_UNSUPPORTED, ERR_UNSUPPORTED},
    {VIR_ERR_RESOURCE_BUSY, ERR_BUSY},
    {VIR_ERR_BLOCK_COPY_ACTIVE, ERR_BUSY},
    {VIR_ERR_OPERATION_TIMEOUT, ERR_TIMEOUT},
    {VIR_ERR_AGENT_UNRESPONSIVE, ERR_TIMEOUT},
    {VIR_ERR_INVALID_ARG, ERR_INVALID},
    {VIR_ERR_NO_CONNECT, ERR_UNREACHABLE},
};

struct text_row {
    const char *has; /* in libvirt's text */
    enum err_kind kind;
    const char *advice; /* a sentence, or "" */
};

/* Wording of libvirt 9 to 11 and QEMU 7 to 10; the first that fits counts. */
static const struct text_row by_text[] = {
    {"timed out waiting to open tray", ERR_TRAY_LOCKED,
     "The guest has locked the tray and did not open it when it was asked; let "
     "it unmount the medium, or use force."},
    {"'filename' must not have null value", ERR_UNSUPPORTED,
     "libvirt cannot plug an empty drive into a running VM: give it a medium, "
     "which ChangeCd can eject, or add it with plugged false and plug it while "
     "the VM is off."},
    {"already in the process of unplug", ERR_BUSY,
     "The guest has not answered an earlier unplug."},
    {"No more available PCI", ERR_NO_FREE_PORT,
     "Use interface virtio_scsi, which needs no port of its own."},
    {"Failed to get \"write\" lock", ERR_SOURCE_BAD,
     "Another process, most likely another VM, has the image open."},
    {"Failed to get shared \"write\" lock", ERR_SOURCE_BAD,
     "Another process, most likely another VM, has the image open."},
    {"Cannot access storage file", ERR_SOURCE_BAD,
     "QEMU's user must be able to reach the file and every directory above "
     "it."},
    {"Cannot access backing file", ERR_SOURCE_BAD,
     "QEMU's user must be able to reach the backing file too."},
    {"Image is not in ", ERR_SOURCE_BAD,
     "The format in the request does not fit the image."},
    {"unfiltered sgio is no longer supported", ERR_SGIO_UNSUPPORTED,
     "Use rawio or reservations."},
    {"non unique alias detected", ERR_EXISTS,
     "The device is plugged, or its unplug is still pending."},
    {"already contains a disk with that address", ERR_EXISTS, ""},
    {"Attempted double use of PCI", ERR_EXISTS, ""},
    {"already exists", ERR_EXISTS, ""},
    {"cannot acquire state change lock", ERR_BUSY,
     "Another call on this VM has not returned; its QEMU may hang."},
    {"no device found with alias", ERR_NOT_FOUND, ""},
    {"was not found in the domain", ERR_NOT_FOUND, ""},
    {"not found in domain", ERR_NOT_FOUND, ""},
    {"Could not access KVM", ERR_UNSUPPORTED,
     "This host runs no KVM guest; create the VM with virt 'qemu'."},
    {"Failed to acquire pid file", ERR_UNREACHABLE,
     "Another process has this embed root open; end it, or use another "
     "root."},
    {"Missing URI parameter 'root'", ERR_UNREACHABLE,
     "A process that opened one embed root can use no other local qemu "
     "URI."},
};

static void
ignore(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

void
virt_error_silence(void)
{
    virSetErrorFunc(NULL, ignore);
}

/* Control characters as \xNN, what is not UTF-8 as '?', cut to fit. */
static void
escape(char *to, size_t size, const char *from)
{
    char *clean = utf8_clean(from);
    size_t used = 0;

    for (const char *at = clean; *at && used + 5 < size; at++) {
        unsigned char c = (unsigned char)*at;

        if (c == '\n')
            to[used++] = ' ';
        else if (c < 0x20 || c == 0x7f)
            used += (size_t)snprintf(to + used, 5, "\\x%02x", c);
        else
            to[used++] = (char)c;
    }
    to[used] = '\0';
    utf8_trim(to);
    free(clean);
}

static const struct text_row *
find_text(const char *text)
{
    for (size_t i = 0; i < sizeof(by_text) / sizeof(by_text[0]); i++)
        if (strstr(text, by_text[i].has))
            return &by_text[i];
    return NULL;
}

static enum err_kind
find_code(int code)
{
    for (size_t i = 0; i < sizeof(by_code) / sizeof(by_code[0]); i++)
        if (by_code[i].code == code)
            return by_code[i].kind;
    return ERR_HYPERVISOR_FAILED;
}

int
virt_error_map(int code, int domain, const char *text, bool alive,
               const char *doing, struct err *err)
{
    const struct text_row *row = find_text(text);
    enum err_kind kind = row ? row->kind : find_code(code);
    const char *advice = row ? row->advice : "";
    char said[512];

    if (!err)
        return -1;
    if (!alive) { /* whatever it said last: the outcome is not known */
        kind = ERR_UNREACHABLE;
        advice = "The connection to libvirt is gone; whether the call took "
                 "effect is not known.";
    }
    escape(said, sizeof(said), text);
    err_set(err, kind, "Cannot %s: %s%s%s", doing, said, *advice ? ". " : "",
            advice);
    err->virt_code = code;
    err->virt_domain = domain;
    memcpy(err->virt_message, said, sizeof(said));
    return -1;
}

int
virt_error_last(virConnectPtr conn, const char *doing, struct err *err)
{
    virErrorPtr last = virSaveLastError(); /* the next call would clear it */
    const char *text = last && last->message ? last->message : "no reason";
    /* The wire has errors of its own ("client socket is closed", "End of file
     * while reading data"), which may come before it counts as dead. */
    bool alive = !conn || (virConnectIsAlive(conn) == 1 &&
                           (!last || last->domain != VIR_FROM_RPC));

    virt_error_map(last ? last->code : VIR_ERR_INTERNAL_ERROR,
                   last ? last->domain : VIR_FROM_NONE, text, alive, doing,
                   err);
    if (last)
        virFreeError(last);
    virResetLastError();
    return -1;
}
