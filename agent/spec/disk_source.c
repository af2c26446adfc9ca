// SPDX-License-Identifier: Apache-2.0
/*
 * The types of sources, a row each, and their JSON. A name from a peer goes
 * into libvirt's "TARGET/LUN" and "POOL/IMAGE", so the characters that part
 * them are refused.
 */
#include "agent/spec/disk_source.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/mem.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define HOST_CHARS LETTERS DIGITS ".-:%_"
#define IQN_CHARS LETTERS DIGITS ".-:"
#define PART_FORBIDDEN "/@:\\"
#define PORT_MAX 65535
#define TEXT_MAX 223 /* an iSCSI name, RFC 3720 section 3.2.6.1 */
#define WORDS "file|block|iscsi|nbd|rbd|volume"

/* --- the fields of each type ---------------------------------------------- */

#define TYPE_ROW                                                               \
    {                                                                          \
        .name = "type", .type = FIELD_ENUM, .required = true, .range = WORDS   \
    }
#define FORMAT_ROW(words)                                                      \
    {                                                                          \
        .name = "format", .type = FIELD_ENUM, .range = words                   \
    }
#define TEXT_ROW(field, must, text)                                            \
    {                                                                          \
        .name = field, .type = FIELD_TEXT, .required = must, .max = TEXT_MAX,  \
        .range = text                                                          \
    }
#define HOST_ROW TEXT_ROW("host", true, "a host name or an IP address")
#define PORT_ROW                                                               \
    {                                                                          \
        .name = "port", .type = FIELD_INT, .min = 1, .max = PORT_MAX,          \
        .range = "1..65535"                                                    \
    }
#define AUTH_ROWS                                                              \
    TEXT_ROW("user", false, "the name to log in with"),                        \
        TEXT_ROW("secret", false, "UUID or usage of a libvirt secret")

static const struct field path_rows[] = {
    TYPE_ROW,
    {.name = "path", .type = FIELD_PATH, .required = true},
    FORMAT_ROW("raw|qcow2"),
};
static const struct field iscsi_rows[] = {
    TYPE_ROW,
    HOST_ROW,
    PORT_ROW,
    TEXT_ROW("iqn", true, "the target's name: iqn.…, eui.… or naa.…"),
    {.name = "lun",
     .type = FIELD_INT,
     .required = true,
     .max = ADDRESS_UNIT_MAX,
     .range = "0..16383"},
    TEXT_ROW("initiator", false, "the name to log in as: iqn.…"),
    AUTH_ROWS,
    FORMAT_ROW("raw"),
};
static const struct field nbd_rows[] = {
    TYPE_ROW, HOST_ROW, PORT_ROW,
    TEXT_ROW("export", false, "the name of the export"), FORMAT_ROW("raw")};
static const struct field rbd_rows[] = {
    TYPE_ROW,
    TEXT_ROW("pool", true, "the name of the pool"),
    TEXT_ROW("image", true, "the name of the image"),
    {.name = "hosts",
     .type = FIELD_ARRAY,
     .max = DISK_HOSTS_MAX,
     .range = "at most 16 monitors, {host, port} each"},
    AUTH_ROWS,
    FORMAT_ROW("raw"),
};
static const struct field volume_rows[] = {
    TYPE_ROW, TEXT_ROW("pool", true, "the name of a libvirt storage pool"),
    TEXT_ROW("volume", true, "the name of a volume of it"),
    FORMAT_ROW("raw|qcow2")};
static const struct field monitor_rows[] = {HOST_ROW, PORT_ROW};

#define ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

static const struct disk_source types[DISK_SOURCE_TYPES] = {
    [DISK_SOURCE_NONE] = {"none", NULL, 0, "file", NULL, 0, NULL},
    [DISK_SOURCE_FILE] = {"file", ROWS(path_rows), "file", NULL, 0, NULL},
    [DISK_SOURCE_BLOCK] = {"block", ROWS(path_rows), "block", NULL, 0, NULL},
    [DISK_SOURCE_ISCSI] = {"iscsi", ROWS(iscsi_rows), "network", "iqn", 3260,
                           "iscsi"},
    [DISK_SOURCE_NBD] = {"nbd", ROWS(nbd_rows), "network", "export", 10809,
                         NULL},
    [DISK_SOURCE_RBD] = {"rbd", ROWS(rbd_rows), "network", "image", 0, "ceph"},
    [DISK_SOURCE_VOLUME] = {"volume", ROWS(volume_rows), "volume", "volume", 0,
                            NULL},
    [DISK_SOURCE_OTHER] = {"other", NULL, 0, "file", NULL, 0, NULL},
};

