// SPDX-License-Identifier: Apache-2.0
/* Rows of vdsm_fields.def about the operating system and the machine. */
#include "agent/verbs/vdsm_caps_system.h"

#include <unistd.h>

#include "agent/host/sysfs.h"
#include "agent/plan/hook_env.h"

static json_t *
text_of(const json_t *obj, const char *key)
{
    return json_string(json_get_text(obj, key, ""));
}

static json_t *
flag(const json_t *obj, const char *key)
{
    return json_boolean(json_get_bool(obj, key, 0));
}

/* --- system -------------------------------------------------------------- */

static json_t *
operating_system(const struct vdsm_facts *facts)
{
    json_t *obj = json_object();

    json_put(obj, "name", text_of(facts->release, "name"));
    json_put(obj, "version", text_of(facts->release, "version"));
    json_put_text(obj, "release", "");
    json_put(obj, "pretty_name", text_of(facts->release, "pretty_name"));
    return obj;
}

static json_t *
kernel_args(const struct vdsm_facts *facts)
{
    return text_of(facts->kernel, "cmdline");
}

static json_t *
kernel_features(const struct vdsm_facts *facts)
{
    return json_deep_copy(json_object_get(facts->kernel, "features"));
}

static json_t *
boot_time(const struct vdsm_facts *facts)
{
    return json_deep_copy(json_object_get(facts->kernel, "boot_time"));
}

static json_t *
boot_uuid(const struct vdsm_facts *facts)
{
    return text_of(facts->kernel, "boot_id");
}

static json_t *
selinux(const struct vdsm_facts *facts)
{
    json_t *obj = json_object();

    json_put_int(obj, "mode", json_get_int(facts->switches, "selinux", -1));
    return obj;
}

static json_t *
kdump_status(const struct vdsm_facts *facts)
{
    return json_integer(json_get_int(facts->switches, "kdump", -1));
}

static json_t *
fips_enabled(const struct vdsm_facts *facts)
{
    return flag(facts->switches, "fips");
}

static json_t *
vnc_encrypted(const struct vdsm_facts *facts)
{
    return flag(facts->switches, "vnc_tls");
}

static json_t *
iscsi_initiator(const struct vdsm_facts *facts)
{
    return json_string(facts->initiator ? facts->initiator : "");
}

static json_t *
connector_info(const struct vdsm_facts *facts)
{
    json_t *obj = json_object();
    char name[256] = "";

    gethostname(name, sizeof(name) - 1);
    json_put_text(obj, "host", name);
    json_put(obj, "initiator", iscsi_initiator(facts));
    json_put_bool(obj, "multipath",
                  sysfs_exists(facts->root, "/run/multipathd.pid"));
    return obj;
}

static json_t *
hooks(const struct vdsm_facts *facts)
{
    return hook_env_checksums(facts->env);
}

static json_t *
software_version(const struct vdsm_facts *facts)
{
    (void)facts;
    return json_string(VDSM_CAPS_SYSTEM_VERSION);
}

static json_t *
software_revision(const struct vdsm_facts *facts)
{
    return json_string(facts->env->version);
}

/* --- the machine --------------------------------------------------------- */

static json_t *
system_manufacturer(const struct vdsm_facts *facts)
{
    return text_of(facts->dmi, "manufacturer");
}

static json_t *
system_product_name(const struct vdsm_facts *facts)
{
    return text_of(facts->dmi, "product");
}

static json_t *
system_version(const struct vdsm_facts *facts)
{
    return text_of(facts->dmi, "version");
}

static json_t *
system_serial_number(const struct vdsm_facts *facts)
{
    return text_of(facts->dmi, "serial");
}

static json_t *
system_family(const struct vdsm_facts *facts)
{
    return text_of(facts->dmi, "family");
}

static json_t *
system_uuid(const struct vdsm_facts *facts)
{
    return json_string(facts->host_id ? facts->host_id : "");
}

const struct vdsm_field vdsm_caps_system_rows[] = {
#define SYSTEM_REAL(name, type, make, doc) \
    {#name, VDSM_FIELD_##type, make, NULL},
#define SYSTEM_FIXED(name, type, json, doc) \
    {#name, VDSM_FIELD_##type, NULL, json},
#include "agent/verbs/vdsm_fields.def"
};
const size_t vdsm_caps_system_nrows =
    sizeof(vdsm_caps_system_rows) / sizeof(vdsm_caps_system_rows[0]);

const struct vdsm_field vdsm_caps_system_hardware[] = {
#define HARDWARE_REAL(name, type, make, doc) \
    {#name, VDSM_FIELD_##type, make, NULL},
#include "agent/verbs/vdsm_fields.def"
};
const size_t vdsm_caps_system_nhardware =
    sizeof(vdsm_caps_system_hardware) / sizeof(vdsm_caps_system_hardware[0]);
