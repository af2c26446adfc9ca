// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a domain's XML: refused, or a view whose addresses can be
 * taken, whose ports can be counted, whose disks become JSON, and whose text
 * can be edited and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/spec/domain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look(const struct domain *domain)
{
    CLEANUP_ADDRESS_POOL struct address_pool *pool = address_pool_new();
    struct address address;
    struct err err = ERR_INIT;
    size_t n;

    domain_take_addresses(domain, pool);
    free(domain_ports(domain, pool, &n));
    domain_free_pci(domain, pool, &address, &err);
    for (size_t i = 0; i < domain->ndisks; i++) {
        CLEANUP_JSON json_t *json = disk_to_json(domain->disks[i], NULL);
        CLEANUP_FREE char *xml = disk_xml(domain->disks[i]);

        if (!json || !xml)
            abort();
    }
}

static void
edit(const char *text, const struct domain *domain)
{
    struct edit edit = {.kind = EDIT_REMOVE_DISK};
    struct err err = ERR_INIT;
    CLEANUP_FREE char *edited = NULL;
    CLEANUP_DOMAIN struct domain *again = NULL;

    if (!domain->ndisks)
        return;
    edit.disk = disk_copy(domain->disks[0]);
    edited = domain_edit(text, &edit, 1, &err);
    edit_clear(&edit);
    if (!edited)
        return;
    again = domain_parse(edited, &err);
    if (!again || again->ndisks > domain->ndisks)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = ERR_INIT;
    CLEANUP_FREE char *text = malloc(size + 1);
    CLEANUP_DOMAIN struct domain *domain = NULL;

    memcpy(text, data, size);
    text[size] = '\0';
    domain = domain_parse(text, &err);
    if (!domain) {
        if (err.kind == ERR_NONE || !err.message[0])
            abort();
        return 0;
    }
    look(domain);
    edit(text, domain);
    return 0;
}
