// SPDX-License-Identifier: Apache-2.0
/*
 * A load generator: connections over mutual TLS, each with a number of
 * requests in flight, in lines or in STOMP, for a time or a number of them.
 * Prints one JSON object: requests, seconds, p50 and p99 in microseconds, the
 * processor time that the server (by pid, /proc/PID/stat) spent meanwhile, and
 * its memory at the end. One thread; it must not be what limits, so its own
 * time is printed too.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "protocol/stomp.h"

#define CONNECTIONS_MAX 1024
#define IN_FLIGHT_MAX 256
#define SLOWEST_US 4000000 /* what takes longer counts as this */
#define QUEUE "bench"

struct conn {
    SSL *ssl;
    struct stomp stomp;
    struct buf out; /* frames that SSL_write has not taken */
    size_t owed;    /* requests still to be written */
    double sent[IN_FLIGHT_MAX]; /* a ring: answers come in order */
    size_t first, waiting;
};

struct load {
    const char *port, *dir; /* of certificates */
    bool stomp;
    size_t connections, in_flight;
    double seconds;       /* 0: until there are so many requests */
    unsigned long wanted; /* 0: until the time is over */
    long pid;
    struct buf request; /* one, as it goes out */
    struct conn conns[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    unsigned long answers;
    unsigned took[SLOWEST_US + 1]; /* answers by microseconds */
};

__attribute__((noreturn)) static void
fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* User and system time of the server in seconds. */
static double
server_cpu(long pid)
{
    char path[64], text[1024], *after;
    unsigned long user, system;
    size_t n;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    file = fopen(path, "r");
    if (!file)
        fail(path);
    n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = '\0';
    after = strrchr(text, ')'); /* the name may hold anything */
    if (!after ||
        sscanf(after + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &system) != 2)
        fail("/proc/PID/stat");
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Kilobytes that the server has in memory. */
static long
server_rss(long pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/status", pid);
    file = fopen(path, "r");
    if (!file)
        fail(path);
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "VmRSS: %ld kB", &kb) == 1)
            break;
    fclose(file);
    return kb;
}

static double
own_cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static SSL_CTX *
new_context(const char *dir)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char ca[512], cert[512], key[512];

    snprintf(ca, sizeof(ca), "%s/ca.pem", dir);
    snprintf(cert, sizeof(cert), "%s/client.pem", dir);
    snprintf(key, sizeof(key), "%s/client.key", dir);
    if (!ctx || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 ||
        SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        fail("certificates");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static void
open_conn(struct load *load, SSL_CTX *ctx, size_t i)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(load->port)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(ctx);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1)
        fail("TLS handshake");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    load->conns[i] = (struct conn){.ssl = ssl, .owed = load->in_flight};
    load->polls[i] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void
note_answer(struct load *load, struct conn *conn)
{
    double us = (now() - conn->sent[conn->first]) * 1e6;

    load->took[us < SLOWEST_US ? (size_t)us : SLOWEST_US]++;
    load->answers++;
    conn->first = (conn->first + 1) % IN_FLIGHT_MAX;
    conn->waiting--;
    conn->owed++;
}

/* All that is owed goes out together: it is the server that is measured. */
static void
write_owed(struct load *load, struct conn *conn)
{
    for (; conn->owed; conn->owed--) {
        conn->sent[(conn->first + conn->waiting++) % IN_FLIGHT_MAX] = now();
        buf_add(&conn->out, load->request.data, load->request.len);
    }
    while (conn->out.len) {
        size_t done;

        if (SSL_write_ex(conn->ssl, conn->out.data, conn->out.len, &done) == 1)
            buf_consume(&conn->out, done);
        else if (SSL_get_error(conn->ssl, 0) == SSL_ERROR_WANT_WRITE)
            return;
        else
            fail("write");
    }
}

static void
take_line(struct load *load, struct conn *conn, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n')
            note_answer(load, conn);
}

static void
take_frames(struct load *load, struct conn *conn, const char *text, size_t len)
{
    struct stomp_frame frame;
    struct err err = ERR_INIT;
    enum stomp_state state;

    stomp_add(&conn->stomp, text, len);
    while ((state = stomp_next(&conn->stomp, &frame, &err)) == STOMP_FRAME) {
        if (strcmp(frame.command, "MESSAGE") != 0 ||
            strstr(frame.body, "\"error\":{"))
            fail(frame.body);
        note_answer(load, conn);
    }
    if (state == STOMP_BAD)
        fail(err.message);
}

