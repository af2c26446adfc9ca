// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts by proxy: added to the settings (a file of its own beside them, so
 * that nothing of the administrator's is rewritten), and tried.
 */
#include "agent/verbs/hypervisor.h"

#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/file.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/esx_cred.h"
#include "agent/plan/remote_watch.h"

/* --- list ------------------------------------------------------------------ */

static json_t *
process_json(struct esx *esx)
{
    struct child_state state;
    json_t *obj = json_object();

    esx_child(esx, &state);
    json_put(obj, "pid", state.pid ? json_integer(state.pid) : NULL);
    json_put_int(obj, "starts", state.starts);
    json_put_int(obj, "crashes", state.crashes);
    json_put_text(obj, "last_end", state.last_end[0] ? state.last_end : NULL);
    return obj;
}

void
hypervisor_list_remote(struct env *env, json_t *list)
{
    struct esx *esx;

    for (size_t i = 0; (esx = esx_set_at(env->esx, i)); i++) {
        json_t *obj = json_object();
        struct esx_state state;
        char since[CLOCK_STAMP];

        esx_look(esx, &state);
        clock_stamp(state.since_ms, since);
        json_put_text(obj, "name", esx_name(esx));
        json_put_text(obj, "uri", esx_uri_text(esx));
        json_put_text(obj, "backend", "esx");
        json_put_bool(obj, "connected", state.connected);
        json_put_text(obj, "since", state.tried ? since : NULL);
        json_put_text(obj, "last_error", state.error[0] ? state.error : NULL);
        json_put_text(obj, "product",
                      state.connected ? state.about.full_name : NULL);
        json_put(obj, "process", process_json(esx));
        json_array_append_new(list, obj);
    }
}

/* --- test -------------------------------------------------------------------- */

static void
finding(json_t *list, const char *what, const struct err *err)
{
    json_t *obj = json_object();

    json_put_text(obj, "what", what);
    json_put_text(obj, "kind", err_kind_name(err->kind));
    json_put_text(obj, "message", err->message);
    json_array_append_new(list, obj);
}

/* What its licenses allow; a free one makes every change fail. */
static void
put_licenses(struct esx *esx, const struct vim_about *about, json_t *result)
{
    static const char *const paths[] = {"licenses", NULL};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    json_t *list = json_array();
    struct err ignored = ERR_INIT;
    xmlNodePtr object, val;

    json_put(result, "licenses", list);
    if (!about->license_manager.id[0])
        return;
    if (vim_vm_retrieve(esx_vim(esx), &about->license_manager, paths, &answer,
                        &object, &ignored) < 0)
        return;
    val = vim_vm_property(object, paths[0]);
    for (xmlNodePtr node = xml_child(val, NULL); node;
         node = xml_next(node, NULL)) {
        CLEANUP_FREE char *name = vim_soap_child_text(node, "name");
        CLEANUP_FREE char *edition = vim_soap_child_text(node, "editionKey");
        json_t *obj = json_object();

        json_put_text(obj, "name", name);
        json_put_text(obj, "edition", edition);
        json_put_bool(obj, "read_only",
                      edition && strcmp(edition, "esxBasic") == 0);
        json_array_append_new(list, obj);
    }
}

static void
try_vsphere(struct esx *esx, json_t *result, json_t *missing)
{
    struct vim_about about;
    struct vim_place place;
    struct err err = ERR_INIT;

    if (esx_hello(esx, &about, &err) < 0 || esx_place(esx, &place, &err) < 0) {
        finding(missing, "disks, power and lists (vSphere)", &err);
        return;
    }
    json_put_text(result, "product", about.full_name);
    json_put_text(result, "version", about.version);
    json_put_text(result, "api_version", about.api_version);
    json_put_bool(result, "vcenter", about.vcenter);
    put_licenses(esx, &about, result);
    if (!about.vcenter && !esx_uri_of(esx)->vcenter[0]) {
        err_set(&err, ERR_UNSUPPORTED,
                "It is reached as a host alone: only a vCenter migrates");
        finding(missing, "MigrateVm", &err);
    }
}

static void
try_libvirt(struct verb_call *call, struct esx *esx, json_t *result,
            json_t *missing)
{
    json_t *info = NULL;
    struct err err = ERR_INIT;

    if (esx_virt(esx, "info", NULL, call->request.deadline_ms, &info, NULL,
                 &err) < 0)
        finding(missing, "XML, snapshots, storage and the rest (libvirt)",
                &err);
    json_put(result, "libvirt", info);
}

static json_t *
test_hypervisor(struct verb_call *call, struct err *err)
{
    const char *name = json_get_text(call->params, "name", "");
    struct esx *esx = esx_set_find(call->env->esx, name);
    json_t *result, *missing;

    if (!esx) {
        err_param(err, ERR_NOT_FOUND, "name", name,
                  "a VMware host of ListHypervisors");
        return NULL;
    }
    result = json_object();
    missing = json_array();
    json_put_text(result, "name", name);
    json_put_text(result, "uri", esx_uri_text(esx));
    try_vsphere(esx, result, missing);
    try_libvirt(call, esx, result, missing);
    json_put_bool(result, "works", json_array_size(missing) == 0 ||
                                       json_object_get(result, "product"));
    json_put(result, "missing", missing);
    return result;
}

