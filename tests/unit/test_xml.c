// SPDX-License-Identifier: Apache-2.0
/* XML: what is refused, what is read, and that text never becomes markup. */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/common/xml.h"

static xmlDocPtr
parse(const char *text)
{
    struct err err = ERR_INIT;
    xmlDocPtr doc = xml_parse(text, strlen(text), &err);

    if (!doc)
        fail_msg("%s", err.message);
    return doc;
}

static void
refused(const char *text, enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(xml_parse(text, strlen(text), &err));
    unit_err(&err, kind, part);
}

static void
dtd_and_entities_are_refused(void **state)
{
    (void)state;
    refused("<!DOCTYPE a><a/>", ERR_INVALID, "DTD");
    refused("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
            ERR_INVALID, "DTD");
    refused("<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/a.dtd\"><a/>", ERR_INVALID,
            "DTD");
    refused("<!DOCTYPE a [<!ENTITY x \"yyyyyyyyyy\"><!ENTITY z "
            "\"&x;&x;&x;&x;&x;&x;&x;&x;\">]><a b='&z;'/>",
            ERR_INVALID, "DTD");
    refused("<a>&x;</a>", ERR_INVALID, "line 1");
}

static void
broken_text_is_named_with_its_line(void **state)
{
    (void)state;
    refused("<a>\n<b></a>", ERR_INVALID, "line 2");
    refused("", ERR_INVALID, "XML");
    refused("<a/><b/>", ERR_INVALID, "line 1");
    refused("<a b='1' b='2'/>", ERR_INVALID, "line 1");
    refused("<a>\xff</a>", ERR_INVALID, "line 1");
}

