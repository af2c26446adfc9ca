// SPDX-License-Identifier: Apache-2.0
/* Digests as lower case hex: fingerprints, chains of records. */
#include "agent/common/digest.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static void
to_hex(const unsigned char *digest, unsigned len, char out[DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < len; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * len] = '\0';
}

void
digest_sha256(const void *data, size_t len, char out[DIGEST_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    /* It fails for want of memory only, as the allocators of ours do. */
    if (EVP_Digest(data, len, digest, &n, EVP_sha256(), NULL) != 1)
        abort();
    to_hex(digest, n, out);
}

int
digest_certificate(const char *pem, char out[DIGEST_HEX])
{
    BIO *from = BIO_new_mem_buf(pem, (int)strlen(pem));
    X509 *cert = from ? PEM_read_bio_X509(from, NULL, NULL, NULL) : NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int rc = -1;

    if (cert && X509_digest(cert, EVP_sha256(), digest, &n) == 1) {
        to_hex(digest, n, out);
        rc = 0;
    }
    X509_free(cert);
    BIO_free(from);
    return rc;
}
