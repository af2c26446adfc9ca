// SPDX-License-Identifier: Apache-2.0
/*
 * A device that is there already plans nothing, and so does one that is gone.
 * A persistent VM gets devices in its definition, too.
 */
#include "agent/plan/live_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"
#include "agent/plan/engine_plan.h"

void
live_wish_clear(struct live_wish *wish)
{
    free(wish->xml);
    free(wish->alias);
    free(wish->meta);
    free(wish->graphics);
    free(wish->secret);
    free(wish->until);
    free(wish->connected);
}

static int
need_running(const struct known *known, struct err *err)
{
    if (known->vm->active && known->vm->live)
        return 0;
    return err_set(err, ERR_BAD_STATE,
                   "VM \"%s\" is %s: only a running one can be changed so",
                   known->vm->record.name, known->vm->state);
}

/* --- any device ----------------------------------------------------------- */

static void
define(const struct known *known, enum edit_kind kind, const char *xml,
       struct plan *plan)
{
    if (known->vm->persistent)
        plan_edit_device(plan_add(plan, STEP_DEFINE), kind, xml);
}

static struct step *
attach(const struct known *known, enum step_kind kind, const char *xml,
       const char *alias, struct plan *plan)
{
    struct step *step = plan_add(plan, kind);

    step->text = mem_dup(xml);
    step->alias = mem_dup(alias);
    json_put_text(plan->result, "device", alias);
    define(known, EDIT_ADD_DEVICE, xml, plan);
    return &plan->steps[0];
}

static struct step *
detach(const struct known *known, enum step_kind kind,
       const struct domain_device *device, struct plan *plan)
{
    struct step *step = plan_add(plan, kind);

    step->alias = mem_dup(device->alias);
    step->text_was = mem_dup(device->xml);
    json_put_text(plan->result, "device", device->alias);
    define(known, EDIT_REMOVE_DEVICE, device->xml, plan);
    return &plan->steps[0];
}

static const struct domain_device *
find(const struct known *known, const char *element, const char *alias)
{
    return domain_device(known->vm->live, element, alias);
}

/* --- NIC ------------------------------------------------------------------ */

static const struct domain_device *
by_mac(const struct known *known, const char *mac)
{
    const struct domain *live = known->vm->live;

    for (size_t i = 0; mac && i < live->ndevices; i++)
        if (live->devices[i].mac && !strcasecmp(live->devices[i].mac, mac))
            return &live->devices[i];
    return NULL;
}

static char *
mac_of(const char *xml)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), NULL);

    return doc ? xml_attr(xml_child(xml_root(doc), "mac"), "address") : NULL;
}

/* What was sent and is free is honoured; else it gets a place of its own. */
static char *
place_nic(const struct known *known, const struct live_wish *wish,
          struct plan *plan, struct err *err)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool =
        known_addresses(known, NULL);
    CLEANUP_XML xmlDocPtr doc =
        xml_parse(wish->xml, strlen(wish->xml), err);
    struct address address;
    const char *owner;
    char text[32];

    if (!doc)
        return NULL;
    address_from_xml(xml_root(doc), &address);
    owner = address.type == ADDRESS_PCI
                ? address_pool_owner(pool, NULL, &address)
                : NULL;
    address_text(&address, text);
    if (owner)
        plan_warn(plan,
                  "%s asks for the address %s, which %s has: it gets another",
                  wish->alias, text, owner);
    if ((address.type != ADDRESS_PCI || owner) &&
        domain_free_pci(known->vm->live, pool, &address, err) < 0)
        return NULL;
    json_put(plan->result, "address", address_to_json(&address));
    return nic_placed(wish->xml, &address, err);
}

int
live_plan_nic_plug(const struct known *known, const void *ctx,
                   struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;
    CLEANUP_TEXT char *mac = mac_of(wish->xml), *xml = NULL;
    const struct domain_device *other;

    if (need_running(known, err) < 0)
        return -1;
    json_put_text(plan->result, "device", wish->alias);
    if (find(known, "interface", wish->alias))
        return 0;
    other = by_mac(known, mac);
    if (other)
        return err_set(err, ERR_BAD_STATE,
                       "VM \"%s\" has the MAC address %s already, on %s",
                       known->vm->record.name, mac,
                       other->alias ? other->alias : "another NIC");
    xml = place_nic(known, wish, plan, err);
    if (!xml)
        return -1;
    attach(known, STEP_ATTACH_NIC, xml, wish->alias, plan)->event =
        "nic.plugged";
    if (wish->meta)
        engine_plan_meta(known, wish->meta, false, plan);
    return 0;
}

/* The entry goes by the MAC. */
static void
drop_meta(const struct known *known, const struct domain_device *nic,
          struct plan *plan)
{
    CLEANUP_TEXT char *entry =
        mem_printf("<device devtype=\"interface\" mac_address=\"%s\"/>",
                   nic->mac ? nic->mac : "");

    engine_plan_meta(known, entry, true, plan);
}

static int
gone(const struct known *known, const struct live_wish *wish,
     const char *element, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND,
                   "VM \"%s\" has no %s with alias \"%s\"",
                   known->vm->record.name, element, wish->alias);
}

