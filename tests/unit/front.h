// SPDX-License-Identifier: Apache-2.0
/*
 * The front room whole, for tests: a server in a thread of its own, real TLS
 * with certificates made for the test, the unix socket, the pool, and a table
 * of verbs that belong to the tests. The table and what adopts VMs take the
 * place of the house's own, so only one file of a program includes this.
 */
#pragma once

#include <pthread.h>
#include <sched.h>

#include "agent/common/buf.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/server.h"
#include "agent/plan/adopt.h"
#include "agent/verbs/ops.h"
#include "agent/verbs/table.h"
#include "protocol/limits.h"
#include "tests/unit/link.h"

#define VM_UUID "11111111-2222-4333-8444-555555555555"
#define HIDDEN_UUID "99999999-2222-4333-8444-555555555555"

struct fixture {
    char dir[256];
    char path[300]; /* of the unix socket */
    int port;
    struct conf *conf;
    struct outbox *outbox;
    struct env env;
    struct access *access; /* certificates are SuperUser, unless … */
    struct server *server;
    pthread_t thread;
};

/* What the verbs Wait, Change and Undo wait for. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open;
    int waiting;
    int changes; /* calls of Change and Undo that have begun */
} gate = {.mutex = PTHREAD_MUTEX_INITIALIZER,
          .cond = PTHREAD_COND_INITIALIZER};

static char certs[256];

/* --- the verbs ----------------------------------------------------------- */

static inline json_t *
who(struct verb_call *call, struct err *err)
{
    json_t *out = json_object();

    (void)err;
    json_put_text(out, "peer", call->request.peer);
    json_put_bool(out, "local", call->local);
    json_put_text(out, "vm", call->vm);
    json_put_text(out, "flow_id", call->request.flow_id);
    return out;
}

static inline json_t *
echo(struct verb_call *call, struct err *err)
{
    (void)err;
    return json_incref(json_object_get(call->params, "value"));
}

static inline int
pass_gate(int changes)
{
    pthread_mutex_lock(&gate.mutex);
    gate.waiting++;
    gate.changes += changes;
    changes = gate.changes;
    pthread_cond_broadcast(&gate.cond);
    while (!gate.open)
        pthread_cond_wait(&gate.cond, &gate.mutex);
    gate.waiting--;
    pthread_mutex_unlock(&gate.mutex);
    return changes;
}

static inline json_t *
wait_open(struct verb_call *call, struct err *err)
{
    (void)call;
    (void)err;
    pass_gate(0);
    return json_true();
}

/* The nth change of the test. */
static inline json_t *
change(struct verb_call *call, struct err *err)
{
    json_t *out = json_object();

    (void)err;
    json_put_int(out, "nth", pass_gate(1));
    json_put_text(out, "op_id", call->request.op_id);
    return out;
}

static inline json_t *
refuse(struct verb_call *call, struct err *err)
{
    (void)call;
    err_set(err, ERR_NO_FREE_PORT, "There is no port.");
    return NULL;
}

static const struct field value_field[] = {
    {.name = "value", .type = FIELD_OBJECT, .required = true, .doc = "-"},
};
static const struct field vm_field[] = {
    {.name = "vm", .type = FIELD_REF, .doc = "-"},
};

static const struct field vmid_field[] = {VERB_VMID_ROW};

static const struct field disk_fields_of_tests[] = {
    {.name = "vm", .type = FIELD_REF, .doc = "-"},
    {.name = "disk", .type = FIELD_ANY, .doc = "-"},
};

#define CHANGE(verb_name)                                                     \
    {.name = (verb_name),                                                     \
     .group = "disk",                                                         \
     .action_group = "DISK_ATTACH",                                           \
     .lane = VERB_VM,                                                         \
     .mutating = true,                                                        \
     .params = disk_fields_of_tests,                                          \
     .nparams = 2,                                                            \
     .run = change}

