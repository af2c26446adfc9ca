// SPDX-License-Identifier: Apache-2.0
/*
 * /sys/class/net says of what kind a link is by the folders that it has. A
 * NIC is what has a device behind it: taps, veths and dummies are "other".
 */
#include "agent/host/net.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define NET "/sys/class/net"

/* --- links --------------------------------------------------------------- */

static void
put_line(json_t *obj, const char *key, const char *root, const char *link,
         const char *file)
{
    CLEANUP_FREE char *line = sysfs_line(root, NET "/%s/%s", link, file);

    json_put_text(obj, key, line);
}

static json_t *
entries(const char *root, const char *link, const char *folder)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, NET "/%s/%s", link, folder);
    json_t *list = json_array();

    for (size_t i = 0; i < names.n; i++)
        json_array_append_new(list, json_string(names.names[i]));
    return list;
}

/* Every readable file of a folder, as text: what an engine shows as the
 * options of a bridge or bond. */
static json_t *
options(const char *root, const char *link, const char *folder)
{
    CLEANUP_NAMES struct sysfs_names names =
        sysfs_list(root, NET "/%s/%s", link, folder);
    json_t *obj = json_object();

    for (size_t i = 0; i < names.n; i++) {
        CLEANUP_FREE char *line =
            sysfs_line(root, NET "/%s/%s/%s", link, folder, names.names[i]);

        if (line)
            json_put_text(obj, names.names[i], line);
    }
    return obj;
}

static json_t *
bridge_of(const char *root, const char *link)
{
    json_t *bridge = json_object();

    json_put_bool(bridge, "stp",
                  sysfs_number(root, 0, NET "/%s/bridge/stp_state", link) > 0);
    json_put(bridge, "options", options(root, link, "bridge"));
    return bridge;
}

/* bonding/mode: "active-backup 1". */
static json_t *
bond_of(const char *root, const char *link)
{
    CLEANUP_FREE char *mode = sysfs_line(root, NET "/%s/bonding/mode", link);
    json_t *bond = json_object();
    const char *number = mode ? strrchr(mode, ' ') : NULL;

    json_put_int(bond, "mode_number", number ? atoi(number) : 0);
    if (mode)
        mode[strcspn(mode, " ")] = '\0';
    json_put_text(bond, "mode", mode);
    put_line(bond, "active", root, link, "bonding/active_slave");
    put_line(bond, "aggregator", root, link, "bonding/ad_aggregator");
    put_line(bond, "partner_mac", root, link, "bonding/ad_partner_mac");
    json_put(bond, "options", options(root, link, "bonding"));
    return bond;
}

static json_t *
slaves_of(const char *root, const char *link)
{
    CLEANUP_FREE char *line = sysfs_line(root, NET "/%s/bonding/slaves", link);
    json_t *list = json_array();
    char *save = NULL;

    for (char *word = line ? strtok_r(line, " ", &save) : NULL; word;
         word = strtok_r(NULL, " ", &save))
        json_array_append_new(list, json_string(word));
    return list;
}

/* /proc/net/vlan/config: "eth0.10  | 10  | eth0" after two lines of title. */
static json_t *
vlan_of(const char *config, const char *link)
{
    char name[IFNAMSIZ], below[IFNAMSIZ];
    json_t *vlan;
    int id;

    for (const char *at = config; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (sscanf(at, "%15s | %d | %15s", name, &id, below) != 3 ||
            strcmp(name, link) != 0)
            continue;
        vlan = json_object();
        json_put_int(vlan, "id", id);
        json_put_text(vlan, "link", below);
        return vlan;
    }
    return NULL;
}

static json_t *
counters_of(const char *root, const char *link)
{
    static const char *const files[] = {"rx_bytes", "rx_dropped", "rx_errors",
                                        "tx_bytes", "tx_dropped", "tx_errors"};
    json_t *counters = json_object();

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        json_put_int(
            counters, files[i],
            sysfs_number(root, 0, NET "/%s/statistics/%s", link, files[i]));
    return counters;
}

