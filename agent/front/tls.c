// SPDX-License-Identifier: Apache-2.0
/*
 * OpenSSL contexts and connections. Everything that could let a peer in
 * without being verified again is off: session cache, tickets, renegotiation.
 * A context is never changed once made; a reload makes another, and each
 * connection holds a reference to its own.
 */
#include "agent/front/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/common/utf8.h"

#define DAY_MS (24LL * 3600 * 1000)
#define DN_TEXT 512
#define REASON_TEXT 160
#define GATHER (64 * 1024)   /* bytes of records that leave together */
#define GATHER_KEEP 8192     /* memory for them that a connection keeps */

struct tls {
    SSL_CTX *ctx;
    /* Of the certificate that ends first. */
    char subject[DN_TEXT];
    char issuer[DN_TEXT];
    int64_t ends_ms;
};

struct tls_conn {
    SSL *ssl;
    int fd;
    BIO *out;    /* the SSL's: records on their way to the socket */
    size_t sent; /* of what out holds */
};

CLEANUP_DEFINE(tls_cleanup_, struct tls, tls_free)

/* The oldest error of OpenSSL's queue as text; empties the queue. */
static const char *
reason(char out[REASON_TEXT])
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    if (text)
        snprintf(out, REASON_TEXT, "%s", text);
    else if (code)
        ERR_error_string_n(code, out, REASON_TEXT);
    else
        snprintf(out, REASON_TEXT, "no reason was given");
    ERR_clear_error();
    return out;
}

static int
check_readable(const char *setting, const char *path, struct err *err)
{
    if (access(path, R_OK) == 0)
        return 0;
    err_param(err, ERR_INVALID, setting, path, "a PEM file that can be read");
    return err_wrap(err, "cannot read it (%s)", strerror(errno));
}

static int
refuse_file(const char *setting, const char *path, const char *expected,
            struct err *err)
{
    char why[REASON_TEXT];

    err_param(err, ERR_INVALID, setting, path, expected);
    return err_wrap(err, "OpenSSL says \"%s\"", reason(why));
}

/* --- a context ----------------------------------------------------------- */

static int
load_own(SSL_CTX *ctx, const struct tls_files *files, struct err *err)
{
    char why[REASON_TEXT];

    if (check_readable("tls.cert", files->cert, err) < 0 ||
        check_readable("tls.key", files->key, err) < 0)
        return -1;
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1)
        return refuse_file("tls.cert", files->cert,
                           "a PEM file that begins with this host's "
                           "certificate",
                           err);
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1 &&
        ERR_GET_REASON(ERR_peek_error()) != X509_R_KEY_VALUES_MISMATCH)
        return refuse_file("tls.key", files->key,
                           "a PEM file with an unencrypted private key", err);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return err_set(err, ERR_TLS_UNTRUSTED,
                       "The key %s does not belong to the certificate %s "
                       "(%s); give the pair that was made together.",
                       files->key, files->cert, reason(why));
    return 0;
}

static int
load_crl(SSL_CTX *ctx, const char *path, struct err *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_LOOKUP *lookup;

    if (!path || !path[0])
        return 0;
    if (check_readable("tls.crl", path, err) < 0)
        return -1;
    lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (!lookup || X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) < 1)
        return refuse_file("tls.crl", path, "a PEM revocation list", err);
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

static int
load_trust(SSL_CTX *ctx, const struct tls_files *files, struct err *err)
{
    STACK_OF(X509_NAME) * names;

    if (check_readable("tls.ca", files->ca, err) < 0)
        return -1;
    if (SSL_CTX_load_verify_locations(ctx, files->ca, NULL) != 1)
        return refuse_file("tls.ca", files->ca, "a PEM file of certificates",
                           err);
    names = SSL_load_client_CA_file(files->ca);
    if (!names)
        return refuse_file("tls.ca", files->ca, "a PEM file of certificates",
                           err);
    SSL_CTX_set_client_CA_list(ctx, names);
    return load_crl(ctx, files->crl, err);
}

static void
harden(SSL_CTX *ctx)
{
    static const unsigned char id[] = "berth";

    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    /* Without it OpenSSL fails a client that offers an old session, instead
     * of verifying it anew. */
    SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Header and body of a record by one read(2). */
    SSL_CTX_set_read_ahead(ctx, 1);
}

static int64_t
ends_ms(const X509 *cert)
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static void
dn_text(const X509_NAME *name, char out[DN_TEXT])
{
    BIO *bio = BIO_new(BIO_s_mem());
    int len = 0;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
        len = BIO_read(bio, out, DN_TEXT - 1);
    out[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
}

static void
note_end(struct tls *tls, X509 *cert)
{
    int64_t end = ends_ms(cert);

    if (tls->subject[0] && end >= tls->ends_ms)
        return;
    tls->ends_ms = end;
    dn_text(X509_get_subject_name(cert), tls->subject);
    dn_text(X509_get_issuer_name(cert), tls->issuer);
}

static void
note_ends(struct tls *tls)
{
    STACK_OF(X509) *cas =
        X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(tls->ctx));

    note_end(tls, SSL_CTX_get0_certificate(tls->ctx));
    for (int i = 0; i < sk_X509_num(cas); i++)
        note_end(tls, sk_X509_value(cas, i));
    sk_X509_pop_free(cas, X509_free);
}

