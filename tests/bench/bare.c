// SPDX-License-Identifier: Apache-2.0
/*
 * What memory is berthd's own? This program is the reference: the same
 * libraries, the same URI, one libvirt connection with an event loop, no
 * berth. Prints its pid when it is ready and lives until its input ends.
 */
#include <event2/event.h>
#include <jansson.h>
#include <libvirt/libvirt.h>
#include <libxml/parser.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static void *
loop(void *arg)
{
    while (virEventRunDefaultImpl() == 0)
        continue;
    return arg;
}

static void
on_lifecycle(virConnectPtr conn, virDomainPtr domain, void *arg)
{
    (void)conn;
    (void)domain;
    (void)arg;
}

int
main(int argc, char **argv)
{
    virConnectPtr conn;
    pthread_t thread;
    sqlite3 *db;
    char byte;

    if (argc != 2 || virEventRegisterDefaultImpl() < 0)
        return 2;
    pthread_create(&thread, NULL, loop, NULL);
    xmlInitParser();
    json_decref(json_object());
    event_base_free(event_base_new());
    SSL_CTX_free(SSL_CTX_new(TLS_server_method()));
    if (sqlite3_open(":memory:", &db) != SQLITE_OK)
        return 1;
    conn = virConnectOpen(argv[1]);
    if (!conn || virConnectDomainEventRegisterAny(
                     conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                     VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), NULL, NULL) < 0)
        return 1;
    printf("%d\n", (int)getpid());
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) < 0;
}
