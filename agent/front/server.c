// SPDX-License-Identifier: Apache-2.0
/*
 * The event loop and what hangs on it. Phases: open → stopping (listeners
 * closed, open requests end) → closing (sessions drained) → the loop ends.
 * A connection over the limit is accepted and told so, since a backlog that
 * nobody empties would keep others out.
 */
#include "agent/front/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/dispatch.h"
#include "agent/front/listener.h"
#include "agent/front/metrics.h"
#include "agent/front/peercred.h"
#include "agent/front/tls.h"
#include "protocol/jsonrpc.h"
#include "protocol/limits.h"

#define WARN_DAYS 30 /* before a certificate ends */

struct watch { /* one signal */
    struct watch *next;
    struct event *event;
    void (*fn)(void *ctx);
    void *ctx;
};

struct server {
    struct env *env;
    struct outbox *outbox;
    struct dispatch *dispatch;
    struct event_base *base;
    struct event *mail;
    struct event *patience; /* while stopping */
    struct listener *tcp;
    struct listener *plain;
    struct listener *local;
    struct watch *signals;
    struct lock lock; /* LOCK_LEAF: tls, which any thread may replace */
    struct tls *tls;
    char tls_why[1024];/* why there is none, "" if none is wanted */
    uint64_t last_id;
    bool stopping;
    bool closing;
};

CLEANUP_DEFINE(server_cleanup, struct server, server_free)

/* --- sessions ------------------------------------------------------------ */

static void
on_request(void *ctx, struct session *session, const char *text, size_t len,
           const struct speech_from *from)
{
    const struct server *server = ctx;

    dispatch_request(server->dispatch, session, text, len, from);
}

static void
on_events(void *ctx, struct session *session, bool wanted)
{
    const struct server *server = ctx;

    dispatch_events(server->dispatch, session, wanted);
}

static void
on_ended(void *ctx, struct session *session)
{
    const struct server *server = ctx;

    dispatch_ended(server->dispatch, session);
}

static void
on_gone(void *ctx, struct session *session)
{
    const struct server *server = ctx;

    dispatch_gone(server->dispatch, session);
    if (server->closing && dispatch_sessions(server->dispatch) == 0)
        event_base_loopbreak(server->base);
}

static void
on_drained(void *ctx, struct session *session)
{
    const struct server *server = ctx;

    dispatch_drained(server->dispatch, session);
}

static const struct session_owner session_owner = {
    on_request, on_events, on_ended, on_gone, on_drained};

static struct session *
open_session(struct server *server, struct session_setup *setup)
{
    const struct conf *conf = env_conf(server->env);
    struct session *session;

    setup->id = ++server->last_id;
    setup->pacing_us = (long)conf_int(conf, CONF_STOMP_PACING_US);
    setup->floor_ms = (long)conf_int(conf, CONF_STOMP_HEARTBEAT_FLOOR_MS);
    session = session_new(server->base, setup, &session_owner, server);
    dispatch_opened(server->dispatch, session);
    return session;
}

/* --- connections --------------------------------------------------------- */

/* Best effort: the connection ends whether it takes the line or not. */
static void
turn_away(int fd, bool say)
{
    CLEANUP_FREE char *text = NULL;
    json_t *reply;
    struct err err = ERR_INIT;

    err_set(&err, ERR_LIMIT,
            "%u connections are open, which is the most; close one first.",
            LIMIT_CONNECTIONS);
    log_warning("a connection is refused: %s", err.message);
    if (say) {
        reply = jsonrpc_error(NULL, &err, NULL);
        text = json_text(reply, NULL);
        json_decref(reply);
        send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
        send(fd, "\n", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    close(fd);
}

/* Room for one more connection, where most may be open. One that only waits
 * for answers, perhaps of a VM that hangs, gives way: TCP does not tell
 * whether there is still somebody to hear them. */
static bool
has_room(const struct server *server, size_t most)
{
    return dispatch_sessions(server->dispatch) < most ||
           dispatch_give_way(server->dispatch);
}

static void
on_local(void *ctx, int fd, const char *peer)
{
    struct server *server = ctx;
    struct session_setup setup = {.fd = fd, .peer = peer, .local = true};

    if (!has_room(server, LIMIT_CONNECTIONS + LIMIT_CONNECTIONS_LOCAL)) {
        turn_away(fd, true);
        return;
    }
    log_debug("%s is connected to the unix socket", peer);
    session_set_identity(open_session(server, &setup), peercred_identity(fd));
}

/* Small answers leave at once; a host that has gone is noticed in minutes. */
static void
tune(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 60}, {IPPROTO_TCP, TCP_KEEPINTVL, 15},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                   sizeof(options[i].value));
}

static void
on_tcp(void *ctx, int fd, const char *peer)
{
    struct server *server = ctx;
    struct session_setup setup = {.fd = fd, .peer = peer};

    if (!has_room(server, LIMIT_CONNECTIONS)) {
        turn_away(fd, false);
        return;
    }
    tune(fd);
    lock_take(&server->lock);
    setup.conn = tls_accept(server->tls, fd);
    lock_drop(&server->lock);
    if (!setup.conn) {
        log_error("OpenSSL cannot serve %s: out of memory", peer);
        close(fd);
        return;
    }
    open_session(server, &setup);
}

