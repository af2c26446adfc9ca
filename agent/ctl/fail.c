// SPDX-License-Identifier: Apache-2.0
/*
 * An error is told in three parts: the sentence of whoever refused, the
 * details that came with it, and what can be done about it, which follows
 * from the kind or else from the class.
 */
#include "agent/ctl/fail.h"

#include <string.h>

#include "agent/ctl/term.h"
#include "protocol/codes.h"

static const struct {
    enum err_kind kind;
    enum ctl_exit code;
} exits[] = {
    {ERR_NOT_FOUND, CTL_NOT_FOUND},
    {ERR_DENIED, CTL_DENIED},
    {ERR_BUSY, CTL_BUSY},
    {ERR_RECOVERING, CTL_BUSY},
    {ERR_UNREACHABLE, CTL_UNREACHABLE},
    {ERR_STOPPING, CTL_UNREACHABLE},
    {ERR_TLS_UNTRUSTED, CTL_UNREACHABLE},
};

static const struct {
    enum err_kind kind;
    const char *hint;
} kind_hints[] = {
    {ERR_NOT_FOUND, "`berthctl vm ls` and `berthctl disk ls` list what "
                    "there is."},
    {ERR_NO_METHOD, "This berthd may be older than berthctl: compare "
                    "`berthctl --version` with `berthctl host status`."},
    {ERR_RECOVERING, "State is being settled after a start; try again in a "
                     "few seconds."},
    {ERR_OP_ID_CONFLICT, "Use a new --op-id for another request."},
    {ERR_NO_FREE_PORT, "`berthctl vm topology VM` shows what holds the "
                       "ports; disks on virtio_scsi need none."},
    {ERR_BAD_STATE, "`berthctl vm show VM` and `berthctl disk ls VM` say what "
                    "state they are in."},
    {ERR_SOURCE_DENIED, "`berthctl host config` shows [paths]."},
};

static const struct {
    const char *class;
    const char *hint;
} class_hints[] = {
    {"fix_input", "Correct the value and repeat the command."},
    {"fix_host", "This has to be put right on the host; berthd's log says "
                 "more."},
    {"retry_now", "Repeat the command."},
    {"retry_after", "Try again shortly."},
    {"retry_after_guest_action", "Let the guest give the device up, then "
                                 "repeat the command."},
    {"never", "Repeating the command will not help."},
};

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

enum ctl_exit
fail_code(enum err_kind kind)
{
    for (size_t i = 0; i < COUNT(exits); i++)
        if (exits[i].kind == kind)
            return exits[i].code;
    return CTL_FAILED;
}

static const char *
hint(enum err_kind kind, const json_t *data)
{
    const char *class = json_get_text(data, "class", codes_class(kind));

    for (size_t i = 0; i < COUNT(kind_hints); i++)
        if (kind_hints[i].kind == kind)
            return kind_hints[i].hint;
    for (size_t i = 0; i < COUNT(class_hints); i++)
        if (strcmp(class_hints[i].class, class) == 0)
            return class_hints[i].hint;
    return NULL;
}

/* One detail, unless the message quotes it. */
static void
detail(FILE *to, const struct err *err, const json_t *data, const char *key,
       const char *label)
{
    const char *text = json_get_text(data, key, NULL);

    if (!text || !*text || strstr(err->message, text))
        return;
    fprintf(to, "  %s: ", label);
    term_print(to, text, false);
    fputc('\n', to);
}

static void
print_details(FILE *to, const struct err *err, const json_t *data)
{
    int64_t retry_ms = json_get_int(data, "retry_after_ms", 0);

    detail(to, err, data, "param", "parameter");
    detail(to, err, data, "value", "value");
    detail(to, err, data, "expected", "expected");
    detail(to, err, data, "step", "failed step");
    detail(to, err, json_object_get(data, "libvirt"), "message",
           "libvirt says");
    detail(to, err, data, "op_id", "operation");
    if (retry_ms > 0)
        fprintf(to, "  try again in: %lld ms\n", (long long)retry_ms);
}

enum ctl_exit
fail_print(FILE *to, const char *what, const struct err *err,
           const json_t *refusal)
{
    const json_t *data = json_object_get(refusal, "data");
    const char *advice = hint(err->kind, data);

    fputs("berthctl: ", to);
    if (what && refusal)
        fprintf(to, "%s: ", what);
    term_print(to, err->message, false);
    fputc('\n', to);
    print_details(to, err, data);
    /* Our own messages carry their advice in the sentence. */
    if (advice && refusal)
        fprintf(to, "  hint: %s\n", advice);
    return fail_code(err->kind);
}
