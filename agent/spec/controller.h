// SPDX-License-Identifier: Apache-2.0
/*
 * Controllers: of PCI buses (root ports) and of disks. Struct ⇄ JSON for
 * virtio-scsi ones (DESIGN "A VM", controllers), struct ⇄ XML for all. Pure.
 */
#pragma once

#include "agent/spec/address.h"

struct controller {
    char type[16];  /* "scsi", "pci", "sata", "ide", "usb" … */
    char model[32]; /* "virtio-scsi", "pcie-root-port", "" */
    unsigned index;
    unsigned queues, iothread, max_sectors, cmd_per_lun; /* 0: not set */
    char alias[64];
    struct address address;
    bool multifunction; /* of the address */
    bool leaving; /* of a record: the guest was asked to let it go */
};

/* A controller that we make: alias "ua-<type><index>" ("ua-port<index>" for
 * a root port), no address yet. */
void controller_init(struct controller *c, const char *type,
                     const char *model, unsigned index);

json_t *controller_to_json(const struct controller *c); /* returns owned */

/* One of a VM's "controllers": virtio-scsi; index needed. Its alias is made
 * by controller_init: one in obj is accepted and ignored. State is for our own
 * records: who reads a wish drops leaving. */
int controller_from_json(const json_t *obj, const char *prefix,
                         struct controller *out, struct err *err);

xmlNodePtr controller_to_xml(const struct controller *c, xmlNodePtr parent);
char *controller_xml(const struct controller *c); /* returns owned */
/* Make the <driver> of a <controller> say what controller says. */
void controller_merge(xmlNodePtr node, const struct controller *controller);
void controller_from_xml(xmlNodePtr node, struct controller *out);

/* The number of its <driver> in which it is not as wished ("queues is 4, not
 * 2"), NULL when there is none; returns owned. */
char *controller_mismatch(const struct controller *want,
                          const struct controller *seen);

/* Whether it is a virtio-scsi controller a disk may use. */
bool controller_is_virtio_scsi(const struct controller *c);
