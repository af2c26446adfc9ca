// SPDX-License-Identifier: Apache-2.0
/* The door: who is let in over TLS, the unix socket, reload, stop. */
#include "tests/unit/front.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* --- TLS ----------------------------------------------------------------- */

static void
a_verified_peer_is_named(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 2; i++) {
        struct link link = tls(*state, "client", versions[i]);

        link_say(&link, CALL(1, "Who"));
        assert_non_null(strstr(link_hear(&link),
                               "\"peer\":\"cn:engine-1\",\"local\":false"));
        link_close(&link);
    }
}

static void
nobody_else_is_let_in(void **state)
{
    static const char *const names[] = {NULL, "stranger", "expired", "server"};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 8; i++) {
        struct link link = tls(*state, names[i / 2], versions[i % 2]);

        link_say(&link, CALL(1, "Who"));
        assert_null(link_hear(&link));
        link_close(&link);
    }
}

static void
old_versions_are_refused(void **state)
{
    struct link link = tls(*state, "client", TLS1_1_VERSION);

    assert_null(link_hear(&link));
    link_close(&link);
}

static void
plain_text_is_not_answered(void **state)
{
    struct fixture *f = *state;
    struct link link = link_tcp(f->port);

    link_say(&link, CALL(1, "Who"));
    link_until_closed(&link);
    link_close(&link);
}

static void
a_revoked_certificate_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *crl = mem_printf("%s/crl.pem", certs);
    struct link link = tls(f, "revoked", TLS1_3_VERSION);

    expect(&link, CALL_WITH(1, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    link_close(&link);
    stop(f);
    start(f, crl);
    link = tls(f, "revoked", TLS1_3_VERSION);
    link_say(&link, CALL(1, "Who"));
    assert_null(link_hear(&link));
    link_close(&link);
    link = tls(f, "client", TLS1_3_VERSION);
    link_say(&link, CALL(1, "Who"));
    assert_non_null(link_hear(&link));
    link_close(&link);
}

/* An old session is no way around the certificate. */
static void
resuming_means_verifying_again(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    const struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct link_tls how = {.folder = certs,
                               .ca = "ca",
                               .name = "client",
                               .version = versions[i]};
        struct link link = link_tls(f->port, &how);
        SSL_SESSION *session;

        link_say(&link, CALL(1, "Who"));
        assert_non_null(link_hear(&link));
        session = SSL_get1_session(link.ssl);
        link_close(&link);
        how.session = session;
        link = link_tls(f->port, &how);
        link_say(&link, CALL(1, "Who"));
        assert_non_null(link_hear(&link));
        assert_false(SSL_session_reused(link.ssl));
        link_close(&link);
        how.name = NULL;
        link = link_tls(f->port, &how);
        link_say(&link, CALL(1, "Who"));
        assert_null(link_hear(&link));
        link_close(&link);
        SSL_SESSION_free(session);
    }
}

