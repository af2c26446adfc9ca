// SPDX-License-Identifier: Apache-2.0
/* UUIDs: random ones from getrandom(2), and the one spelling we store. */
#include "agent/common/uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void
uuid_new(char out[UUID_TEXT])
{
    unsigned char b[16];
    char *at = out;

    /* Up to 256 bytes come whole once the kernel's pool is ready. */
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
        abort();
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80); /* RFC 9562's variant */
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", b[i]);
    }
}

bool
uuid_canon(const char *text, char out[UUID_TEXT])
{
    for (int i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        unsigned char c = (unsigned char)text[i];

        if (dash ? c != '-' : !isxdigit(c))
            return false;
        out[i] = (char)tolower(c);
    }
    out[UUID_TEXT - 1] = '\0';
    return text[UUID_TEXT - 1] == '\0';
}
