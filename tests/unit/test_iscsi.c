// SPDX-License-Identifier: Apache-2.0
/*
 * Portals that do not serve: nobody there, one that says nothing, one that
 * talks nonsense, one that hangs up. Each is an error before the deadline.
 * What a real target answers: tests/it/test_lun.py.
 */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "agent/common/clock.h"
#include "agent/host/iscsi.h"

struct portal {
    int fd;
    unsigned port;
    const char *answer; /* NULL: silence */
    bool hang_up;
    int client;
};

static void
listen_on(struct portal *portal)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    portal->client = -1;
    portal->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(portal->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(portal->fd, 1), 0);
    assert_int_equal(getsockname(portal->fd, (struct sockaddr *)&at, &len), 0);
    portal->port = ntohs(at.sin_port);
}

static void *
serve(void *ctx)
{
    struct portal *portal = ctx;
    char request[4096];

    portal->client = accept(portal->fd, NULL, NULL);
    if (portal->client < 0 ||
        recv(portal->client, request, sizeof(request), 0) <= 0)
        return NULL;
    if (portal->answer &&
        send(portal->client, portal->answer, strlen(portal->answer), 0) < 0)
        return NULL;
    if (portal->hang_up)
        shutdown(portal->client, SHUT_RDWR);
    return NULL;
}

static void
try_it(unsigned port, int64_t within_ms, const char *says)
{
    const struct iscsi_login login = {.host = "127.0.0.1",
                                      .port = port,
                                      .iqn = "iqn.2026-01.org.example:t",
                                      .lun = 1,
                                      .initiator = "iqn.2026-01.org.example:i"};
    int64_t before = clock_mono_ms();
    struct lun_scsi facts;
    struct err err = ERR_INIT;

    assert_int_equal(iscsi_try(&login, before + within_ms, &facts, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, says);
    unit_err(&err, ERR_SOURCE_BAD, "LUN 1 of \"iqn.2026-01.org.example:t\"");
    assert_true(clock_mono_ms() - before >= 0);
}

static void
serve_and_try(struct portal *portal, int64_t within_ms, const char *says)
{
    pthread_t thread;

    listen_on(portal);
    assert_int_equal(pthread_create(&thread, NULL, serve, portal), 0);
    try_it(portal->port, within_ms, says);
    shutdown(portal->fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(portal->client);
    close(portal->fd);
}

static void
mute(void **state)
{
    (void)state;
    serve_and_try(&(struct portal){.answer = NULL}, 150,
                  "the login was not answered in time");
}

static void
nonsense(void **state)
{
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    serve_and_try(&(struct portal){.answer = text}, 2000, "the login ");
}

static void
hangs_up(void **state)
{
    (void)state;
    serve_and_try(&(struct portal){.hang_up = true}, 20000, "the login failed");
}

static void
nobody(void **state)
{
    struct portal portal;

    (void)state;
    listen_on(&portal);
    close(portal.fd);
    try_it(portal.port, 20000, "the connection failed");
}

static void
no_time_left(void **state)
{
    (void)state;
    serve_and_try(&(struct portal){.answer = NULL}, 0,
                  "was not answered in time");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mute),         cmocka_unit_test(nonsense),
        cmocka_unit_test(hangs_up),     cmocka_unit_test(nobody),
        cmocka_unit_test(no_time_left),
    };

    return cmocka_run_group_tests_name("iscsi", tests, NULL, NULL);
}