/* A link that is down has no speed to read. */
static void
put_state(json_t *obj, const char *root, const char *link)
{
    long long speed = sysfs_number(root, 0, NET "/%s/speed", link);

    put_line(obj, "mac", root, link, "address");
    json_put_bool(obj, "up",
                  sysfs_number(root, 0, NET "/%s/carrier", link) == 1);
    json_put_int(obj, "speed", speed > 0 ? speed : 0);
}

static void
put_kind(json_t *obj, const char *root, const char *link, const char *vlans)
{
    bool bridge = sysfs_exists(root, NET "/%s/bridge", link);
    bool bond = sysfs_exists(root, NET "/%s/bonding", link);
    json_t *vlan = vlan_of(vlans, link);
    bool nic = sysfs_exists(root, NET "/%s/device", link);

    json_put_text(obj, "kind",
                  bridge ? "bridge"
                  : bond ? "bond"
                  : vlan ? "vlan"
                  : nic  ? "nic"
                         : "other");
    json_put(obj, "ports",
             bridge ? entries(root, link, "brif")
             : bond ? slaves_of(root, link)
                    : json_array());
    json_put(obj, "bridge", bridge ? bridge_of(root, link) : NULL);
    json_put(obj, "bond", bond ? bond_of(root, link) : NULL);
    json_put(obj, "vlan", vlan);
}

static json_t *
link_of(const char *root, const char *link, const char *vlans)
{
    CLEANUP_FREE char *master = sysfs_link(root, NET "/%s/master", link);
    json_t *obj = json_object();

    put_kind(obj, root, link, vlans);
    put_state(obj, root, link);
    put_line(obj, "permanent_mac", root, link, "bonding_slave/perm_hwaddr");
    json_put_int(obj, "mtu", sysfs_number(root, 1500, NET "/%s/mtu", link));
    json_put_text(obj, "master", master);
    json_put(obj, "counters", counters_of(root, link));
    return obj;
}

/* Names of links, not of files such as bonding_masters. */
static bool
is_link(const char *root, const char *name)
{
    return strcmp(name, "lo") != 0 &&
           sysfs_exists(root, NET "/%s/address", name);
}

json_t *
net_links(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, NET);
    CLEANUP_FREE char *vlans = sysfs_text(root, "/proc/net/vlan/config");
    json_t *links = json_object();

    for (size_t i = 0; i < names.n; i++)
        if (is_link(root, names.names[i]))
            json_put(links, names.names[i],
                     link_of(root, names.names[i], vlans));
    return links;
}

json_t *
net_counters(const char *root)
{
    CLEANUP_NAMES struct sysfs_names names = sysfs_list(root, NET);
    json_t *links = json_object();

    for (size_t i = 0; i < names.n; i++) {
        json_t *obj;

        if (!is_link(root, names.names[i]))
            continue;
        obj = counters_of(root, names.names[i]);
        put_state(obj, root, names.names[i]);
        json_put(links, names.names[i], obj);
    }
    return links;
}

/* --- addresses ----------------------------------------------------------- */

static unsigned
prefix_of(const unsigned char *mask, size_t len)
{
    unsigned bits = 0;

    for (size_t i = 0; i < len; i++)
        bits += (unsigned)__builtin_popcount(mask[i]);
    return bits;
}

static void
put_address4(json_t *list, const struct ifaddrs *at)
{
    char address[INET_ADDRSTRLEN], netmask[INET_ADDRSTRLEN];
    const struct sockaddr_in *in = (const void *)at->ifa_addr;
    const struct sockaddr_in *mask = (const void *)at->ifa_netmask;
    json_t *obj = json_object();

    inet_ntop(AF_INET, &in->sin_addr, address, sizeof(address));
    inet_ntop(AF_INET, &mask->sin_addr, netmask, sizeof(netmask));
    json_put_text(obj, "address", address);
    json_put_text(obj, "netmask", netmask);
    json_put_int(
        obj, "prefix",
        prefix_of((const void *)&mask->sin_addr, sizeof(mask->sin_addr)));
    json_array_append_new(list, obj);
}