static const struct verb verbs[] = {
    {.name = "Ping",
     .action_group = VERB_FOR_ALL,
     .lane = VERB_INLINE,
     .run = who},
    {.name = "Nowhere", .lane = VERB_INLINE, .run = who},
    {.name = "Who",
     .action_group = "VM_OPERATE",
     .lane = VERB_INLINE, .run = who},
    {.name = "Echo",
     .action_group = "VM_OPERATE",
     .lane = VERB_INLINE,
     .params = value_field,
     .nparams = 1,
     .run = echo},
    {.name = "Admin",
     .action_group = "HOST_ADMIN",
     .lane = VERB_INLINE, .local = true, .run = who},
    {.name = "Wait",
     .action_group = "VM_OPERATE",
     .lane = VERB_HOST, .run = wait_open},
    {.name = "Ask",
     .action_group = "VM_OPERATE",
     .lane = VERB_HOST, .run = who},
    {.name = "Touch",
     .action_group = "VM_OPERATE",
     .lane = VERB_VM,
     .params = vm_field,
     .nparams = 1,
     .run = who},
    {.name = "Refuse",
     .action_group = "VM_OPERATE",
     .group = "vm",
     .lane = VERB_VM,
     .mutating = true,
     .run = refuse},
    CHANGE("Change"),
    CHANGE("Undo"),
    {.name = "VM.who",
     .action_group = "VM_OPERATE",
     .lane = VERB_INLINE,
     .vdsm_code = 100,
     .params = vmid_field,
     .nparams = 1,
     .run = who},
    {.name = "VM.refuse",
     .action_group = "VM_OPERATE",
     .group = "vdsm",
     .lane = VERB_VM,
     .mutating = true,
     .vdsm_code = 45,
     .params = vmid_field,
     .nparams = 1,
     .run = refuse},
};

const struct verb *
table_find_remote(const char *name)
{
    (void)name;
    return NULL;
}

const struct verb *
table_find(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    for (size_t i = 0; i < ops_nverbs; i++)
        if (strcmp(ops_verbs[i].name, name) == 0)
            return &ops_verbs[i];
    return NULL;
}

int
adopt_find(struct env *env, const char *ref, char uuid[UUID_TEXT],
           struct err *err)
{
    (void)env;
    if (strcmp(ref, "hidden") != 0)
        return err_set(err, ERR_NOT_FOUND, "There is no VM \"%s\".", ref);
    strcpy(uuid, HIDDEN_UUID);
    return 0;
}

int
adopt_refresh(struct env *env, const char *uuid, bool force, struct err *err)
{
    (void)env;
    (void)uuid;
    (void)force;
    (void)err;
    return 0;
}

int
adopt_state(struct env *env, const char *uuid, struct hyper_domain *out,
            struct err *err)
{
    (void)out;
    return adopt_refresh(env, uuid, true, err);
}

int
adopt_read(struct env *env, const char *uuid, uint64_t *print, struct err *err)
{
    (void)print;
    return adopt_refresh(env, uuid, true, err);
}

int
adopt_vm(struct env *env, const char *uuid, struct err *err)
{
    (void)env;
    (void)uuid;
    (void)err;
    return 0;
}

static inline void
set_gate(bool open)
{
    pthread_mutex_lock(&gate.mutex);
    gate.open = open;
    pthread_cond_broadcast(&gate.cond);
    pthread_mutex_unlock(&gate.mutex);
}

static inline void
until_waiting(int n)
{
    pthread_mutex_lock(&gate.mutex);
    while (gate.waiting < n)
        pthread_cond_wait(&gate.cond, &gate.mutex);
    pthread_mutex_unlock(&gate.mutex);
}

/* --- the server ---------------------------------------------------------- */

static inline void *
io_thread(void *arg)
{
    server_run(arg);
    return NULL;
}

static inline struct conf *
make_conf(const struct fixture *f, const char *crl)
{
    CLEANUP_FREE char *tls = mem_printf("listen.tls=127.0.0.1:%d", f->port);
    CLEANUP_FREE char *path = mem_printf("listen.socket=%s", f->path);
    CLEANUP_FREE char *cert = mem_printf("tls.cert=%s/server.pem", f->dir);
    CLEANUP_FREE char *key = mem_printf("tls.key=%s/server.key", f->dir);
    CLEANUP_FREE char *ca = mem_printf("tls.ca=%s/ca.pem", certs);
    CLEANUP_FREE char *list = mem_printf("tls.crl=%s", crl);
    CLEANUP_FREE char *empty = mem_printf("%s/empty.conf", f->dir);
    const char *const sets[] = {tls,
                                path,
                                cert,
                                key,
                                ca,
                                list,
                                "listen.socket_mode=0600",
                                "listen.socket_group=",
                                "metrics.listen="};
    struct err err = ERR_INIT;
    struct conf *conf;

    unit_write(empty, "");
    conf = conf_load(empty, sets, sizeof(sets) / sizeof(sets[0]), &err);
    if (!conf)
        fail_msg("%s", err.message);
    return conf;
}