struct tls *
tls_new(const struct tls_files *files, struct err *err)
{
    CLEANUP(tls_cleanup_) struct tls *tls = mem_zalloc(1, sizeof(*tls));
    char why[REASON_TEXT];

    ERR_clear_error();
    tls->ctx = SSL_CTX_new(TLS_server_method());
    if (!tls->ctx) {
        err_set(err, ERR_INTERNAL, "OpenSSL cannot start: %s.", reason(why));
        return NULL;
    }
    harden(tls->ctx);
    if (load_own(tls->ctx, files, err) < 0 ||
        load_trust(tls->ctx, files, err) < 0)
        return NULL;
    note_ends(tls);
    return STEAL(tls);
}

void
tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

json_t *
tls_info(const struct tls *tls)
{
    json_t *out = json_object();
    char stamp[CLOCK_STAMP];

    clock_stamp(tls->ends_ms, stamp);
    json_put_text(out, "subject", tls->subject);
    json_put_text(out, "issuer", tls->issuer);
    json_put_text(out, "not_after", stamp);
    json_put_int(out, "days_left", (tls->ends_ms - clock_wall_ms()) / DAY_MS);
    return out;
}

/* Why a client that trusts our CA would not trust us; NULL: it would. */
static const char *
chain_error(const struct tls *tls)
{
    X509_STORE_CTX *verify = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;
    const char *why = "OpenSSL is out of memory";

    SSL_CTX_get0_chain_certs(tls->ctx, &chain);
    if (verify &&
        X509_STORE_CTX_init(verify, SSL_CTX_get_cert_store(tls->ctx),
                            SSL_CTX_get0_certificate(tls->ctx), chain) == 1) {
        X509_STORE_CTX_set_purpose(verify, X509_PURPOSE_SSL_SERVER);
        why = X509_verify_cert(verify) == 1
                  ? NULL
                  : X509_verify_cert_error_string(
                        X509_STORE_CTX_get_error(verify));
    }
    X509_STORE_CTX_free(verify);
    ERR_clear_error();
    return why;
}

json_t *
tls_examine(const struct tls_files *files)
{
    struct err err = ERR_INIT;
    CLEANUP(tls_cleanup_) struct tls *tls = tls_new(files, &err);
    json_t *out = tls ? tls_info(tls) : json_object();

    json_put_text(out, "error", tls ? NULL : err.message);
    json_put_text(out, "chain", tls ? chain_error(tls) : NULL);
    return out;
}

/* --- a connection -------------------------------------------------------- */

struct tls_conn *
tls_accept(struct tls *tls, int fd)
{
    struct tls_conn *conn = mem_zalloc(1, sizeof(*conn));
    BIO *in = BIO_new_socket(fd, BIO_NOCLOSE);

    conn->fd = fd;
    conn->out = BIO_new(BIO_s_mem());
    conn->ssl = SSL_new(tls->ctx);
    if (!conn->ssl || !in || !conn->out) {
        BIO_free(in);
        BIO_free(conn->out);
        tls_conn_free(conn);
        return NULL;
    }
    SSL_set_bio(conn->ssl, in, conn->out);
    SSL_set_accept_state(conn->ssl);
    return conn;
}

void
tls_conn_free(struct tls_conn *conn)
{
    if (!conn)
        return;
    SSL_free(conn->ssl);
    free(conn);
}

static enum tls_io
outcome(struct tls_conn *conn, int rc)
{
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        return TLS_CLOSED;
    default:
        return TLS_FAILED;
    }
}

/* --- what is gathered ------------------------------------------------------ */

/* Everything is sent; a buffer that has grown large is given back. */
static void
clear_out(struct tls_conn *conn)
{
    BUF_MEM *memory;
    BIO *fresh;

    conn->sent = 0;
    BIO_get_mem_ptr(conn->out, &memory);
    fresh = memory->max > GATHER_KEEP ? BIO_new(BIO_s_mem()) : NULL;
    if (fresh) {
        conn->out = fresh;
        SSL_set0_wbio(conn->ssl, fresh);
    } else {
        (void)BIO_reset(conn->out);
    }
}

static size_t
gathered(const struct tls_conn *conn)
{
    return BIO_ctrl_pending(conn->out) - conn->sent;
}

bool
tls_unsent(const struct tls_conn *conn)
{
    return gathered(conn) > 0;
}