/* Nobody proves who it is: all of one address are one peer. */
static void
on_plain(void *ctx, int fd, const char *peer)
{
    struct server *server = ctx;
    char name[SESSION_PEER];
    struct session_setup setup = {.fd = fd, .peer = name};

    if (!has_room(server, LIMIT_CONNECTIONS)) {
        turn_away(fd, true);
        return;
    }
    tune(fd);
    snprintf(name, sizeof(name), "plain:%.*s",
             (int)(strrchr(peer, ':') - peer), peer);
    log_info("%s is connected from %s", name, peer);
    session_set_identity(open_session(server, &setup), identity_new(name));
}

/* --- certificates -------------------------------------------------------- */

static void
warn_of_end(const struct tls *tls)
{
    CLEANUP_JSON json_t *info = tls_info(tls);
    json_int_t days = json_get_int(info, "days_left", 0);

    if (days < WARN_DAYS)
        log_warning("the certificate of %s ends at %s, in %lld days: renew "
                    "it and send SIGHUP",
                    json_get_text(info, "subject", ""),
                    json_get_text(info, "not_after", ""), (long long)days);
}

static struct tls_files
files_of(const struct conf *conf)
{
    return (struct tls_files){
        .cert = conf_text(conf, CONF_TLS_CERT),
        .key = conf_text(conf, CONF_TLS_KEY),
        .ca = conf_text(conf, CONF_TLS_CA),
        .crl = conf_text(conf, CONF_TLS_CRL),
    };
}

json_t *
server_tls_examine(const struct conf *conf)
{
    const struct tls_files files = files_of(conf);

    return tls_examine(&files);
}

static int
load_tls(struct server *server, struct err *err)
{
    const struct tls_files files = files_of(env_conf(server->env));
    struct tls *fresh, *old;

    fresh = tls_new(&files, err);
    if (!fresh)
        return -1;
    warn_of_end(fresh);
    lock_take(&server->lock);
    old = server->tls;
    server->tls = fresh;
    server->tls_why[0] = '\0';
    lock_drop(&server->lock);
    tls_free(old);
    return 0;
}

static int
open_tcp(struct server *server, struct err *err)
{
    const struct listener_owner owner = {on_tcp, server};
    const char *at = conf_text(env_conf(server->env), CONF_LISTEN_TLS);

    server->tcp = listener_tcp(server->base, at, &owner, err);
    return server->tcp ? 0 : -1;
}

static int
open_plain(struct server *server, const char *at, struct err *err)
{
    const struct listener_owner owner = {on_plain, server};

    server->plain = listener_plain(server->base, at, &owner, err);
    return server->plain ? 0 : -1;
}

/* The first certificates that can be used have come after the start. */
static void
open_tcp_late(void *arg)
{
    struct server *server = arg;
    struct err err = ERR_INIT;

    if (!server->tcp && !server->stopping && open_tcp(server, &err) < 0)
        log_error("There is no TLS listener: %s", err.message);
}

static void
drop_nothing(void *arg)
{
    (void)arg;
}

int
server_reload_tls(struct server *server, struct err *err)
{
    if (!conf_text(env_conf(server->env), CONF_LISTEN_TLS)[0])
        return 0;
    if (load_tls(server, err) < 0)
        return -1;
    outbox_post(server->outbox, open_tcp_late, drop_nothing, server);
    return 0;
}

json_t *
server_tls_info(struct server *server)
{
    json_t *info;

    LOCK_SCOPE(&server->lock);
    if (server->tls)
        return tls_info(server->tls);
    if (!server->tls_why[0])
        return NULL;
    info = json_object();
    json_put_text(info, "error", server->tls_why);
    return info;
}

/* --- signals and the loop ------------------------------------------------ */

static void
on_signal(evutil_socket_t signum, short what, void *arg)
{
    const struct watch *watch = arg;

    (void)signum;
    (void)what;
    watch->fn(watch->ctx);
}

int
server_on_signal(struct server *server, int signum, void (*fn)(void *ctx),
                 void *ctx, struct err *err)
{
    struct watch *watch = mem_zalloc(1, sizeof(*watch));

    watch->fn = fn;
    watch->ctx = ctx;
    watch->event = evsignal_new(server->base, signum, on_signal, watch);
    watch->next = server->signals;
    server->signals = watch;
    if (evsignal_add(watch->event, NULL) < 0)
        return err_set(err, ERR_INTERNAL, "Signal %d cannot be watched: %s.",
                       signum, strerror(errno));
    return 0;
}

static void
drain(struct server *server)
{
    server->closing = true;
    event_del(server->patience);
    dispatch_close(server->dispatch);
    if (dispatch_sessions(server->dispatch) == 0)
        event_base_loopbreak(server->base);
}

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)fd;
    (void)what;
    outbox_run(server->outbox);
    if (server->stopping && !server->closing &&
        dispatch_open(server->dispatch) == 0)
        drain(server);
}

