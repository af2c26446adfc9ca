// SPDX-License-Identifier: Apache-2.0
/*
 * SCSI generic I/O of a LUN: what is asked for (sgio, rawio, reservations),
 * what is written into the XML for it on this host, and what is then in
 * force. The three differ, and each is told. Pure; what it must know of the
 * host is gathered by plan/lun_facts.h.
 */
#pragma once

#include "agent/spec/disk.h"

/* What libvirt was asked whether it accepts it, by a definition. */
enum grant_feature {
    GRANT_FILTERED,
    GRANT_UNFILTERED,
    GRANT_RAWIO,
    GRANT_RESERVATIONS,
    GRANT_FEATURES
};
const char *grant_feature_name(enum grant_feature feature);

enum grant_answer { GRANT_UNKNOWN, GRANT_REFUSED, GRANT_ACCEPTED };
const char *grant_answer_name(enum grant_answer answer);

struct grant_host {
    enum grant_answer accepts[GRANT_FEATURES];
    char instead[16]; /* [scsi] sgio_unfiltered: "refuse" … */
    int rawio; /* QEMU of the running VM has CAP_SYS_RAWIO: 1, 0, -1 unknown */
    char others[256]; /* the VM's other LUNs that rawio would reach, or "" */
};

/* How the disk comes into force. */
struct grant_how {
    bool live;          /* plugged into a running VM, now */
    bool allow_pending; /* what works from the next start only may wait */
    const char *prefix; /* of fields in messages: "", "disk.", "set." */
};

/* Whether what the disk asks for, or has by its source, is a privilege that
 * CONFIGURE_SCSI_GENERIC_IO gives; words: which, "sgio unfiltered, rawio". */
#define GRANT_WORDS 128
bool grant_is_privileged(const struct disk *disk, char words[GRANT_WORDS]);

/*
 * Fill disk->emitted. Warnings (texts) are added to the array. err:
 * SGIO_UNSUPPORTED, naming what would be accepted; UNREACHABLE while nobody
 * could be asked what libvirt accepts.
 */
int grant_decide(const struct grant_host *host, const struct grant_how *how,
                 struct disk *disk, json_t *warnings, struct err *err);

/* What is in force for a LUN of a running VM, by its live XML and its QEMU's
 * capability (as grant_host.rawio). live NULL: it is not plugged. */
void grant_effective(const struct disk *live, int rawio,
                     struct disk_effective *out);