static void
size_and_depth_are_bounded(void **state)
{
    const size_t len = (16 << 20) + 1;
    char *text = mem_zalloc(1, len + 1);
    struct err err = ERR_INIT;

    (void)state;
    memset(text, ' ', len);
    assert_null(xml_parse(text, len, &err));
    unit_err(&err, ERR_LIMIT, "at most 16777216");
    for (size_t i = 0; i < 300000; i += 3)
        memcpy(text + i, "<a>", 3);
    assert_null(xml_parse(text, 300000, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    free(text);
}

static void
reads_elements_and_attributes(void **state)
{
    CLEANUP_XML xmlDocPtr doc =
        parse("<domain><name>vm &amp; co</name><devices>\n"
              " <disk type='file' n='12' h='0x1f' b='1x'/><!-- c -->\n"
              " <disk type='block'/><controller/></devices></domain>");
    xmlNodePtr root = xml_root(doc);
    xmlNodePtr disk = xml_path(root, "devices/disk");
    CLEANUP_FREE char *name = xml_content(xml_child(root, "name"));

    (void)state;
    assert_string_equal(name, "vm & co");
    assert_true(xml_attr_is(disk, "type", "file"));
    assert_false(xml_attr_is(disk, "none", ""));
    assert_int_equal(xml_attr_int(disk, "n", -1), 12);
    assert_int_equal(xml_attr_int(disk, "h", -1), 31);
    assert_int_equal(xml_attr_int(disk, "b", -1), -1);
    assert_int_equal(xml_attr_int(disk, "none", -1), -1);
    disk = xml_next(disk, "disk");
    assert_true(xml_attr_is(disk, "type", "block"));
    assert_null(xml_next(disk, "disk"));
    assert_true(xml_is(xml_next(disk, NULL), "controller"));
    assert_null(xml_path(root, "devices/none/x"));
    assert_null(xml_child(NULL, "x"));
    assert_null(xml_attr(NULL, "x"));
}

static void
text_never_becomes_markup(void **state)
{
    static const char hostile[] = "'\"><x/>&amp;<!--é";
    CLEANUP_XML xmlDocPtr doc = xml_new("domain");
    CLEANUP_XML xmlDocPtr again = NULL;
    CLEANUP_FREE char *text = NULL, *content = NULL, *attr = NULL;

    (void)state;
    xml_set(xml_add(xml_root(doc), "name", hostile), "a", hostile);
    text = xml_text(xml_root(doc));
    again = parse(text);
    content = xml_content(xml_child(xml_root(again), "name"));
    attr = xml_attr(xml_child(xml_root(again), "name"), "a");
    assert_string_equal(content, hostile);
    assert_string_equal(attr, hostile);
    assert_null(xml_path(xml_root(again), "name/x"));
}

static void
builds_and_prints(void **state)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("a");
    xmlNodePtr b = xml_add(xml_root(doc), "b", NULL);
    CLEANUP_FREE char *flat = NULL, *pretty = NULL, *after = NULL;

    (void)state;
    xml_set_int(b, "i", -5);
    xml_set_hex(b, "slot", 10, 2);
    xml_set(b, "none", NULL);
    xml_add(b, "c", "t");
    flat = xml_text(xml_root(doc));
    assert_string_equal(flat, "<a><b i=\"-5\" slot=\"0x0a\"><c>t</c></b></a>");
    pretty = xml_pretty(xml_root(doc));
    assert_string_equal(pretty, "<a>\n  <b i=\"-5\" slot=\"0x0a\">\n"
                                "    <c>t</c>\n  </b>\n</a>");
    xml_remove(b);
    after = xml_text(xml_root(doc));
    assert_string_equal(after, "<a/>");
}

static void
pretty_renews_old_indentation(void **state)
{
    CLEANUP_XML xmlDocPtr doc =
        parse("<a>\n\n      <b>\n<c> x </c></b><t> </t></a>");
    CLEANUP_FREE char *pretty = xml_pretty(xml_root(doc));
    CLEANUP_FREE char *kept = xml_text(xml_root(doc));

    (void)state;
    assert_string_equal(pretty, "<a>\n  <b>\n    <c> x </c>\n  </b>\n"
                                "  <t> </t>\n</a>");
    assert_non_null(strstr(kept, "\n\n      <b>"));
}

static void
copies_across_documents(void **state)
{
    CLEANUP_XML xmlDocPtr from =
        parse("<d xmlns:q='urn:q'><q:x n='1'>t</q:x></d>");
    CLEANUP_XML xmlDocPtr to = xml_new("a");
    CLEANUP_FREE char *text = NULL;

    (void)state;
    xml_copy_into(xml_root(to), xml_child(xml_root(from), "x"));
    text = xml_text(xml_root(to));
    assert_string_equal(
        text, "<a><q:x xmlns:q=\"urn:q\" n=\"1\">t</q:x></a>");
}

static void
what_xml_cannot_hold(void **state)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("a");
    CLEANUP_FREE char *text = NULL;

    (void)state;
    assert_true(xml_text_ok("tab\tnl\né\xf0\x9f\x98\x80"));
    assert_false(xml_text_ok("\x01"));
    assert_false(xml_text_ok("\xff"));
    assert_false(xml_text_ok("\xef\xbf\xbf")); /* U+FFFF */
    xml_set(xml_add(xml_root(doc), "b", "x\x01y\xffz"), "c", "1\x02");
    text = xml_text(xml_root(doc));
    assert_string_equal(text, "<a><b c=\"1\">xyz</b></a>");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(dtd_and_entities_are_refused),
        cmocka_unit_test(broken_text_is_named_with_its_line),
        cmocka_unit_test(size_and_depth_are_bounded),
        cmocka_unit_test(reads_elements_and_attributes),
        cmocka_unit_test(text_never_becomes_markup),
        cmocka_unit_test(builds_and_prints),
        cmocka_unit_test(pretty_renews_old_indentation),
        cmocka_unit_test(copies_across_documents),
        cmocka_unit_test(what_xml_cannot_hold),
    };
    int failed;

    xml_init();
    failed = CASES(cases);
    xml_cleanup();
    return failed;
}
