// SPDX-License-Identifier: Apache-2.0
/* libvirt's errors, states and events in our words; no libvirtd is needed. */
#include "tests/unit/unit.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "agent/hyper/hyper.h"
#include "agent/hyper/virt_error.h"
#include "agent/hyper/virt_names.h"

struct row {
    int code;
    const char *text;
    enum err_kind kind;
};

static const struct row rows[] = {
    {VIR_ERR_NO_DOMAIN, "Domain not found", ERR_NOT_FOUND},
    {VIR_ERR_DEVICE_MISSING, "device not found", ERR_NOT_FOUND},
    {VIR_ERR_OPERATION_INVALID, "domain is not running", ERR_BAD_STATE},
    {VIR_ERR_NO_SUPPORT, "this function is not supported", ERR_UNSUPPORTED},
    {VIR_ERR_CONFIG_UNSUPPORTED, "no such model", ERR_UNSUPPORTED},
    {VIR_ERR_INTERNAL_ERROR, "something else", ERR_HYPERVISOR_FAILED},
    {VIR_ERR_INTERNAL_ERROR,
     "unable to execute QEMU command 'device_del': Device virtio0 is already "
     "in the process of unplug",
     ERR_BUSY},
    {VIR_ERR_INTERNAL_ERROR, "No more available PCI slots", ERR_NO_FREE_PORT},
    {VIR_ERR_INTERNAL_ERROR,
     "internal error: unable to execute QEMU command 'blockdev-add': Failed "
     "to get \"write\" lock",
     ERR_SOURCE_BAD},
    {VIR_ERR_CONFIG_UNSUPPORTED, "unfiltered sgio is no longer supported",
     ERR_SGIO_UNSUPPORTED},
    {VIR_ERR_CONFIG_UNSUPPORTED, "non unique alias detected: ua-1",
     ERR_EXISTS},
    {VIR_ERR_OPERATION_FAILED, "target sda already exists", ERR_EXISTS},
    {VIR_ERR_OPERATION_TIMEOUT,
     "Timed out during operation: cannot acquire state change lock", ERR_BUSY},
    {VIR_ERR_INVALID_ARG, "disk 'sdq' was not found in the domain config",
     ERR_NOT_FOUND},
    {VIR_ERR_INTERNAL_ERROR, "no device found with alias ua-1",
     ERR_NOT_FOUND},
    {VIR_ERR_OPERATION_FAILED, "timed out waiting to open tray of 'sda'",
     ERR_TRAY_LOCKED},
    {VIR_ERR_INTERNAL_ERROR, "argument key 'filename' must not have null value",
     ERR_UNSUPPORTED},
};

static void
errors_have_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = ERR_INIT;

        assert_int_equal(virt_error_map(rows[i].code, VIR_FROM_QEMU,
                                        rows[i].text, true, "plug", &err),
                         -1);
        unit_err(&err, rows[i].kind, rows[i].text);
        unit_err(&err, rows[i].kind, "Cannot plug: ");
        assert_int_equal(err.virt_code, rows[i].code);
        assert_int_equal(err.virt_domain, VIR_FROM_QEMU);
        assert_string_equal(err.virt_message, rows[i].text);
    }
}

static void
a_dead_connection_outweighs_the_code(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    virt_error_map(VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC,
                   "client socket is closed", false, "start", &err);
    unit_err(&err, ERR_UNREACHABLE, "not known");
}

static void
hostile_text_is_bounded_and_escaped(void **state)
{
    char text[8192];
    struct err err = ERR_INIT;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memcpy(text, "a\x1b[2J\nb\xff", 9);
    text[9] = 'x';
    virt_error_map(VIR_ERR_INTERNAL_ERROR, 0, text, true, "plug", &err);
    unit_err(&err, ERR_HYPERVISOR_FAILED, "a\\x1b[2J b?");
    assert_true(strlen(err.virt_message) < sizeof(err.virt_message));
    assert_null(strpbrk(err.message, "\n\x1b"));
}

static void
states_and_reasons_have_names(void **state)
{
    (void)state;
    assert_int_equal(virt_names_state(VIR_DOMAIN_SHUTOFF), HYPER_SHUT_OFF);
    assert_int_equal(virt_names_state(99), HYPER_UNKNOWN);
    assert_int_equal(virt_names_state(-1), HYPER_UNKNOWN);
    assert_string_equal(
        virt_names_reason(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR),
        "ioerror");
    assert_string_equal(
        virt_names_reason(VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DAEMON),
        "daemon");
    assert_string_equal(
        virt_names_reason(VIR_DOMAIN_RUNNING,
                          VIR_DOMAIN_RUNNING_POSTCOPY_FAILED),
        "postcopy_failed");
    assert_string_equal(virt_names_reason(VIR_DOMAIN_PAUSED, 99), "");
}

static void
lifecycle_events_have_names(void **state)
{
    struct virt_names_event is = virt_names_lifecycle(
        VIR_DOMAIN_EVENT_SUSPENDED, VIR_DOMAIN_EVENT_SUSPENDED_IOERROR);

    (void)state;
    assert_string_equal(is.word, "paused");
    assert_string_equal(is.reason, "ioerror");
    assert_int_equal(is.state, HYPER_PAUSED);
    is = virt_names_lifecycle(VIR_DOMAIN_EVENT_STOPPED,
                              VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT);
    assert_string_equal(is.word, "stopped");
    assert_string_equal(is.reason, "from_snapshot");
    is = virt_names_lifecycle(77, 0);
    assert_string_equal(is.word, "changed");
    assert_int_equal(is.state, HYPER_UNKNOWN);
}

static void
ignore_event(void *ctx, const struct hyper_event *event)
{
    (void)ctx;
    (void)event;
}

/* Before libvirt is asked at all. */
static void
an_embed_root_that_cannot_be_made(void **state)
{
    struct err err = ERR_INIT;
    char folder[256], uri[600];

    (void)state;
    unit_folder(folder);
    snprintf(uri, sizeof(uri), "%s/file", folder);
    unit_write(uri, "");
    snprintf(uri, sizeof(uri), "qemu:///embed?root=%s/file", folder);
    assert_null(hyper_open("x", uri, ignore_event, NULL, &err));
    unit_err(&err, ERR_INTERNAL, "Cannot prepare the embed root");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(errors_have_kinds),
        cmocka_unit_test(a_dead_connection_outweighs_the_code),
        cmocka_unit_test(hostile_text_is_bounded_and_escaped),
        cmocka_unit_test(states_and_reasons_have_names),
        cmocka_unit_test(lifecycle_events_have_names),
        cmocka_unit_test(an_embed_root_that_cannot_be_made),
    };

    return CASES(cases);
}