const struct disk_source *
disk_source_of(enum disk_source_type type)
{
    return &types[type];
}

int
disk_source_of_word(const char *word)
{
    for (int i = 0; word && i < DISK_SOURCE_TYPES; i++)
        if (strcmp(types[i].word, word) == 0)
            return i;
    return word ? -1 : DISK_SOURCE_NONE;
}

bool
disk_source_is_network(enum disk_source_type type)
{
    return strcmp(types[type].xml, "network") == 0;
}

/* --- a peer's ------------------------------------------------------------- */

static const struct shape {
    const char *field;
    const char *chars; /* the only ones, or NULL */
    const char *not;   /* none of these */
    const char *expected;
} shapes[] = {
    {"host", HOST_CHARS, "", "a host name or an IP address"},
    {"iqn", IQN_CHARS, "", "a name of letters, digits and . - :"},
    {"initiator", IQN_CHARS, "", "a name of letters, digits and . - :"},
    {"pool", NULL, PART_FORBIDDEN, "a name without / @ : and \\"},
    {"image", NULL, PART_FORBIDDEN, "a name without / @ : and \\"},
    {"volume", NULL, "/", "the name of a volume, no path"},
};

static int
check_shapes(const json_t *source, const char *at, struct err *err)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const struct shape *s = &shapes[i];
        const json_t *value = json_object_get(source, s->field);
        const char *text = json_string_value(value);

        if (text && ((s->chars && text[strspn(text, s->chars)]) ||
                     text[strcspn(text, s->not)]))
            return field_refuse(at, s->field, value, s->expected, err);
    }
    return 0;
}

static int
check_monitors(const json_t *source, const char *at, struct err *err)
{
    const json_t *host;
    size_t i;

    json_array_foreach(json_object_get(source, "hosts"), i, host)
    {
        CLEANUP_FREE char *each = mem_printf("%shosts[%zu].", at, i);

        if (field_check(monitor_rows, 2, each, host, err) < 0 ||
            check_shapes(host, each, err) < 0)
            return -1;
    }
    return 0;
}

/* libvirt takes both or none. */
static int
check_auth(const json_t *source, const char *at, struct err *err)
{
    const json_t *user = json_object_get(source, "user");
    const json_t *secret = json_object_get(source, "secret");

    if (json_is_string(user) && !json_is_string(secret))
        return field_refuse(at, "secret", NULL,
                            "the secret that goes with user", err);
    if (json_is_string(secret) && !json_is_string(user))
        return field_refuse(at, "user", NULL,
                            "the name that goes with the secret", err);
    return 0;
}

int
disk_source_check(const json_t *source, const char *prefix, struct err *err)
{
    CLEANUP_FREE char *at = mem_printf("%ssource.", prefix);
    const json_t *word = json_object_get(source, "type");
    int type = disk_source_of_word(json_string_value(word));

    if (type <= 0 || !types[type].rows)
        return field_refuse(at, "type", word, WORDS, err);
    if (field_check(types[type].rows, types[type].nrows, at, source, err) < 0 ||
        check_shapes(source, at, err) < 0 ||
        check_monitors(source, at, err) < 0)
        return -1;
    return check_auth(source, at, err);
}

/* --- JSON ----------------------------------------------------------------- */

void
disk_source_host(struct disk_far *far, const char *name, unsigned port)
{
    far->hosts = mem_more(far->hosts, far->nhosts, sizeof(*far->hosts));
    far->hosts[far->nhosts].name = mem_dup(name);
    far->hosts[far->nhosts++].port = port;
}

static void
read_hosts(const json_t *source, unsigned port, struct disk_far *far)
{
    const char *name = json_get_text(source, "host", NULL);
    const json_t *host;
    size_t i;

    if (name)
        disk_source_host(far, name, (unsigned)json_get_int(source, "port", port));
    json_array_foreach(json_object_get(source, "hosts"), i, host)
        disk_source_host(far, json_get_text(host, "host", ""),
                 (unsigned)json_get_int(host, "port", port));
}

