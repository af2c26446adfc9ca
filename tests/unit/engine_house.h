// SPDX-License-Identifier: Apache-2.0
/*
 * An engine's documents in a house of the scripted backend: its images lie
 * below the house's folder, all else is as it came.
 */
#pragma once

#include "agent/common/buf.h"
#include "agent/common/file.h"
#include "agent/spec/ovirt.h"
#include "agent/state/vm_life.h"
#include "tests/unit/house.h"

#define ENGINE_SAMPLES "tests/golden/engine/samples.jsonl"
#define ENGINE_VM "aaaaaaaa-0000-0000-0000-000000000001"
#define ENGINE_DISK(n) "11111111-0000-0000-0000-00000000000" n

/* Every path of the engine's storage becomes an image in the folder. */
static inline char *
engine_house_here(const struct house *house, const char *xml)
{
    CLEANUP_BUF struct buf out = BUF_INIT;

    while (*xml) {
        const char *at = strstr(xml, "/rhev/");
        size_t len = at ? (size_t)(at - xml) : strlen(xml);
        CLEANUP_FREE char *path = NULL;
        const char *name;

        buf_add(&out, xml, len);
        xml += len;
        if (!at)
            break;
        len = strcspn(at, "\"");
        name = at + len;
        while (name[-1] != '/')
            name--;
        path = mem_printf("%s/%.*s", house->folder, (int)(at + len - name),
                          name);
        unit_write(path, "");
        assert_int_equal(truncate(path, 1 << 20), 0);
        buf_add_text(&out, path);
        xml += len;
    }
    return buf_steal(&out);
}

/* The document of a case; owned. */
static inline char *
engine_house_sample(const struct house *house, const char *name)
{
    CLEANUP_FREE char *all = file_read(ENGINE_SAMPLES, 1 << 20, NULL, NULL);
    char *save = NULL, *found = NULL;

    assert_non_null(all);
    for (char *line = strtok_r(all, "\n", &save); line && !found;
         line = strtok_r(NULL, "\n", &save)) {
        CLEANUP_JSON json_t *sample =
            json_parse(line, strlen(line),
                       &(struct json_limits){16, 1 << 24}, NULL);

        if (!strcmp(json_get_text(sample, "case", ""), name))
            found = engine_house_here(house, json_get_text(sample, "xml", ""));
    }
    if (!found)
        fail_msg("there is no sample %s", name);
    return found;
}

/* A verb about the VM whose parameter `key` is {vmId, xml}. */
static inline json_t *
engine_house_xml(struct house *house, const char *verb, const char *key,
                 const char *xml)
{
    CLEANUP_JSON json_t *params =
        json_pack("{s:s, s:{s:s, s:s}}", "vmID", ENGINE_VM, key, "vmId",
                  ENGINE_VM, "xml", xml);
    CLEANUP_FREE char *text = json_text(params, NULL);

    assert_null(strchr(text, '\''));
    return house_call(house, verb, text);
}

static inline void
engine_house_start(struct house *house)
{
    house_start(house);
    house_set(house, "vdsm.allow_tcg=yes");
}

static inline void
engine_house_create(struct house *house, const char *xml)
{
    if (!engine_house_xml(house, "VM.create", "vmParams", xml))
        fail_msg("%s", house->err.message);
}

static inline void
engine_house_create_sample(struct house *house, const char *name)
{
    CLEANUP_FREE char *xml = engine_house_sample(house, name);

    engine_house_create(house, xml);
}

/* A document of hot plug; it must succeed. */
static inline void
engine_house_plug(struct house *house, const char *xml)
{
    if (!engine_house_xml(house, "VM.hotplugDisk", "params", xml))
        fail_msg("%s", house->err.message);
}

/* The VM as it is known; its views are valid until the next call. */
static inline struct vm_info
engine_house_info(const struct house *house)
{
    struct vm_info info = {.present = false};

    vm_table_get(house->env.vms, ENGINE_VM, &info);
    return info;
}

/* A disk of the live view is there, so. */
static inline void
engine_house_disk(const struct house *house, const char *alias,
                  const char *target, const char *address)
{
    CLEANUP_VM_INFO struct vm_info info = engine_house_info(house);
    const struct disk *disk =
        info.live ? domain_disk_by_alias(info.live, alias) : NULL;
    char text[32];

    if (!disk)
        fail_msg("%s is not plugged", alias);
    address_text(&disk->address, text);
    assert_string_equal(disk->target, target);
    assert_string_equal(text, address);
}

/* The live XML holds (or lacks) part. */
static inline void
engine_house_live(const struct house *house, const char *part, bool wanted)
{
    CLEANUP_FREE char *xml = hyper_domain_xml(house->env.hyper, ENGINE_VM,
                                              HYPER_XML_LIVE, NULL);

    if ((xml && strstr(xml, part)) != wanted)
        fail_msg("'%s' is %s in %s", part, wanted ? "not" : "", xml);
}
