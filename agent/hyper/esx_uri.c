// SPDX-License-Identifier: Apache-2.0
/* Schemes and parameters as tables; what is not in them is refused. */
#include "agent/hyper/esx_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"
#include "agent/hyper/vim_http.h"

static const struct scheme {
    const char *name;
    int https, http; /* default ports */
    bool path;       /* names a host below a datacenter */
} schemes[] = {
    {"esx", 443, 80, false},
    {"vpx", 443, 80, true},
    {"gsx", 8333, 8222, false},
};

static const struct scheme *
find_scheme(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strlen(schemes[i].name) == len &&
            strncasecmp(schemes[i].name, name, len) == 0)
            return &schemes[i];
    return NULL;
}

bool
esx_uri_is(const char *text)
{
    return find_scheme(text, strcspn(text, ":+")) != NULL;
}

/* --- parameters ---------------------------------------------------------- */

static bool
take_transport(struct esx_uri *uri, const char *value)
{
    uri->http = strcmp(value, "http") == 0;
    return uri->http || strcmp(value, "https") == 0;
}

static bool
take_flag(const char *value, bool *flag)
{
    *flag = strcmp(value, "1") == 0;
    return *flag || strcmp(value, "0") == 0;
}

static bool
take_no_verify(struct esx_uri *uri, const char *value)
{
    return take_flag(value, &uri->no_verify);
}

static bool
take_auto_answer(struct esx_uri *uri, const char *value)
{
    return take_flag(value, &uri->auto_answer);
}

static bool
is_host(const char *text, size_t len)
{
    return len > 0 && len < 256 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") >= len;
}

static bool
take_vcenter(struct esx_uri *uri, const char *value)
{
    snprintf(uri->vcenter, sizeof(uri->vcenter), "%s", value);
    return strcmp(value, "*") == 0 || is_host(value, strlen(value));
}

/* TYPE://HOST[:PORT] */
static bool
take_proxy(struct esx_uri *uri, const char *value)
{
    static const char *const types[] = {"http", "socks", "socks4", "socks4a",
                                        "socks5"};
    const char *host = strstr(value, "://");
    size_t len = host ? (size_t)(host - value) : 0;
    size_t name;
    long port;
    char *end;

    if (!host || strlen(value) >= sizeof(uri->proxy) - 1)
        return false;
    host += 3;
    name = strcspn(host, ":");
    if (!is_host(host, name))
        return false;
    if (host[name]) {
        port = strtol(host + name + 1, &end, 10);
        if (*end || end == host + name + 1 || port < 1 || port > 65535)
            return false;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strlen(types[i]) == len && strncmp(types[i], value, len) == 0) {
            /* libcurl's name of plain "socks" is socks5. */
            snprintf(uri->proxy, sizeof(uri->proxy), "%s%s",
                     strcmp(types[i], "socks") == 0 ? "socks5" : types[i],
                     host - 3);
            return true;
        }
    return false;
}

static const struct {
    const char *name;
    bool (*take)(struct esx_uri *uri, const char *value);
    const char *expected;
} params[] = {
    {"transport", take_transport, "http or https"},
    {"vcenter", take_vcenter, "a vCenter's address, or *"},
    {"no_verify", take_no_verify, "0 or 1"},
    {"auto_answer", take_auto_answer, "0 or 1"},
    {"proxy", take_proxy,
     "http://HOST[:PORT], socks://…, socks4://…, socks4a://… or socks5://…"},
};

static int
take_param(struct esx_uri *uri, const char *name, const char *value,
           struct err *err)
{
    CLEANUP_FREE char *label = mem_printf("uri parameter %.40s", name);

    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        if (strcmp(params[i].name, name) == 0)
            return params[i].take(uri, value)
                       ? 0
                       : err_param(err, ERR_INVALID, label, value,
                                   params[i].expected);
    return err_param(err, ERR_INVALID, "uri parameter", name,
                     "transport, vcenter, no_verify, auto_answer or proxy");
}

