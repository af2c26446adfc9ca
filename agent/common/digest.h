// SPDX-License-Identifier: Apache-2.0
/* SHA-256, the one digest of this house, by libcrypto. Any thread. */
#pragma once

#include <stddef.h>

#define DIGEST_HEX 65 /* 64 hex digits in lower case and the NUL */

void digest_sha256(const void *data, size_t len, char out[DIGEST_HEX]);

/* That of the first certificate in PEM text; -1 when there is none. */
int digest_certificate(const char *pem, char out[DIGEST_HEX]);
