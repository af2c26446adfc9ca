// SPDX-License-Identifier: Apache-2.0
/*
 * The loop of the child: open once, then a call at a time. The connection is
 * made when the first call needs it, and again when a call has lost it: the
 * ESX driver says alive whatever happens.
 */
#include "agent/hyper/virt_esx.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/common/clock.h"
#include "agent/hyper/child_wire.h"
#include "agent/hyper/virt_esx_calls.h"

/* A stray auth.conf must not win over the credentials that were configured;
 * a file that does not exist makes libvirt fail without a reason. */
static void
close_other_doors(void)
{
    static const char comment[] = "# empty on purpose\n";
    int fd = memfd_create("auth.conf", 0);
    char path[64];

    if (fd < 0 || write(fd, comment, sizeof(comment) - 1) < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    setenv("LIBVIRT_AUTH_FILE", path, 1);
}

static json_t *
answer(struct virt_esx *esx, const json_t *message)
{
    const char *name = json_get_text(message, "call", "");
    json_t *reply = json_object(), *result = NULL, *error;
    struct err err = ERR_INIT;
    bool unsure = false;

    if (virt_esx_calls_run(esx, name, json_object_get(message, "args"), &result,
                           &unsure, &err) == 0) {
        json_put(reply, "result", result ? result : json_object());
        return reply;
    }
    error = json_object();
    json_put_text(error, "kind", err_kind_name(err.kind));
    json_put_text(error, "message", err.message);
    json_put_int(error, "virt_code", err.virt_code);
    json_put_int(error, "virt_domain", err.virt_domain);
    json_put_text(error, "virt_message", err.virt_message);
    json_put(reply, "error", error);
    json_put_bool(reply, "unsure", unsure);
    return reply;
}

int
virt_esx_serve(void)
{
    CLEANUP_JSON json_t *open = NULL;
    struct virt_esx *esx;

    prctl(PR_SET_DUMPABLE, 0); /* the password is in here */
    close_other_doors();
    open = child_wire_receive(CHILD_WIRE_FD, -1);
    if (!open)
        return 1;
    esx = virt_esx_calls_new(open);
    for (;;) {
        CLEANUP_JSON json_t *message = child_wire_receive(
            CHILD_WIRE_FD, clock_mono_ms() + CHILD_WIRE_IDLE_MS);
        CLEANUP_JSON json_t *reply = NULL;

        if (!message)
            break;
        reply = answer(esx, message);
        if (child_wire_send(CHILD_WIRE_FD, reply, -1) < 0)
            break;
    }
    virt_esx_calls_free(esx);
    return 0;
}
