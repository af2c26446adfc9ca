// SPDX-License-Identifier: Apache-2.0
/*
 * The client's door to OpenSSL. TLS 1.2 or newer, no session kept, the chain
 * checked against one CA file and the name against the certificate's subject
 * alternative names; a failure is told in the words of the check.
 */
#include "agent/ctl/ctl_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>

#include "agent/common/mem.h"

struct ctl_tls {
    SSL_CTX *ctx;
    SSL *ssl;
};

/* Why OpenSSL refused: the first cause in its queue, which is emptied. */
static const char *
reason(void)
{
    unsigned long code = ERR_get_error();
    const char *text;

    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(code))
        return strerror(ERR_GET_REASON(code));
    text = code ? ERR_reason_error_string(code) : NULL;
    return text ? text : "unknown reason";
}

static int
load(SSL_CTX *ctx, const char *ca, const char *cert, const char *key,
     struct err *err)
{
    if (SSL_CTX_load_verify_file(ctx, ca) != 1)
        return err_set(err, ERR_INVALID,
                       "Cannot read CA certificates from \"%s\": %s; --ca "
                       "names a PEM file with the CA of the hosts",
                       ca, reason());
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return err_set(err, ERR_INVALID,
                       "Cannot read a certificate from \"%s\": %s; --cert "
                       "names a PEM file with your certificate",
                       cert, reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return err_set(err, ERR_INVALID,
                       "Cannot use the key \"%s\": %s; --key names the PEM "
                       "file with the private key of --cert",
                       key, reason());
    return 0;
}

/* An address is compared with the IP names of a certificate, anything else
 * with its DNS names; the subject's common name counts for neither. */
static int
expect_host(SSL *ssl, const char *host)
{
    unsigned char address[16];
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, address) == 1 ||
        inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, host) == 1 &&
           SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct ctl_tls *
ctl_tls_new(int fd, const char *host, const char *ca, const char *cert,
            const char *key, struct err *err)
{
    struct ctl_tls *tls = mem_zalloc(1, sizeof(*tls));

    tls->ctx = SSL_CTX_new(TLS_client_method());
    if (!tls->ctx || load(tls->ctx, ca, cert, key, err) < 0) {
        ctl_tls_free(tls);
        return NULL;
    }
    SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
    SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(tls->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    tls->ssl = SSL_new(tls->ctx);
    if (!tls->ssl || !SSL_set_fd(tls->ssl, fd) ||
        !expect_host(tls->ssl, host)) {
        err_set(err, ERR_TLS_UNTRUSTED, "Cannot prepare TLS for \"%s\": %s",
                host, reason());
        ctl_tls_free(tls);
        return NULL;
    }
    return tls;
}

void
ctl_tls_free(struct ctl_tls *tls)
{
    if (tls->ssl && SSL_is_init_finished(tls->ssl))
        SSL_shutdown(tls->ssl);
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->ctx);
    ERR_clear_error();
    free(tls);
}

/* What a call that did not succeed means; see the header for the numbers. */
static int
outcome(struct ctl_tls *tls, int rc, short *events, struct err *err)
{
    long verify = SSL_get_verify_result(tls->ssl);

    switch (SSL_get_error(tls->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        err_set(err, ERR_UNREACHABLE, "The TLS connection broke: %s",
                errno ? strerror(errno) : "the peer closed it");
        return -2;
    default:
        break;
    }
    if (verify != X509_V_OK)
        err_set(err, ERR_TLS_UNTRUSTED,
                "The server's certificate is not trusted: %s",
                X509_verify_cert_error_string(verify));
    else
        err_set(err, ERR_TLS_UNTRUSTED,
                "TLS failed: %s; the server may not accept the certificate "
                "of --cert",
                reason());
    ERR_clear_error();
    return -2;
}

int
ctl_tls_handshake(struct ctl_tls *tls, short *events, struct err *err)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_connect(tls->ssl);
    return rc == 1 ? 1 : outcome(tls, rc, events, err);
}

ssize_t
ctl_tls_read(struct ctl_tls *tls, void *data, size_t len, short *events,
             struct err *err)
{
    size_t got = 0;
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_read_ex(tls->ssl, data, len, &got);
    return rc == 1 ? (ssize_t)got : outcome(tls, rc, events, err);
}

ssize_t
ctl_tls_write(struct ctl_tls *tls, const void *data, size_t len, short *events,
              struct err *err)
{
    size_t put = 0;
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_write_ex(tls->ssl, data, len, &put);
    return rc == 1 ? (ssize_t)put : outcome(tls, rc, events, err);
}