static void
certificates_are_read_again(void **state)
{
    struct fixture *f = *state;
    struct link old = tls(f, "client", TLS1_3_VERSION);
    X509 *before = SSL_get1_peer_certificate(old.ssl);
    struct err err = ERR_INIT;
    CLEANUP_FREE char *path = mem_printf("%s/server.pem", f->dir);
    struct link link;
    X509 *after;

    install_cert(f, "second");
    assert_int_equal(server_reload_tls(f->server, &err), 0);
    link = tls(f, "client", TLS1_3_VERSION);
    after = SSL_get1_peer_certificate(link.ssl);
    assert_int_not_equal(X509_cmp(before, after), 0);
    X509_free(before);
    X509_free(after);
    unit_write(path, "no certificate\n");
    assert_int_equal(server_reload_tls(f->server, &err), -1);
    unit_err(&err, ERR_INVALID, "server.pem");
    expect(&link, CALL_WITH(1, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    expect(&old, CALL_WITH(2, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    link_close(&link);
    link_close(&old);
}

static void
a_key_of_another_certificate_is_named(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *command =
        mem_printf("cp %s/second.key %s/server.key", certs, f->dir);
    struct err err = ERR_INIT;

    assert_int_equal(system(command), 0);
    assert_int_equal(server_reload_tls(f->server, &err), -1);
    unit_err(&err, ERR_TLS_UNTRUSTED, "does not belong");
}

static void
the_end_of_the_certificate_is_told(void **state)
{
    struct fixture *f = *state;
    CLEANUP_JSON json_t *info = server_tls_info(f->server);
    json_int_t days = json_get_int(info, "days_left", -1);

    assert_true(days >= 0 && days < 400);
    assert_non_null(strstr(json_get_text(info, "not_after", ""), "Z"));
    assert_non_null(strstr(json_get_text(info, "subject", ""), "CN="));
}

static bool
somebody_listens(const struct fixture *f)
{
    const struct sockaddr_in at = link_loopback(f->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;

    close(fd);
    return taken;
}

static void
damaged_certificates_close_one_door_only(void **state)
{
    struct fixture *f = *state;
    CLEANUP_FREE char *path = mem_printf("%s/server.pem", f->dir);
    struct err err = ERR_INIT;
    struct link link;
    json_t *info;

    stop(f);
    unit_write(path, "no certificate\n");
    start(f, "");
    assert_false(somebody_listens(f));
    link = link_unix(f->path);
    expect(&link, CALL_WITH(1, "Echo", "[{}]"),
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    link_close(&link);
    info = server_tls_info(f->server);
    assert_non_null(strstr(json_get_text(info, "error", ""), "server.pem"));
    json_decref(info);

    install_cert(f, "server");
    assert_int_equal(server_reload_tls(f->server, &err), 0);
    while (!somebody_listens(f))
        sched_yield();
    link = tls(f, "client", TLS1_3_VERSION);
    link_close(&link);
    info = server_tls_info(f->server);
    assert_null(json_object_get(info, "error"));
    json_decref(info);
}

/* --- life ---------------------------------------------------------------- */

static void
a_stop_waits_for_what_is_open(void **state)
{
    struct fixture *f = *state;
    struct link link = tls(f, "client", TLS1_3_VERSION);
    struct stat st;

    link_say(&link, CALL(1, "Wait"));
    until_waiting(1);
    outbox_post(f->outbox, stop_server, forget, f->server);
    while (stat(f->path, &st) == 0)
        sched_yield();
    expect_error(&link, CALL(2, "Who"), "STOPPING");
    set_gate(true);
    assert_string_equal(link_hear(&link), TRUE(1));
    assert_null(link_hear(&link));
    link_close(&link);
}

static void
the_socket_is_for_its_users_only(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_socket_in_use_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct link link;

    assert_null(server_new(&f->env, f->outbox, &err));
    unit_err(&err, ERR_BUSY, f->path);
    link = link_unix(f->path);
    link_close(&link);
}

static void
a_dead_socket_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct link link;
    int fd;

    stop(f);
    fd = link_bind_unix(f->path);
    close(fd);
    start(f, "");
    link = link_unix(f->path);
    link_say(&link, CALL(1, "Who"));
    assert_non_null(link_hear(&link));
    link_close(&link);
}

/* The listener rests while no descriptor is to be had, and comes back. */
static void
running_out_of_descriptors_passes(void **state)
{
    struct fixture *f = *state;
    const struct sockaddr_un at = link_path(f->path);
    const struct timeval deadline = {.tv_sec = LINK_DEADLINE_S};
    struct link link = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct rlimit files, few;

    setsockopt(link.fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    few = files;
    few.rlim_cur = (rlim_t)link.fd + 1; /* the lowest that was free */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(connect(link.fd, (const struct sockaddr *)&at, sizeof(at)),
                     0);
    link_say(&link, CALL(1, "Who"));
    assert_int_equal(poll(&(struct pollfd){link.fd, POLLIN, 0}, 1, 150), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_non_null(link_hear(&link));
    link_close(&link);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(a_verified_peer_is_named),
        WITH(nobody_else_is_let_in),
        WITH(old_versions_are_refused),
        WITH(plain_text_is_not_answered),
        WITH(a_revoked_certificate_is_refused),
        WITH(resuming_means_verifying_again),
        WITH(certificates_are_read_again),
        WITH(a_key_of_another_certificate_is_named),
        WITH(the_end_of_the_certificate_is_told),
        WITH(damaged_certificates_close_one_door_only),
        WITH(a_stop_waits_for_what_is_open),
        WITH(the_socket_is_for_its_users_only),
        WITH(a_socket_in_use_is_left_alone),
        WITH(a_dead_socket_is_replaced),
        WITH(running_out_of_descriptors_passes),
    };

    return prepare() == 0 ? CASES(cases) : 1;
}
