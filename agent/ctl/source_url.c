// SPDX-License-Identifier: Apache-2.0
/*
 * One row per form. berthd checks what the parts hold; here they are only
 * told apart.
 */
#include "agent/ctl/source_url.h"

#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/ctl/value.h"

static const struct form {
    const char *prefix; /* the type and what follows it */
    bool host;
    const char *first, *second; /* members of what is before and after the
                                   last "/"; second NULL: one part */
    bool number;                /* second is one */
    const char *shape;
} forms[] = {
    {"iscsi://", true, "iqn", "lun", true, "iscsi://HOST[:PORT]/IQN/LUN"},
    {"nbd://", true, "export", NULL, false, "nbd://HOST[:PORT]/EXPORT"},
    {"rbd:", false, "pool", "image", false, "rbd:POOL/IMAGE"},
    {"volume:", false, "pool", "volume", false, "volume:POOL/VOLUME"},
};
#define NFORMS (sizeof(forms) / sizeof(forms[0]))

static int
bad(const struct form *form, const char *text, struct err *err)
{
    return err_set(err, ERR_INVALID, "\"%s\" is not of the form %s", text,
                   form->shape);
}

/* "HOST", "HOST:PORT", "[V6]:PORT" before a "/"; returns what follows it. */
static const char *
read_host(const char *text, json_t *source, struct err *err)
{
    size_t len = *text == '[' ? strcspn(text, "]") : strcspn(text, ":/");
    CLEANUP_FREE char *name = NULL, *port = NULL;
    const char *rest = text + len;
    int64_t number;

    if (*text == '[') {
        text++;
        len--;
        rest += *rest == ']';
    }
    name = mem_ndup(text, len);
    json_put_text(source, "host", name);
    if (*rest == ':') {
        port = mem_ndup(rest + 1, strcspn(rest + 1, "/"));
        if (value_int(port, &number, err) < 0)
            return NULL;
        json_put_int(source, "port", number);
        rest += 1 + strlen(port);
    }
    return len > 0 && *rest == '/' ? rest + 1 : NULL;
}

static int
read_parts(const struct form *form, const char *parts, json_t *source,
           struct err *err)
{
    const char *slash = strrchr(parts, '/');
    CLEANUP_FREE char *first = NULL;
    int64_t number;

    if (!form->second) {
        if (*parts)
            json_put_text(source, form->first, parts);
        return 0;
    }
    if (!slash || !slash[1])
        return -1;
    first = mem_ndup(parts, (size_t)(slash - parts));
    json_put_text(source, form->first, first);
    if (!form->number)
        json_put_text(source, form->second, slash + 1);
    else if (value_int(slash + 1, &number, err) < 0)
        return -1;
    else
        json_put_int(source, form->second, number);
    return 0;
}

static int
read_form(const struct form *form, const char *text, json_t *source,
          struct err *err)
{
    CLEANUP_FREE char *type = mem_ndup(text, strcspn(text, ":"));
    const char *parts = text + strlen(form->prefix);

    json_put_text(source, "type", type);
    if (form->host)
        parts = read_host(parts, source, err);
    if (!parts || read_parts(form, parts, source, err) < 0)
        return bad(form, text, err);
    return 0;
}

int
source_url_read(const char *text, json_t *source, struct err *err)
{
    bool device =
        strncmp(text, "/dev/", 5) == 0 && strncmp(text, "/dev/shm/", 9) != 0;

    for (size_t i = 0; i < NFORMS; i++)
        if (strncmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0)
            return read_form(&forms[i], text, source, err);
    json_put_text(source, "path", text);
    if (!json_object_get(source, "type"))
        json_put_text(source, "type", device ? "block" : "file");
    return 0;
}

static void
print_host(const json_t *source, struct buf *out)
{
    const char *host = json_get_text(source, "host", "");
    json_int_t port = json_get_int(source, "port", 0);

    buf_printf(out, strchr(host, ':') ? "[%s]" : "%s", host);
    if (port)
        buf_printf(out, ":%lld", (long long)port);
    buf_add_text(out, "/");
}

static void
print_form(const struct form *form, const json_t *source, struct buf *out)
{
    buf_add_text(out, form->prefix);
    if (form->host)
        print_host(source, out);
    buf_add_text(out, json_get_text(source, form->first, ""));
    if (form->number)
        buf_printf(out, "/%lld",
                   (long long)json_get_int(source, form->second, 0));
    else if (form->second)
        buf_printf(out, "/%s", json_get_text(source, form->second, ""));
}

void
source_url_print(const json_t *source, struct buf *out)
{
    const char *type = json_get_text(source, "type", "");

    for (size_t i = 0; i < NFORMS; i++)
        if (strncmp(forms[i].prefix, type, strlen(type)) == 0 && *type &&
            forms[i].prefix[strlen(type)] == ':') {
            print_form(&forms[i], source, out);
            return;
        }
    buf_add_text(out, json_get_text(source, "path", type));
}
