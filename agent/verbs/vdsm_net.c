// SPDX-License-Identifier: Apache-2.0
/*
 * Each link has the same members about addresses; what belongs to its kind is
 * added by that kind's function. Addresses of DHCP cannot be told from
 * others here: nothing asks who manages the links.
 */
#include "agent/verbs/vdsm_net.h"

#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/host/sysfs.h"

#define LINK_LOCAL "fe80:"

/* --- addresses ----------------------------------------------------------- */

static json_t *
with_prefix(const json_t *list)
{
    json_t *out = json_array(), *at;
    size_t i;

    json_array_foreach (list, i, at) {
        const char *address = json_get_text(at, "address", "");
        CLEANUP_FREE char *text = mem_printf(
            "%s/%lld", address, (long long)json_get_int(at, "prefix", 0));

        if (strncmp(address, LINK_LOCAL, strlen(LINK_LOCAL)) != 0)
            json_array_append_new(out, json_string(text));
    }
    return out;
}

static void
put_addresses(json_t *obj, const struct vdsm_facts *facts, const char *name)
{
    const json_t *all = json_object_get(facts->addresses, name);
    const json_t *v4 = json_object_get(all, "ipv4");
    const json_t *first = json_array_get(v4, 0);
    const json_t *way = json_object_get(facts->gateways, name);
    const char *gateway = json_get_text(way, "gateway", "");

    json_put_text(obj, "addr", json_get_text(first, "address", ""));
    json_put_text(obj, "netmask", json_get_text(first, "netmask", ""));
    json_put(obj, "ipv4addrs", with_prefix(v4));
    json_put(obj, "ipv6addrs", with_prefix(json_object_get(all, "ipv6")));
    json_put_text(obj, "gateway", gateway);
    json_put_text(obj, "ipv6gateway", json_get_text(way, "gateway6", "::"));
    json_put_bool(obj, "ipv4defaultroute", *gateway != '\0');
    json_put_bool(obj, "ipv6autoconf",
                  sysfs_number(facts->root, 0,
                               "/proc/sys/net/ipv6/conf/%s/autoconf",
                               name) == 1);
    json_put_bool(obj, "dhcpv4", false);
    json_put_bool(obj, "dhcpv6", false);
}

/* --- kinds --------------------------------------------------------------- */

static json_t *
copy(const json_t *from, const char *key)
{
    return json_deep_copy(json_object_get(from, key));
}

static void
put_nic(json_t *obj, const json_t *link)
{
    const char *permanent = json_get_text(link, "permanent_mac", NULL);

    json_put_text(obj, "hwaddr", json_get_text(link, "mac", ""));
    if (permanent)
        json_put_text(obj, "permhwaddr", permanent);
    json_put_int(obj, "speed", json_get_int(link, "speed", 0));
}

static void
put_bond(json_t *obj, const json_t *link)
{
    const json_t *bond = json_object_get(link, "bond");
    const json_t *options = json_object_get(bond, "options");
    json_t *opts = json_object();

    json_put(opts, "mode",
             vdsm_facts_text(json_get_int(bond, "mode_number", 0)));
    json_put_text(opts, "miimon", json_get_text(options, "miimon", "0"));
    json_put(obj, "opts", opts);
    json_put(obj, "slaves", copy(link, "ports"));
    json_put_text(obj, "hwaddr", json_get_text(link, "mac", ""));
    json_put_text(obj, "active_slave", json_get_text(bond, "active", ""));
    json_put_text(obj, "ad_aggregator_id",
                  json_get_text(bond, "aggregator", ""));
    json_put_text(obj, "ad_partner_mac",
                  json_get_text(bond, "partner_mac", ""));
    json_put_text(obj, "switch", "legacy");
}

static void
put_vlan(json_t *obj, const json_t *link)
{
    const json_t *vlan = json_object_get(link, "vlan");

    json_put_text(obj, "iface", json_get_text(vlan, "link", ""));
    json_put_int(obj, "vlanid", json_get_int(vlan, "id", 0));
}

static void
put_bridge(json_t *obj, const json_t *link)
{
    const json_t *bridge = json_object_get(link, "bridge");

    json_put(obj, "ports", copy(link, "ports"));
    json_put_text(obj, "stp", json_get_bool(bridge, "stp", 0) ? "on" : "off");
    json_put(obj, "opts", copy(bridge, "options"));
}

static const struct kind {
    const char *name;
    void (*put)(json_t *obj, const json_t *link);
} kinds[] = {{"nic", put_nic},
             {"bond", put_bond},
             {"vlan", put_vlan},
             {"bridge", put_bridge}};

static json_t *
link_of(const struct vdsm_facts *facts, const char *name, const json_t *link)
{
    const char *kind = json_get_text(link, "kind", "");
    json_t *obj = json_object();

    json_put_int(obj, "mtu", json_get_int(link, "mtu", 0));
    put_addresses(obj, facts, name);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            kinds[i].put(obj, link);
    return obj;
}

json_t *
vdsm_net_links(const struct vdsm_facts *facts, const char *kind)
{
    json_t *obj = json_object(), *link;
    const char *name;

    json_object_foreach (facts->links, name, link)
        if (strcmp(json_get_text(link, "kind", ""), kind) == 0)
            json_put(obj, name, link_of(facts, name, link));
    return obj;
}

/* --- networks ------------------------------------------------------------ */

/* The port that leads out of the host; NULL: none does. */
static const char *
southbound(const struct vdsm_facts *facts, const json_t *bridge)
{
    const json_t *ports = json_object_get(bridge, "ports"), *port;
    size_t i;

    json_array_foreach (ports, i, port) {
        const char *name = json_string_value(port);
        const json_t *link = json_object_get(facts->links, name);
        const char *kind = json_get_text(link, "kind", "");

        if (!strcmp(kind, "nic") || !strcmp(kind, "bond") ||
            !strcmp(kind, "vlan"))
            return name;
    }
    return NULL;
}

static json_t *
network_of(const struct vdsm_facts *facts, const char *name,
           const json_t *bridge, const char *below)
{
    const json_t *link = json_object_get(facts->links, below);
    const json_t *vlan = json_object_get(link, "vlan");
    json_t *obj = link_of(facts, name, bridge);

    json_put_text(obj, "iface", name);
    json_put_bool(obj, "bridged", true);
    json_put_text(obj, "southbound", below);
    json_put_text(obj, "switch", "legacy");
    json_put(obj, "nameservers", json_array());
    if (json_is_object(vlan))
        json_put_int(obj, "vlan", json_get_int(vlan, "id", 0));
    return obj;
}

json_t *
vdsm_net_networks(const struct vdsm_facts *facts)
{
    json_t *obj = json_object(), *link;
    const char *name;

    json_object_foreach (facts->links, name, link) {
        const char *below = json_is_object(json_object_get(link, "bridge"))
                                ? southbound(facts, link)
                                : NULL;

        if (below)
            json_put(obj, name, network_of(facts, name, link, below));
    }
    return obj;
}

const char *
vdsm_net_way_out(const struct vdsm_facts *facts)
{
    const char *name;
    json_t *way;

    json_object_foreach (facts->gateways, name, way)
        if (json_is_string(json_object_get(way, "gateway")))
            return name;
    return "";
}