int
live_plan_nic_unplug(const struct known *known, const void *ctx,
                     struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;
    const struct domain_device *nic;

    if (need_running(known, err) < 0)
        return -1;
    nic = find(known, "interface", wish->alias);
    if (!nic)
        return gone(known, wish, "NIC", err);
    detach(known, STEP_DETACH_NIC, nic, plan)->event = "nic.unplugged";
    drop_meta(known, nic, plan);
    return 0;
}

int
live_plan_nic_update(const struct known *known, const void *ctx,
                     struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;
    const struct domain_device *nic;
    CLEANUP_TEXT char *xml = NULL;
    struct step *step;

    if (need_running(known, err) < 0)
        return -1;
    nic = find(known, "interface", wish->alias);
    if (!nic)
        return gone(known, wish, "NIC", err);
    xml = wish->xml ? nic_merged(nic->xml, wish->xml, err)
                    : nic_changed(nic->xml, &wish->change, err);
    if (!xml)
        return -1;
    json_put_text(plan->result, "device", nic->alias);
    step = plan_add(plan, STEP_UPDATE_NIC);
    step->alias = mem_dup(nic->alias);
    step->text = STEAL(xml);
    step->text_was = mem_dup(nic->xml);
    step->event = "nic.changed";
    define(known, EDIT_ADD_DEVICE, step->text, plan);
    if (wish->meta)
        engine_plan_meta(known, wish->meta, false, plan);
    return 0;
}

/* --- memory --------------------------------------------------------------- */

int
live_plan_memory_plug(const struct known *known, const void *ctx,
                      struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;

    if (need_running(known, err) < 0)
        return -1;
    json_put_text(plan->result, "device", wish->alias);
    if (find(known, "memory", wish->alias))
        return 0;
    attach(known, STEP_ATTACH_MEMORY, wish->xml, wish->alias, plan)->event =
        "memory.plugged";
    return 0;
}

int
live_plan_memory_unplug(const struct known *known, const void *ctx,
                        struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;
    const struct domain_device *memory;

    if (need_running(known, err) < 0)
        return -1;
    memory = find(known, "memory", wish->alias);
    if (!memory)
        return gone(known, wish, "memory module", err);
    detach(known, STEP_DETACH_MEMORY, memory, plan)->event =
        "memory.unplugged";
    return 0;
}

/* --- the rest ------------------------------------------------------------- */

int
live_plan_vcpus(const struct known *known, const void *ctx, struct plan *plan,
                struct err *err)
{
    const struct live_wish *wish = ctx;
    struct step *step;
    char value[16], expected[64];

    if (need_running(known, err) < 0)
        return -1;
    if (wish->vcpus < 1 || wish->vcpus > known->vm->live->vcpus_max) {
        snprintf(value, sizeof(value), "%u", wish->vcpus);
        snprintf(expected, sizeof(expected),
                 "1..%u: the most it was started with",
                 known->vm->live->vcpus_max);
        return err_param(err, ERR_INVALID, "numberOfCpus", value, expected);
    }
    if (wish->vcpus == known->vm->live->vcpus)
        return 0;
    step = plan_add(plan, STEP_LIVE_VCPUS);
    step->number = wish->vcpus;
    step->was = known->vm->live->vcpus;
    step->event = "vm.changed";
    if (known->vm->persistent)
        plan_warn(plan, "The definition of VM \"%s\" keeps its vCPUs",
                  known->vm->record.name);
    return 0;
}

/* The running device, made good for one password. */
static char *
ticket_xml(const char *xml, const struct live_wish *wish, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = xml_parse(xml, strlen(xml), err);

    if (!doc)
        return NULL;
    xml_set(xml_root(doc), "passwdValidTo", wish->until);
    xml_set(xml_root(doc), "connected", wish->connected);
    return xml_text(xml_root(doc));
}

static bool
is_graphics(const struct domain_device *device, const char *type)
{
    CLEANUP_XML xmlDocPtr doc =
        !strcmp(device->element, "graphics")
            ? xml_parse(device->xml, strlen(device->xml), NULL)
            : NULL;

    return doc && xml_attr_is(xml_root(doc), "type", type);
}

int
live_plan_ticket(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    const struct live_wish *wish = ctx;
    const struct domain_device *device = NULL;
    struct step *step;

    if (need_running(known, err) < 0)
        return -1;
    for (size_t i = 0; i < known->vm->live->ndevices && !device; i++)
        if (is_graphics(&known->vm->live->devices[i], wish->graphics))
            device = &known->vm->live->devices[i];
    if (!device)
        return err_set(err, ERR_NOT_FOUND, "VM \"%s\" has no %s graphics",
                       known->vm->record.name, wish->graphics);
    step = plan_add(plan, STEP_SET_TICKET);
    step->text = ticket_xml(device->xml, wish, err);
    step->secret = mem_dup(wish->secret);
    return step->text ? 0 : -1;
}

static int
plan_files(const struct known *known, enum step_kind kind, struct plan *plan,
           struct err *err)
{
    if (need_running(known, err) < 0)
        return -1;
    plan_add(plan, kind);
    return 0;
}

int
live_plan_freeze(const struct known *known, const void *ctx,
                 struct plan *plan, struct err *err)
{
    (void)ctx;
    return plan_files(known, STEP_FREEZE, plan, err);
}

int
live_plan_thaw(const struct known *known, const void *ctx, struct plan *plan,
               struct err *err)
{
    (void)ctx;
    return plan_files(known, STEP_THAW, plan, err);
}
