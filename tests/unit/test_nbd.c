// SPDX-License-Identifier: Apache-2.0
/* NBD servers that greet, are mute, speak something else, or are not there. */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "agent/common/clock.h"
#include "agent/host/nbd.h"

struct server {
    int fd, client;
    unsigned port;
    const char *says;
};

static void
open_server(struct server *server)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(server->fd, 1), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&at, &len), 0);
    server->port = ntohs(at.sin_port);
}

/* One byte at a time: a greeting may come in pieces. */
static void *
serve(void *ctx)
{
    struct server *server = ctx;

    server->client = accept(server->fd, NULL, NULL);
    for (const char *p = server->says; server->client >= 0 && *p; p++)
        if (send(server->client, p, 1, MSG_NOSIGNAL) < 0)
            break;
    return NULL;
}

static int
try_server(const char *says, int64_t within_ms, struct err *err)
{
    struct server server = {.says = says, .client = -1};
    pthread_t thread;
    int rc;

    open_server(&server);
    assert_int_equal(pthread_create(&thread, NULL, serve, &server), 0);
    rc = nbd_try("127.0.0.1", server.port, clock_mono_ms() + within_ms, err);
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    if (server.client >= 0)
        close(server.client);
    close(server.fd);
    return rc;
}

static void
greets(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    if (try_server("NBDMAGICIHAVEOPT", 20000, &err) < 0)
        fail_msg("%s", err.message);
}

static void
does_not(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(try_server("", 150, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "said nothing in time");
    assert_int_equal(try_server("NBDMAGI", 150, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "said nothing in time");
    assert_int_equal(try_server("SSH-2.0-OpenSSH", 20000, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "speaks something else");
}

static void
is_not_there(void **state)
{
    struct server server;
    struct err err = ERR_INIT;

    (void)state;
    open_server(&server);
    close(server.fd);
    assert_int_equal(
        nbd_try("127.0.0.1", server.port, clock_mono_ms() + 20000, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "no NBD server answers at 127.0.0.1");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greets),
        cmocka_unit_test(does_not),
        cmocka_unit_test(is_not_there),
    };

    return cmocka_run_group_tests_name("nbd", tests, NULL, NULL);
}