static void
read_answers(struct load *load, struct conn *conn)
{
    char text[16384];
    int n;

    while ((n = SSL_read(conn->ssl, text, sizeof(text))) > 0) {
        if (load->stomp)
            take_frames(load, conn, text, (size_t)n);
        else
            take_line(load, conn, text, (size_t)n);
    }
    if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_READ)
        fail("read");
}

static bool
is_over(const struct load *load, double start)
{
    return load->wanted ? load->answers >= load->wanted
                        : now() - start >= load->seconds;
}

static void
work(struct load *load)
{
    if (poll(load->polls, load->connections, 1000) < 0)
        fail("poll");
    for (size_t i = 0; i < load->connections; i++) {
        struct conn *conn = &load->conns[i];

        if (!load->polls[i].revents)
            continue;
        read_answers(load, conn);
        write_owed(load, conn);
        load->polls[i].events = conn->out.len ? POLLIN | POLLOUT : POLLIN;
    }
}

/* Microseconds within which that share of the answers came. */
static size_t
within(const struct load *load, double share)
{
    unsigned long left = (unsigned long)((double)load->answers * share);
    size_t us = 0;

    while (us < SLOWEST_US && load->took[us] <= left)
        left -= load->took[us++];
    return us;
}

static void
run(struct load *load)
{
    double start = now(), cpu = server_cpu(load->pid), own = own_cpu();
    double took;

    for (size_t i = 0; i < load->connections; i++) {
        write_owed(load, &load->conns[i]);
        if (load->conns[i].out.len)
            load->polls[i].events = POLLIN | POLLOUT;
    }
    while (!is_over(load, start))
        work(load);
    took = now() - start;
    printf("{\"requests\": %lu, \"seconds\": %.3f, \"p50_us\": %zu, "
           "\"p99_us\": %zu, \"server_cpu\": %.3f, \"own_cpu\": %.3f, "
           "\"server_rss_kb\": %ld}\n",
           load->answers, took, within(load, 0.5), within(load, 0.99),
           server_cpu(load->pid) - cpu, own_cpu() - own, server_rss(load->pid));
}

/* METHOD: Ping in lines; another in STOMP, "Host.echo:BYTES" with a message. */
static void
make_request(struct load *load, char *method)
{
    char *bytes = strchr(method, ':');
    size_t size = bytes ? strtoul(bytes + 1, NULL, 10) : 0;
    struct buf body = BUF_INIT;

    load->stomp = strcmp(method, "Ping") != 0;
    if (bytes)
        *bytes = '\0';
    buf_printf(&body, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"",
               method);
    if (size) {
        buf_add_text(&body, ",\"params\":{\"message\":\"");
        buf_reserve(&body, size);
        memset(body.data + body.len, 'x', size);
        body.len += size;
        buf_add_text(&body, "\"}");
    }
    buf_add_text(&body, "}");
    if (load->stomp)
        buf_printf(&load->request,
                   "SEND\ndestination:jms.topic.vdsm_requests\n"
                   "content-type:application/json\nreply-to:" QUEUE
                   "\ncontent-length:%zu\n\n",
                   body.len);
    buf_add(&load->request, body.data, body.len);
    buf_add(&load->request, load->stomp ? "" : "\n", 1);
    buf_free(&body);
}

static void
subscribe(struct conn *conn)
{
    static const char frame[] =
        "SUBSCRIBE\ndestination:" QUEUE "\nid:1\nack:auto\n\n";

    buf_add(&conn->out, frame, sizeof(frame));
}

/* "3s" or a number of requests. */
static void
read_end(struct load *load, const char *text)
{
    char *end;
    double n = strtod(text, &end);

    if (*end == 's')
        load->seconds = n;
    else
        load->wanted = (unsigned long)n;
}

int
main(int argc, char **argv)
{
    static struct load load;
    SSL_CTX *ctx;

    if (argc != 8) {
        fprintf(stderr, "usage: load PORT CERT_DIR PID CONNECTIONS IN_FLIGHT "
                        "SECONDSs|REQUESTS METHOD[:BYTES]\n");
        return 2;
    }
    load.port = argv[1];
    load.dir = argv[2];
    load.pid = strtol(argv[3], NULL, 10);
    load.connections = strtoul(argv[4], NULL, 10);
    load.in_flight = strtoul(argv[5], NULL, 10);
    read_end(&load, argv[6]);
    make_request(&load, argv[7]);
    if (load.connections == 0 || load.connections > CONNECTIONS_MAX ||
        load.in_flight == 0 || load.in_flight > IN_FLIGHT_MAX)
        return 2;
    ctx = new_context(load.dir);
    for (size_t i = 0; i < load.connections; i++) {
        open_conn(&load, ctx, i);
        if (load.stomp)
            subscribe(&load.conns[i]);
    }
    run(&load);
    return 0;
}