static void
add_host_text(struct buf *out, const struct disk_host *host)
{
    bool v6 = strchr(host->name, ':') != NULL;

    buf_printf(out, v6 ? "[%s]" : "%s", host->name);
    if (host->port)
        buf_printf(out, ":%u", host->port);
}

/* One text for what names the data; who may open it is no part of it. */
char *
disk_source_text(const struct disk *disk)
{
    const struct disk_far *far = &disk->far;
    bool one = types[disk->source_type].port != 0;
    CLEANUP_BUF struct buf out = BUF_INIT;

    buf_printf(&out, one ? "%s://" : "%s:", types[disk->source_type].word);
    if (one)
        add_host_text(&out, &far->hosts[0]);
    if (one || far->pool)
        buf_printf(&out, "%s/", far->pool ? far->pool : "");
    buf_printf(&out, "%s", far->name ? far->name : "");
    if (disk->source_type == DISK_SOURCE_ISCSI)
        buf_printf(&out, "/%u", far->lun);
    for (size_t i = 0; !one && i < far->nhosts; i++) {
        buf_printf(&out, i ? "," : "@");
        add_host_text(&out, &far->hosts[i]);
    }
    return mem_dup(out.data);
}

void
disk_source_read(const json_t *source, struct disk *disk)
{
    int at = disk_source_of_word(json_get_text(source, "type", NULL));
    const struct disk_source *type = &types[at > 0 ? at : DISK_SOURCE_NONE];
    struct disk_far *far = &disk->far;

    disk->source_type = at > 0 ? (enum disk_source_type)at : DISK_SOURCE_NONE;
    disk->path = mem_dup(json_get_text(source, "path", NULL));
    disk->format = mem_dup(json_get_text(source, "format", NULL));
    if (!type->name)
        return;
    far->name = mem_dup(json_get_text(source, type->name, NULL));
    far->pool = mem_dup(json_get_text(source, "pool", NULL));
    far->lun = (unsigned)json_get_int(source, "lun", 0);
    far->initiator = mem_dup(json_get_text(source, "initiator", NULL));
    far->user = mem_dup(json_get_text(source, "user", NULL));
    far->secret = mem_dup(json_get_text(source, "secret", NULL));
    read_hosts(source, type->port, far);
    if (type->port && !far->nhosts) /* a record without: nobody's source */
        disk_source_host(far, "", type->port);
    free(disk->path);
    disk->path = disk_source_text(disk);
}

static void
put_host(json_t *obj, const struct disk_host *host)
{
    json_put_text(obj, "host", host->name);
    if (host->port)
        json_put_int(obj, "port", host->port);
}

static void
put_far(json_t *obj, const struct disk *disk)
{
    const struct disk_source *type = &types[disk->source_type];
    const struct disk_far *far = &disk->far;
    const struct {
        const char *name, *value;
    } texts[] = {{"pool", far->pool},
                 {type->name, far->name},
                 {"initiator", far->initiator},
                 {"user", far->user},
                 {"secret", far->secret}};
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].value)
            json_put_text(obj, texts[i].name, texts[i].value);
    if (disk->source_type == DISK_SOURCE_ISCSI)
        json_put_int(obj, "lun", far->lun);
    if (type->port)
        put_host(obj, &far->hosts[0]);
    for (size_t i = 0; !type->port && i < far->nhosts; i++) {
        json_t *each = json_object();

        put_host(each, &far->hosts[i]);
        json_array_append_new(list, each);
    }
    if (json_array_size(list))
        json_put(obj, "hosts", json_incref(list));
    json_decref(list);
}

json_t *
disk_source_to_json(const struct disk *disk)
{
    json_t *obj;

    if (disk->source_type == DISK_SOURCE_NONE)
        return NULL;
    obj = json_object();
    json_put_text(obj, "type", types[disk->source_type].word);
    if (types[disk->source_type].name)
        put_far(obj, disk);
    else if (disk->path)
        json_put_text(obj, "path", disk->path);
    if (disk->format)
        json_put_text(obj, "format", disk->format);
    return obj;
}