enum tls_io
tls_flush(struct tls_conn *conn)
{
    while (gathered(conn)) {
        char *data;
        ssize_t n;

        BIO_get_mem_data(conn->out, &data);
        n = send(conn->fd, data + conn->sent, gathered(conn), MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return errno == EAGAIN ? TLS_WANT_WRITE : TLS_FAILED;
        conn->sent += n > 0 ? (size_t)n : 0;
    }
    if (conn->sent)
        clear_out(conn);
    return TLS_DONE;
}

/* --- handshake -------------------------------------------------------------- */

enum tls_io
tls_handshake(struct tls_conn *conn, char *why, size_t size)
{
    char text[REASON_TEXT];
    enum tls_io io, sent;
    long verdict;
    int rc;

    ERR_clear_error();
    rc = SSL_do_handshake(conn->ssl);
    io = rc == 1 ? TLS_DONE : outcome(conn, rc);
    sent = tls_flush(conn);
    if (io == TLS_DONE || (io == TLS_WANT_READ && sent != TLS_DONE))
        return sent;
    verdict = SSL_get_verify_result(conn->ssl);
    if (io == TLS_CLOSED)
        snprintf(why, size, "the peer closed the connection");
    else if (io == TLS_FAILED && verdict != X509_V_OK)
        snprintf(why, size, "its certificate is refused: %s",
                 X509_verify_cert_error_string(verdict));
    else if (io == TLS_FAILED)
        snprintf(why, size, "%s", reason(text));
    return io;
}

/* The last CN (the most specific) when it is whole, plain text. */
static bool
common_name(X509 *cert, char *out, size_t size)
{
    X509_NAME *name = X509_get_subject_name(cert);
    unsigned char *text = NULL;
    int last = -1;
    int len;
    bool good;

    for (int at = -1;
         (at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
        last = at;
    if (last < 0)
        return false;
    len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    good = len > 0 && (size_t)len + sizeof("cn:") <= size &&
           utf8_ok((const char *)text, (size_t)len);
    for (int i = 0; good && i < len; i++)
        good = text[i] >= ' ' && text[i] != 0x7f;
    if (good)
        snprintf(out, size, "cn:%.*s", len, (const char *)text);
    OPENSSL_free(text);
    return good;
}

static bool
fingerprint(X509 *cert, char *out, size_t size)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int at = snprintf(out, size, "sha256:");

    if (X509_digest(cert, EVP_sha256(), hash, &len) != 1)
        return false;
    for (unsigned i = 0; i < len; i++)
        at += snprintf(out + at, size - (size_t)at, "%02x", hash[i]);
    return true;
}

/* Names that hold a NUL are left out: as texts they would be another's. */
static void
add_alternatives(struct identity *who, X509 *cert)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value =
            GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        const char *text;

        if (type != GEN_DNS && type != GEN_URI)
            continue;
        text = (const char *)ASN1_STRING_get0_data(value);
        if (strlen(text) == (size_t)ASN1_STRING_length(value))
            identity_add(who, type == GEN_DNS ? IDENTITY_DNS : IDENTITY_URI,
                         text);
    }
    GENERAL_NAMES_free(names);
}

static struct identity *
identity_of(X509 *cert)
{
    char print[IDENTITY_NAME], name[IDENTITY_NAME];
    bool printed = fingerprint(cert, print, sizeof(print));
    bool named = common_name(cert, name, sizeof(name));
    struct identity *who =
        identity_new(named ? name : printed ? print : "unknown");

    if (named)
        identity_add(who, IDENTITY_CN, strchr(name, ':') + 1);
    if (printed)
        identity_add(who, IDENTITY_SHA256, strchr(print, ':') + 1);
    add_alternatives(who, cert);
    return who;
}

struct identity *
tls_identity(struct tls_conn *conn)
{
    X509 *cert = SSL_get1_peer_certificate(conn->ssl);
    struct identity *who = cert ? identity_of(cert) : identity_new("unknown");

    X509_free(cert);
    return who;
}

enum tls_io
tls_read(struct tls_conn *conn, void *to, size_t size, size_t *done)
{
    enum tls_io io;
    int rc;

    ERR_clear_error();
    rc = SSL_read_ex(conn->ssl, to, size, done);
    if (rc == 1)
        return TLS_DONE;
    io = outcome(conn, rc);
    /* Only a close_notify ends the input; without it the peer is lost. */
    if (io == TLS_CLOSED &&
        !(SSL_get_shutdown(conn->ssl) & SSL_RECEIVED_SHUTDOWN))
        io = TLS_FAILED;
    return io;
}

enum tls_io
tls_write(struct tls_conn *conn, const void *from, size_t size, size_t *done)
{
    enum tls_io io = gathered(conn) < GATHER ? TLS_DONE : tls_flush(conn);
    int rc;

    if (io != TLS_DONE)
        return io;
    ERR_clear_error();
    rc = SSL_write_ex(conn->ssl, from, size, done);
    return rc == 1 ? TLS_DONE : outcome(conn, rc);
}

bool
tls_has_pending(struct tls_conn *conn)
{
    return SSL_has_pending(conn->ssl) == 1;
}

void
tls_shutdown(struct tls_conn *conn)
{
    ERR_clear_error();
    if (SSL_is_init_finished(conn->ssl))
        SSL_shutdown(conn->ssl);
    tls_flush(conn);
}
