// SPDX-License-Identifier: Apache-2.0
/*
 * A client for tests of the front room: blocking sockets, plain or TLS, with
 * a deadline on every read.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "tests/unit/unit.h"

#define LINK_DEADLINE_S 20

struct link {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    char *text; /* the last line heard */
    char *got;  /* bytes after it */
    size_t len, cap;
};

struct link_tls {
    const char *folder, *ca, *name; /* name NULL: no certificate */
    int version;
    SSL_SESSION *session; /* one to resume, or NULL */
};

static inline struct link
link_connect(int family, const void *at, socklen_t len)
{
    const struct timeval deadline = {.tv_sec = LINK_DEADLINE_S};
    struct link link = {.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};

    assert_true(link.fd >= 0);
    setsockopt(link.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    setsockopt(link.fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
    assert_int_equal(connect(link.fd, at, len), 0);
    return link;
}

static inline struct sockaddr_un
link_path(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    assert_true(strlen(path) < sizeof(at.sun_path));
    memcpy(at.sun_path, path, strlen(path));
    return at;
}

static inline struct link
link_unix(const char *path)
{
    const struct sockaddr_un at = link_path(path);

    return link_connect(AF_UNIX, &at, sizeof(at));
}

/* A socket that is bound to the path; nobody listens. */
static inline int
link_bind_unix(const char *path)
{
    const struct sockaddr_un at = link_path(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

static inline struct sockaddr_in
link_loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline struct link
link_tcp(int port)
{
    const struct sockaddr_in at = link_loopback(port);

    return link_connect(AF_INET, &at, sizeof(at));
}

static inline int
link_free_port(void)
{
    struct sockaddr_in at = link_loopback(0);
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static inline void
link_use_cert(SSL_CTX *ctx, const struct link_tls *how)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.pem", how->folder, how->ca);
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, path, NULL), 1);
    if (!how->name)
        return;
    snprintf(path, sizeof(path), "%s/%s.pem", how->folder, how->name);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, path), 1);
    snprintf(path, sizeof(path), "%s/%s.key", how->folder, how->name);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM),
                     1);
}

/* The handshake may fail: then nothing is heard. */
static inline struct link
link_tls(int port, const struct link_tls *how)
{
    struct link link = link_tcp(port);

    link.ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(link.ctx, SSL_VERIFY_PEER, NULL);
    /* Old versions are let through here, so that the server must refuse. */
    SSL_CTX_set_cipher_list(link.ctx, "DEFAULT:@SECLEVEL=0");
    SSL_CTX_set_min_proto_version(link.ctx, how->version);
    SSL_CTX_set_max_proto_version(link.ctx, how->version);
    link_use_cert(link.ctx, how);
    link.ssl = SSL_new(link.ctx);
    SSL_set_fd(link.ssl, link.fd);
    if (how->session)
        SSL_set_session(link.ssl, how->session);
    SSL_connect(link.ssl);
    return link;
}

/* Failures show when the answer is read. */
static inline void
link_say(struct link *link, const char *text)
{
    size_t len = strlen(text) + 1;
    char *line = malloc(len);

    memcpy(line, text, len);
    line[len - 1] = '\n';
    if (link->ssl && SSL_is_init_finished(link->ssl))
        SSL_write(link->ssl, line, (int)len);
    else
        for (size_t sent = 0; sent < len;) {
            ssize_t n = send(link->fd, line + sent, len - sent, MSG_NOSIGNAL);

            if (n <= 0)
                break;
            sent += (size_t)n;
        }
    free(line);
}

static inline ssize_t
link_read(struct link *link)
{
    if (link->len + 65536 > link->cap) {
        link->cap = link->cap ? link->cap * 2 : 131072;
        link->got = realloc(link->got, link->cap);
    }
    if (link->ssl)
        return SSL_read(link->ssl, link->got + link->len, 65536);
    return read(link->fd, link->got + link->len, 65536);
}

/* The next line; good until the next call. NULL when the server closed. */
static inline const char *
link_hear(struct link *link)
{
    size_t looked = 0;

    for (;;) {
        char *lf = link->len == looked
                       ? NULL
                       : memchr(link->got + looked, '\n', link->len - looked);
        ssize_t n;

        if (lf) {
            size_t size = (size_t)(lf - link->got);

            free(link->text);
            link->text = strndup(link->got, size);
            link->len -= size + 1;
            memmove(link->got, lf + 1, link->len);
            return link->text;
        }
        looked = link->len;
        n = link_read(link);
        if (n <= 0)
            return NULL;
        link->len += (size_t)n;
    }
}

/* Whatever comes is thrown away; the server must end it in time. */
static inline void
link_until_closed(struct link *link)
{
    char junk[1024];
    ssize_t n;

    do
        n = recv(link->fd, junk, sizeof(junk), 0);
    while (n > 0);
    assert_true(n == 0 || errno == ECONNRESET);
}

static inline void
link_close(struct link *link)
{
    if (link->ssl && SSL_is_init_finished(link->ssl))
        SSL_shutdown(link->ssl);
    SSL_free(link->ssl);
    SSL_CTX_free(link->ctx);
    close(link->fd);
    free(link->text);
    free(link->got);
    *link = (struct link){.fd = -1};
}