/* --- add ---------------------------------------------------------------------- */

static struct esx_config
config_of(const json_t *params)
{
    return (struct esx_config){
        .name = json_get_text(params, "name", ""),
        .uri = json_get_text(params, "uri", ""),
        .credentials = json_get_text(params, "credentials", ""),
        .ca_file = json_get_text(params, "ca_file", ""),
        .fingerprint = json_get_text(params, "fingerprint", ""),
        .connect_ms = json_get_int(params, "connect_ms", 10000),
        .call_ms = json_get_int(params, "call_ms", 30000),
        .task_ms = json_get_int(params, "task_ms", 600000)};
}

/* What would not come back from a file as it went in. */
static int
check_text(const json_t *params, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)params, key, value)
    {
        const char *text = json_is_string(value) ? json_string_value(value)
                                                 : "";

        if (strpbrk(text, "\n\r;"))
            return err_param(err, ERR_INVALID, key, text,
                             "one line without ;");
    }
    return 0;
}

static int
write_file(struct env *env, const struct esx_config *config, char **path,
           struct err *err)
{
    CLEANUP_FREE char *text = mem_printf(
        "# Written by AddHypervisor.\n[hypervisor %s]\nuri = %s\n"
        "credentials = %s\nca_file = %s\nfingerprint = %s\n"
        "connect_ms = %lld\ncall_ms = %lld\ntask_ms = %lld\n",
        config->name, config->uri, config->credentials, config->ca_file,
        config->fingerprint, (long long)config->connect_ms,
        (long long)config->call_ms, (long long)config->task_ms);

    if (file_mkdirs(env->conf_folder, 0755, err) < 0)
        return -1;
    *path = mem_printf("%s/hypervisor-%s.conf", env->conf_folder,
                       config->name);
    return file_write(*path, text, strlen(text), 0644, err);
}

static json_t *
add_hypervisor(struct verb_call *call, struct err *err)
{
    const struct esx_config config = config_of(call->params);
    CLEANUP_CRED struct esx_cred cred = {.user = ""};
    CLEANUP_FREE char *path = NULL;
    struct esx_uri uri;
    struct esx *esx;
    json_t *result;

    if (strcmp(config.name, "local") == 0 ||
        esx_set_find(call->env->esx, config.name)) {
        err_set(err, ERR_EXISTS, "There is a hypervisor \"%s\" already",
                config.name);
        return NULL;
    }
    if (check_text(call->params, err) < 0 || esx_check(&config, err) < 0 ||
        esx_uri_parse(config.uri, &uri, err) < 0 ||
        esx_cred_read(config.credentials, uri.user[0] ? uri.user : NULL, &cred,
                      err) < 0 ||
        write_file(call->env, &config, &path, err) < 0)
        return NULL;
    esx = esx_set_add(call->env->esx, &config, err);
    if (!esx)
        return NULL;
    remote_watch_start(call->env, esx);
    log_info("hypervisor %s was added by %s: %s", config.name,
             call->request.peer, path);
    result = json_object();
    json_put_text(result, "name", config.name);
    json_put_text(result, "file", path);
    return result;
}

/* --- rows ------------------------------------------------------------------ */

#define TEXT_ROW(name_, needed_, doc_)                                         \
    {.name = name_, .type = FIELD_TEXT, .required = needed_, .max = 1024,      \
     .doc = doc_}

static const struct field name_params[] = {
    {.name = "name",
     .type = FIELD_NAME,
     .required = true,
     .doc = "The hypervisor (ListHypervisors)"},
};

static const struct field add_params[] = {
    {.name = "name",
     .type = FIELD_NAME,
     .required = true,
     .max = 40,
     .doc = "What it is called from now on"},
    TEXT_ROW("uri", true, "esx://…, gsx://… or vpx://…"),
    TEXT_ROW("credentials", true,
             "File with user= and password=, or a credential's name"),
    TEXT_ROW("ca_file", false, "CA of its certificate (PEM)"),
    TEXT_ROW("fingerprint", false, "SHA-256 fingerprint of its certificate"),
};

const struct verb hypervisor_verbs[] = {
    {.name = "AddHypervisor",
     .group = "host",
     .action_group = "HOST_ADMIN",
     .lane = VERB_HOST,
     .doc = "Writes a VMware host into the settings and works with it from "
            "now on.",
     VERB_PARAMS(add_params),
     .run = add_hypervisor},
    {.name = "TestHypervisor",
     .group = "host",
     .action_group = "HOST_ADMIN",
     .lane = VERB_HOST,
     .doc = "Connects to a VMware host and tells what it is, what its license "
            "allows, and what is missing.",
     VERB_PARAMS(name_params),
     .run = test_hypervisor},
};
const size_t hypervisor_nverbs =
    sizeof(hypervisor_verbs) / sizeof(hypervisor_verbs[0]);
