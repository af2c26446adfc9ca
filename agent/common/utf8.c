// SPDX-License-Identifier: Apache-2.0
/*
 * UTF-8 as RFC 3629 section 4 defines it: no overlong forms, no surrogates,
 * nothing above U+10FFFF.
 */
#include "agent/common/utf8.h"

#include <string.h>

#include "agent/common/mem.h"

size_t
utf8_next(const char *text, size_t len, uint32_t *code)
{
    /* Smallest code that needs 2, 3, 4 bytes: below it a form is overlong. */
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t n = lead < 0x80             ? 1
               : (lead & 0xe0) == 0xc0 ? 2
               : (lead & 0xf0) == 0xe0 ? 3
               : (lead & 0xf8) == 0xf0 ? 4
                                       : 0;
    uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);

    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        unsigned char next = (unsigned char)text[i];

        if ((next & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}

bool
utf8_ok(const char *text, size_t len)
{
    uint32_t code;
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        n = utf8_next(text + i, len - i, &code);
        if (n == 0)
            return false;
    }
    return true;
}

void
utf8_trim(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;
    uint32_t code;

    while (back < 4 && back < len) {
        back++;
        if (((unsigned char)text[len - back] & 0xc0) != 0x80)
            break;
    }
    if (back && utf8_next(text + len - back, back, &code) != back)
        text[len - back] = '\0';
}

char *
utf8_clean(const char *text)
{
    size_t len = strlen(text);
    char *copy = mem_ndup(text, len);
    uint32_t code;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(copy + i, len - i, &code);

        if (n == 0)
            copy[i] = '?';
        i += n ? n : 1;
    }
    return copy;
}
