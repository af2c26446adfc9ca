// SPDX-License-Identifier: Apache-2.0
/*
 * One event loop, one server, one page. Requests are small and answered one
 * after the other; what is not GET /metrics is told what there is. Who may
 * read it is whoever reaches the address: it is loopback unless set otherwise.
 */
#include "agent/front/metrics.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/front/listener.h"
#include "agent/verbs/exposition.h"

#define TIMEOUT_S 10     /* of a client that is slow */
#define HEADERS_MAX 8192 /* bytes of a request's headers */
#define BODY_MAX 1024    /* nobody has anything to send */
#define PATH "/metrics"
#define TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
    struct env *env;
    struct event_base *base;
    struct evhttp *http;
    struct event *end;
    int end_fd; /* written once, at the end */
    pthread_t thread;
    bool running;
};

CLEANUP_DEFINE(metrics_cleanup, struct metrics, metrics_stop)

static void
on_scrape(struct evhttp_request *request, void *arg)
{
    struct metrics *metrics = arg;
    struct evbuffer *page = evbuffer_new();
    CLEANUP_BUF struct buf text = BUF_INIT;

    exposition_write(metrics->env, &text);
    evhttp_add_header(evhttp_request_get_output_headers(request),
                      "Content-Type", TYPE);
    if (page && evbuffer_add(page, text.data, text.len) == 0)
        evhttp_send_reply(request, HTTP_OK, "OK", page);
    else
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
    if (page)
        evbuffer_free(page);
}

static void
on_other(struct evhttp_request *request, void *arg)
{
    (void)arg;
    evhttp_send_error(request, HTTP_NOTFOUND, "Only " PATH " is here");
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
    const struct metrics *metrics = arg;

    (void)fd;
    (void)what;
    event_base_loopbreak(metrics->base);
}

static void *
run(void *arg)
{
    const struct metrics *metrics = arg;

    event_base_dispatch(metrics->base);
    return NULL;
}

static int
start_thread(struct metrics *metrics, struct err *err)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all); /* signals are for the loop that watches them */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&metrics->thread, NULL, run, metrics);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        return err_set(err, ERR_INTERNAL,
                       "The thread of the metrics cannot be started: %s.",
                       strerror(rc));
    metrics->running = true;
    return 0;
}

static int
serve(struct metrics *metrics, const char *address, struct err *err)
{
    char name[LISTENER_PEER];
    int fd = listener_socket("metrics.listen", address, name, err);

    if (fd < 0)
        return -1;
    if (evhttp_accept_socket(metrics->http, fd) < 0) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "No HTTP can be served at %s.", name);
    }
    evhttp_set_allowed_methods(metrics->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_timeout(metrics->http, TIMEOUT_S);
    evhttp_set_max_headers_size(metrics->http, HEADERS_MAX);
    evhttp_set_max_body_size(metrics->http, BODY_MAX);
    evhttp_set_cb(metrics->http, PATH, on_scrape, metrics);
    evhttp_set_gencb(metrics->http, on_other, NULL);
    log_info("metrics are served at http://%s" PATH, name);
    return 0;
}

struct metrics *
metrics_start(struct env *env, const char *address, struct err *err)
{
    CLEANUP(metrics_cleanup)
    struct metrics *metrics = mem_zalloc(1, sizeof(*metrics));

    metrics->env = env;
    metrics->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    metrics->base = event_base_new();
    metrics->http = metrics->base ? evhttp_new(metrics->base) : NULL;
    if (metrics->end_fd < 0 || !metrics->http) {
        err_set(err, ERR_INTERNAL,
                "The event loop of the metrics cannot be "
                "made: out of descriptors or memory.");
        return NULL;
    }
    metrics->end =
        event_new(metrics->base, metrics->end_fd, EV_READ, on_end, metrics);
    event_add(metrics->end, NULL);
    if (serve(metrics, address, err) < 0 || start_thread(metrics, err) < 0)
        return NULL;
    return STEAL(metrics);
}

void
metrics_stop(struct metrics *metrics)
{
    if (!metrics)
        return;
    if (metrics->running) {
        eventfd_write(metrics->end_fd, 1);
        pthread_join(metrics->thread, NULL);
    }
    if (metrics->http)
        evhttp_free(metrics->http);
    if (metrics->end)
        event_free(metrics->end);
    if (metrics->base)
        event_base_free(metrics->base);
    if (metrics->end_fd >= 0)
        close(metrics->end_fd);
    free(metrics);
}
