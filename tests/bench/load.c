// SPDX-License-Identifier: Apache-2.0
/*
 * A load generator: connections over mutual TLS, each with a number of Pings
 * in flight, for a time. Prints one JSON object: requests, seconds, and the
 * processor time that the server (by pid, /proc/PID/stat) spent meanwhile.
 * One thread; it must not be what limits, so its own time is printed too.
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

#define CONNECTIONS_MAX 1024
#define LINE "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Ping\"}\n"

struct conn {
    SSL *ssl;
    size_t owed; /* requests still to be written */
};

struct load {
    const char *port, *dir; /* of certificates */
    size_t connections, in_flight;
    double seconds;
    long pid;
    struct conn conns[CONNECTIONS_MAX];
    struct pollfd polls[CONNECTIONS_MAX];
    unsigned long answers;
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
write_owed(struct conn *conn)
{
    static const size_t len = sizeof(LINE) - 1;

    while (conn->owed) {
        int n = SSL_write(conn->ssl, LINE, (int)len);

        if (n <= 0) {
            if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_WRITE)
                fail("write");
            return;
        }
        conn->owed--;
    }
}

static void
read_answers(struct load *load, struct conn *conn)
{
    char text[16384];
    int n;

    while ((n = SSL_read(conn->ssl, text, sizeof(text))) > 0) {
        for (int i = 0; i < n; i++) {
            if (text[i] == '\n') {
                load->answers++;
                conn->owed++;
            }
        }
    }
    if (SSL_get_error(conn->ssl, n) != SSL_ERROR_WANT_READ)
        fail("read");
}

static void
run(struct load *load)
{
    double start = now(), cpu = server_cpu(load->pid), own = own_cpu();
    double took;

    for (size_t i = 0; i < load->connections; i++)
        write_owed(&load->conns[i]);
    while (now() - start < load->seconds) {
        if (poll(load->polls, load->connections, 1000) < 0)
            fail("poll");
        for (size_t i = 0; i < load->connections; i++) {
            if (!load->polls[i].revents)
                continue;
            read_answers(load, &load->conns[i]);
            write_owed(&load->conns[i]);
        }
    }
    took = now() - start;
    printf("{\"requests\": %lu, \"seconds\": %.3f, \"server_cpu\": %.3f, "
           "\"own_cpu\": %.3f}\n",
           load->answers, took, server_cpu(load->pid) - cpu, own_cpu() - own);
}

int
main(int argc, char **argv)
{
    static struct load load;
    SSL_CTX *ctx;

    if (argc != 7) {
        fprintf(stderr, "usage: load PORT CERT_DIR PID CONNECTIONS IN_FLIGHT "
                        "SECONDS\n");
        return 2;
    }
    load.port = argv[1];
    load.dir = argv[2];
    load.pid = strtol(argv[3], NULL, 10);
    load.connections = strtoul(argv[4], NULL, 10);
    load.in_flight = strtoul(argv[5], NULL, 10);
    load.seconds = strtod(argv[6], NULL);
    if (load.connections == 0 || load.connections > CONNECTIONS_MAX)
        return 2;
    ctx = new_context(load.dir);
    for (size_t i = 0; i < load.connections; i++)
        open_conn(&load, ctx, i);
    run(&load);
    return 0;
}
