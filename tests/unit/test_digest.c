// SPDX-License-Identifier: Apache-2.0
/* Digests against published values. */
#include "tests/unit/unit.h"

#include "agent/common/digest.h"

static void
sha256_of_known_texts(void **state)
{
    char hex[DIGEST_HEX];

    (void)state;
    digest_sha256("abc", 3, hex); /* FIPS 180-2, B.1 */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    digest_sha256("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
}

static void
no_certificate_has_no_fingerprint(void **state)
{
    char hex[DIGEST_HEX];

    (void)state;
    assert_int_equal(digest_certificate("", hex), -1);
    assert_int_equal(digest_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                        "-----END CERTIFICATE-----\n",
                                        hex),
                     -1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(no_certificate_has_no_fingerprint),
    };

    return CASES(cases);
}