static int
take_query(struct esx_uri *uri, const char *query, struct err *err)
{
    CLEANUP_FREE char *text = mem_dup(query);
    char *rest = text, *pair;

    while ((pair = strsep(&rest, "&;"))) {
        char *value = strchr(pair, '=');

        if (!*pair)
            continue;
        if (value)
            *value++ = '\0';
        if (take_param(uri, pair, value ? value : "", err) < 0)
            return -1;
    }
    return 0;
}

/* --- the whole ----------------------------------------------------------- */

static int
refuse_transport(const char *text, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "uri: \"%s\" asks for libvirt's own remote transport (ssh, "
                   "tls, tcp …), which would look for a libvirtd on that "
                   "host; a VMware host has none and is reached over its own "
                   "https service: write esx://, vpx:// or gsx://",
                   text);
}

static int
take_path(struct esx_uri *uri, const struct scheme *scheme, const char *path,
          struct err *err)
{
    const char *from = path ? path + strspn(path, "/") : "";
    size_t len = strlen(from);

    while (len && from[len - 1] == '/')
        len--;
    if (!scheme->path) {
        if (len)
            return err_param(err, ERR_INVALID, "uri", path,
                             "no path: esx:// and gsx:// name the host "
                             "alone; vpx:// has DATACENTER/[CLUSTER/]HOST");
        return 0;
    }
    if (!memchr(from, '/', len) || len >= sizeof(uri->path) ||
        strstr(from, "//"))
        return err_param(err, ERR_INVALID, "uri", path ? path : "",
                         "a path [FOLDER/…]DATACENTER/[FOLDER/…][CLUSTER/]HOST "
                         "after the vCenter's address");
    snprintf(uri->path, sizeof(uri->path), "%.*s", (int)len, from);
    return 0;
}

static int
take_parts(const struct vim_url *url, const char *text, struct esx_uri *uri,
           struct err *err)
{
    const struct scheme *scheme =
        find_scheme(url->scheme, strlen(url->scheme));

    if (!scheme)
        return strchr(url->scheme, '+')
                   ? refuse_transport(text, err)
                   : err_param(err, ERR_INVALID, "uri", text,
                               "esx://, vpx:// or gsx:// for a VMware host");
    if (!url->host || !is_host(url->host, strlen(url->host)) ||
        (url->user && strlen(url->user) >= sizeof(uri->user)))
        return err_param(err, ERR_INVALID, "uri", text,
                         "a host name or an IPv4 address, and a short user "
                         "name if any");
    snprintf(uri->scheme, sizeof(uri->scheme), "%s", scheme->name);
    snprintf(uri->host, sizeof(uri->host), "%s", url->host);
    snprintf(uri->user, sizeof(uri->user), "%s", url->user ? url->user : "");
    if (take_path(uri, scheme, url->path, err) < 0 ||
        (url->query && take_query(uri, url->query, err) < 0))
        return -1;
    uri->port = url->port  ? url->port
                : uri->http ? scheme->http
                            : scheme->https;
    return 0;
}

int
esx_uri_parse(const char *text, struct esx_uri *uri, struct err *err)
{
    struct vim_url url;
    const char *plus = strchr(text, '+');
    const char *colon = strchr(text, ':');
    int rc;

    *uri = (struct esx_uri){.port = 0};
    /* Before any parser: '+' in a scheme is libvirt's own invention. */
    if (plus && colon && plus < colon && esx_uri_is(text))
        return refuse_transport(text, err);
    if (vim_http_url(text, &url, err) < 0)
        return -1;
    rc = take_parts(&url, text, uri, err);
    vim_http_url_clear(&url);
    return rc;
}

char *
esx_uri_sdk(const struct esx_uri *uri)
{
    return mem_printf("%s://%s:%d/sdk", uri->http ? "http" : "https",
                      uri->host, uri->port);
}