static void
put_address6(json_t *list, const struct ifaddrs *at)
{
    const struct sockaddr_in6 *in = (const void *)at->ifa_addr;
    const struct sockaddr_in6 *mask = (const void *)at->ifa_netmask;
    char address[INET6_ADDRSTRLEN];
    json_t *obj = json_object();

    inet_ntop(AF_INET6, &in->sin6_addr, address, sizeof(address));
    json_put_text(obj, "address", address);
    json_put_int(
        obj, "prefix",
        prefix_of((const void *)&mask->sin6_addr, sizeof(mask->sin6_addr)));
    json_array_append_new(list, obj);
}

/* The member of that name, made where it is not there. */
static json_t *
member(json_t *obj, const char *name, json_t *(*make)(void))
{
    if (!json_object_get(obj, name))
        json_put(obj, name, make());
    return json_object_get(obj, name);
}

static json_t *
no_addresses(void)
{
    json_t *obj = json_object();

    json_put(obj, "ipv4", json_array());
    json_put(obj, "ipv6", json_array());
    return obj;
}

json_t *
net_addresses(void)
{
    json_t *links = json_object();
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all) < 0)
        return links;
    for (const struct ifaddrs *at = all; at; at = at->ifa_next) {
        int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
        json_t *link;

        if (!at->ifa_netmask || (family != AF_INET && family != AF_INET6))
            continue;
        link = member(links, at->ifa_name, no_addresses);
        if (family == AF_INET)
            put_address4(json_object_get(link, "ipv4"), at);
        else
            put_address6(json_object_get(link, "ipv6"), at);
    }
    freeifaddrs(all);
    return links;
}

/* --- default routes ------------------------------------------------------ */

#define ROUTE_USABLE 0x3 /* RTF_UP | RTF_GATEWAY */

/* route(8) -n: the address as a hexadecimal number in the host's order. */
static void
read_routes4(json_t *links, const char *text)
{
    char link[IFNAMSIZ], address[INET_ADDRSTRLEN];
    unsigned long to, gateway, flags, mask;

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        struct in_addr in;

        at += *at == '\n';
        if (sscanf(at, "%15s %lx %lx %lx %*s %*s %*s %lx", link, &to, &gateway,
                   &flags, &mask) != 5 ||
            to || mask || (flags & ROUTE_USABLE) != ROUTE_USABLE)
            continue;
        in.s_addr = (in_addr_t)gateway;
        inet_ntop(AF_INET, &in, address, sizeof(address));
        json_put_text(member(links, link, json_object), "gateway", address);
    }
}

static bool
hex_address(const char *hex, struct in6_addr *out)
{
    for (size_t i = 0; i < sizeof(out->s6_addr); i++) {
        unsigned byte;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        out->s6_addr[i] = (unsigned char)byte;
    }
    return true;
}

/* ipv6_route: to, its prefix, from, its prefix, gateway, metric, counters,
 * flags, link. */
static void
read_routes6(json_t *links, const char *text)
{
    char to[33], gateway[33], link[IFNAMSIZ], address[INET6_ADDRSTRLEN];
    unsigned long prefix, flags;

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        struct in6_addr in;

        at += *at == '\n';
        if (sscanf(at, "%32s %lx %*s %*s %32s %*s %*s %*s %lx %15s", to,
                   &prefix, gateway, &flags, link) != 5 ||
            prefix || strspn(to, "0") != 32 ||
            (flags & ROUTE_USABLE) != ROUTE_USABLE || strlen(gateway) != 32 ||
            !hex_address(gateway, &in))
            continue;
        inet_ntop(AF_INET6, &in, address, sizeof(address));
        json_put_text(member(links, link, json_object), "gateway6", address);
    }
}

json_t *
net_gateways(const char *root)
{
    CLEANUP_FREE char *v4 = sysfs_text(root, "/proc/net/route");
    CLEANUP_FREE char *v6 = sysfs_text(root, "/proc/net/ipv6_route");
    json_t *links = json_object();

    read_routes4(links, v4);
    read_routes6(links, v6);
    return links;
}