static inline void
install_cert(const struct fixture *f, const char *name)
{
    CLEANUP_FREE char *command =
        mem_printf("cp %s/%s.pem %s/server.pem && cp %s/%s.key %s/server.key",
                   certs, name, f->dir, certs, name, f->dir);

    assert_int_equal(system(command), 0);
}

static inline void
start(struct fixture *f, const char *crl)
{
    const struct pool_limits limits = {LIMIT_LANE_REQUESTS, LIMIT_REQUESTS};
    const struct vm_seen vm = {.uuid = VM_UUID,
                               .name = "db",
                               .state = "running",
                               .reason = "",
                               .active = true,
                               .persistent = true};
    struct err err = ERR_INIT;

    f->port = link_free_port();
    f->conf = make_conf(f, crl);
    f->outbox = outbox_new(&err);
    assert_non_null(f->outbox);
    atomic_init(&f->env.conf, f->conf);
    f->access = access_new(0);
    assert_int_equal(access_set_default(f->access, "SuperUser", &err), 0);
    atomic_init(&f->env.access, f->access);
    f->env.pool = pool_new(4, &limits, NULL, NULL);
    f->env.notify = notify_new(f->outbox);
    f->env.vms = vm_table_new();
    f->env.sampled = sampled_new();
    f->env.ops = ops_new();
    f->env.store = store_open(f->dir, &err);
    assert_non_null(f->env.store);
    f->env.audit = audit_new(f->env.store);
    vm_table_seen(f->env.vms, &vm);
    f->server = server_new(&f->env, f->outbox, &err);
    if (!f->server)
        fail_msg("%s", err.message);
    assert_int_equal(pthread_create(&f->thread, NULL, io_thread, f->server), 0);
}

static inline void
stop_server(void *arg)
{
    server_stop(arg, 5000);
}

static inline void
forget(void *arg)
{
    (void)arg;
}

static inline void
stop(struct fixture *f)
{
    outbox_post(f->outbox, stop_server, forget, f->server);
    pthread_join(f->thread, NULL);
    assert_int_equal(pool_stop(f->env.pool, 5000), 0);
    server_free(f->server);
    f->server = NULL;
    pool_free(f->env.pool);
    notify_free(f->env.notify);
    outbox_free(f->outbox);
    vm_table_free(f->env.vms);
    sampled_free(f->env.sampled);
    ops_free(f->env.ops);
    store_close(f->env.store);
    audit_free(f->env.audit);
    conf_free(f->conf);
    access_free(f->access);
}

static inline int
set_up(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof(*f));

    unit_folder(f->dir);
    snprintf(f->path, sizeof(f->path), "%s/run/berthd.sock", f->dir);
    gate.changes = 0;
    set_gate(false);
    install_cert(f, "server");
    start(f, "");
    *state = f;
    return 0;
}

static inline int
tear_down(void **state)
{
    struct fixture *f = *state;

    set_gate(true);
    if (f->server)
        stop(f);
    free(f);
    return 0;
}

static inline struct link
tls(const struct fixture *f, const char *name, int version)
{
    struct link_tls how = {.ca = "ca", .name = name, .version = version};

    how.folder = certs;
    return link_tls(f->port, &how);
}

static inline void
expect(struct link *link, const char *line, const char *reply)
{
    link_say(link, line);
    assert_string_equal(link_hear(link), reply);
}

static inline void
expect_error(struct link *link, const char *line, const char *kind)
{
    CLEANUP_FREE char *part = mem_printf("\"kind\":\"%s\"", kind);
    const char *reply;

    link_say(link, line);
    reply = link_hear(link);
    if (!strstr(reply, part))
        fail_msg("%s answered %s", line, reply);
}

#define CALL(id, method) \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"" method "\"}"
#define CALL_WITH(id, method, params)                          \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"method\":\"" method \
    "\",\"params\":" params "}"
#define TRUE(id) "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"result\":true}"

/* For every test of the program; before the first one. */
static inline int
prepare(void)
{
    char command[512];

    json_init();
    log_set_level(LOG_ERROR);
    unit_folder(certs);
    snprintf(command, sizeof(command),
             "tests/lib/make-certs %s second expired revoked stranger", certs);
    return system(command);
}