static void
on_impatience(evutil_socket_t fd, short what, void *arg)
{
    struct server *server = arg;

    (void)fd;
    (void)what;
    log_warning("stopping with %zu requests not answered",
                dispatch_open(server->dispatch));
    drain(server);
}

/* Figures are not what berthd is for: without them it goes on. */
static struct metrics *
open_metrics(struct env *env)
{
    const char *at = conf_text(env_conf(env), CONF_METRICS_LISTEN);
    struct err err = ERR_INIT;
    struct metrics *metrics = at[0] ? metrics_start(env, at, &err) : NULL;

    if (at[0] && !metrics)
        log_warning("there are no metrics: %s", err.message);
    return metrics;
}

void
server_run(struct server *server)
{
    struct metrics *metrics = open_metrics(server->env);

    event_base_dispatch(server->base);
    metrics_stop(metrics);
}

void
server_stop(struct server *server, int64_t wait_ms)
{
    const struct timeval tv = {.tv_sec = wait_ms / 1000,
                               .tv_usec = wait_ms % 1000 * 1000};

    if (server->stopping)
        return;
    server->stopping = true;
    listener_free(STEAL(server->tcp));
    listener_free(STEAL(server->plain));
    listener_free(STEAL(server->local));
    dispatch_stop(server->dispatch);
    if (dispatch_open(server->dispatch) == 0)
        drain(server);
    else
        event_add(server->patience, &tv);
}

/* --- life ---------------------------------------------------------------- */

static int
open_local(struct server *server, const char *path, struct err *err)
{
    const struct conf *conf = env_conf(server->env);
    const struct listener_owner owner = {on_local, server};

    server->local = listener_unix(
        server->base, path, (unsigned)conf_int(conf, CONF_LISTEN_SOCKET_MODE),
        conf_text(conf, CONF_LISTEN_SOCKET_GROUP), &owner, err);
    return server->local ? 0 : -1;
}

/* Certificates that cannot be used close the door of the network, not that
 * of the host's own administrator. */
static int
open_tls(struct server *server, struct err *err)
{
    struct err why = ERR_INIT;

    if (load_tls(server, &why) == 0)
        return open_tcp(server, err);
    if (!server->local) {
        *err = why;
        return -1;
    }
    log_error("There is NO TLS LISTENER: %s. Repair that and send SIGHUP; the "
              "unix socket is served meanwhile",
              why.message);
    LOCK_SCOPE(&server->lock);
    snprintf(server->tls_why, sizeof(server->tls_why), "%s", why.message);
    return 0;
}

static int
open_listeners(struct server *server, struct err *err)
{
    const struct conf *conf = env_conf(server->env);
    const char *tls = conf_text(conf, CONF_LISTEN_TLS);
    const char *path = conf_text(conf, CONF_LISTEN_SOCKET);
    const char *plain = conf_text(conf, CONF_LISTEN_PLAIN);

    if (!tls[0] && !path[0] && !plain[0])
        return err_set(err, ERR_INVALID,
                       "Neither listen.tls nor listen.socket is set: nobody "
                       "could reach berthd; give one of them.");
    if (path[0] && open_local(server, path, err) < 0)
        return -1;
    if (plain[0] && open_plain(server, plain, err) < 0)
        return -1;
    return tls[0] ? open_tls(server, err) : 0;
}

struct server *
server_new(struct env *env, struct outbox *outbox, struct err *err)
{
    CLEANUP(server_cleanup)
    struct server *server = mem_zalloc(1, sizeof(*server));

    signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error, not an end */
    server->env = env;
    server->outbox = outbox;
    lock_init(&server->lock, LOCK_LEAF);
    server->base = event_base_new();
    if (!server->base) {
        err_set(err, ERR_INTERNAL, "The event loop cannot be made: %s.",
                strerror(errno));
        return NULL;
    }
    server->dispatch = dispatch_new(env, outbox, server->base);
    server->mail = event_new(server->base, outbox_fd(outbox),
                             EV_READ | EV_PERSIST, on_mail, server);
    server->patience = event_new(server->base, -1, 0, on_impatience, server);
    event_add(server->mail, NULL);
    return open_listeners(server, err) < 0 ? NULL : STEAL(server);
}

static void
free_signals(struct watch *watch)
{
    struct watch *next;

    for (; watch; watch = next) {
        next = watch->next;
        event_free(watch->event);
        free(watch);
    }
}

void
server_free(struct server *server)
{
    if (!server)
        return;
    listener_free(server->tcp);
    listener_free(server->plain);
    listener_free(server->local);
    dispatch_free(server->dispatch);
    free_signals(server->signals);
    if (server->mail)
        event_free(server->mail);
    if (server->patience)
        event_free(server->patience);
    if (server->base)
        event_base_free(server->base);
    tls_free(server->tls);
    lock_destroy(&server->lock);
    free(server);
}
