// SPDX-License-Identifier: Apache-2.0
/*
 * Readers of SCSI answers. Of several designators the one is taken that
 * scsi_id would take, so that an administrator finds the same text below
 * /dev/disk/by-id and in multipath's WWIDs.
 */
#include "agent/host/lun_scsi.h"

#include <stdio.h>
#include <string.h>

#define INQUIRY 0x12
#define SERVICE_ACTION_IN_16 0x9e
#define READ_CAPACITY_16 0x10
#define PAGE_SERIAL 0x80
#define PAGE_IDS 0x83
#define CODE_BINARY 1
#define HEAD 4 /* bytes before what a page or a designator holds */

void
lun_scsi_cdb_inquiry(uint8_t cdb[6], int page, uint16_t size)
{
    memset(cdb, 0, 6);
    cdb[0] = INQUIRY;
    cdb[1] = page >= 0;
    cdb[2] = (uint8_t)(page >= 0 ? page : 0);
    cdb[3] = (uint8_t)(size >> 8);
    cdb[4] = (uint8_t)size;
}

void
lun_scsi_cdb_capacity(uint8_t cdb[16], uint32_t size)
{
    memset(cdb, 0, 16);
    cdb[0] = SERVICE_ACTION_IN_16;
    cdb[1] = READ_CAPACITY_16;
    for (int i = 0; i < 4; i++)
        cdb[10 + i] = (uint8_t)(size >> (24 - 8 * i));
}

static uint64_t
big_endian(const uint8_t *data, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | data[i];
    return value;
}

/* Text of a fixed width without the blanks around it; blanks inside become
 * one "_" where joined is set. What is not printable ASCII is "_", too. */
static void
copy_text(const uint8_t *data, size_t len, bool joined, char *out, size_t size)
{
    size_t n = 0;

    while (len > 0 && (data[len - 1] == ' ' || data[len - 1] == '\0'))
        len--;
    while (len > 0 && *data == ' ') {
        data++;
        len--;
    }
    for (size_t i = 0; i < len && n + 1 < size; i++) {
        bool blank = data[i] == ' ';

        if (blank && joined && n > 0 && out[n - 1] == '_')
            continue;
        out[n++] = (blank && joined) || data[i] < ' ' || data[i] > '~'
                       ? '_'
                       : (char)data[i];
    }
    if (size > 0)
        out[n] = '\0';
}

void
lun_scsi_read_inquiry(const uint8_t *data, size_t len, struct lun_scsi *out)
{
    if (len < 36)
        return;
    out->disk = data[0] == 0; /* qualifier 0: connected; type 0: a disk */
    copy_text(data + 8, 8, false, out->vendor, sizeof(out->vendor));
    copy_text(data + 16, 16, false, out->product, sizeof(out->product));
}

/* What a page of vital product data holds; NULL when it is another page. */
static const uint8_t *
page_body(const uint8_t *data, size_t len, uint8_t page, size_t *n)
{
    if (len < HEAD || data[1] != page)
        return NULL;
    *n = (size_t)big_endian(data + 2, 2);
    if (*n > len - HEAD)
        *n = len - HEAD;
    return data + HEAD;
}

void
lun_scsi_read_serial(const uint8_t *data, size_t len, struct lun_scsi *out)
{
    size_t n;
    const uint8_t *body = page_body(data, len, PAGE_SERIAL, &n);

    if (body)
        copy_text(body, n, false, out->serial, sizeof(out->serial));
}

/* --- page 0x83 ------------------------------------------------------------ */

/* SPC-4 section 7.8.6, in the order in which scsi_id prefers them: NAA of
 * each format, EUI-64, T10 vendor identification, SCSI name string. */
static const struct kind {
    uint8_t type;
    int naa; /* first four bits, -1: any */
    char prefix;
} kinds[] = {
    {3, 6, '3'},  {3, 5, '3'},  {3, -1, '3'},
    {2, -1, '2'}, {1, -1, '1'}, {8, -1, '8'},
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t
rank(uint8_t type, bool binary, const uint8_t *value, size_t len)
{
    int naa = len == 0 ? -2 : binary ? value[0] >> 4 : hex_digit(value[0]);

    for (size_t i = 0; i < NKINDS; i++)
        if (kinds[i].type == type &&
            (kinds[i].naa == -1 || kinds[i].naa == naa))
            return i;
    return NKINDS;
}

static void
write_id(char prefix, bool binary, const uint8_t *value, size_t len,
         struct lun_scsi *out)
{
    size_t max = sizeof(out->id) - 1;

    out->id[0] = prefix;
    if (!binary) {
        copy_text(value, len, true, out->id + 1, max);
        return;
    }
    for (size_t i = 0; i < len && 2 * i + 2 < max; i++)
        snprintf(out->id + 1 + 2 * i, 3, "%02x", value[i]);
}

void
lun_scsi_read_ids(const uint8_t *data, size_t len, struct lun_scsi *out)
{
    size_t n = 0, best = NKINDS;
    const uint8_t *body = page_body(data, len, PAGE_IDS, &n);

    for (size_t at = 0; body && at + HEAD <= n; at += HEAD + body[at + 3]) {
        const uint8_t *d = body + at;
        bool of_lun = (d[1] & 0x30) == 0; /* not of a port or a device */
        bool binary = (d[0] & 0x0f) == CODE_BINARY;
        size_t its, size = d[3];

        if (size == 0 || at + HEAD + size > n)
            continue;
        its = rank(d[1] & 0x0f, binary, d + HEAD, size);
        if (!of_lun || its >= best)
            continue;
        best = its;
        write_id(kinds[its].prefix, binary, d + HEAD, size, out);
    }
}

void
lun_scsi_read_capacity(const uint8_t *data, size_t len, struct lun_scsi *out)
{
    uint64_t blocks;

    if (len < 12)
        return;
    blocks = big_endian(data, 8) + 1; /* it tells the last one's address */
    out->block = (unsigned)big_endian(data + 8, 4);
    if (__builtin_mul_overflow(blocks, (uint64_t)out->block, &out->capacity))
        out->capacity = 0;
}

void
lun_scsi_settle(struct lun_scsi *facts)
{
    char text[192];

    if (facts->id[0] || !facts->serial[0])
        return;
    snprintf(text, sizeof(text), "%s %s %s", facts->vendor, facts->product,
             facts->serial);
    facts->id[0] = 'S';
    copy_text((const uint8_t *)text, strlen(text), true, facts->id + 1,
              sizeof(facts->id) - 1);
}
