// SPDX-License-Identifier: Apache-2.0
/* Figures as text: names, labels, scales, and what is not known. */
#include "tests/unit/house.h"

#include "agent/common/log.h"
#include "agent/verbs/exposition.h"

#define VM "11111111-2222-4333-8444-555555555555"

static void
sampled(struct house *house, const char *text, bool stale)
{
    CLEANUP_FREE char *json = mem_dup(text);
    json_t *stats;
    struct sampled_vm vm = {.uuid = VM, .stale = stale};

    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    stats = json_parse(json, strlen(json), NULL, NULL);
    assert_non_null(stats);
    vm.sample = sampled_make(stats, clock_mono_ms() - 3000);
    sampled_put_vms(house->env.sampled, &vm, 1);
}

static void
seen(struct house *house, const char *name)
{
    const struct vm_seen vm = {.uuid = VM,
                               .name = name,
                               .state = "paused",
                               .reason = "",
                               .active = true,
                               .event = true};

    vm_table_seen(house->env.vms, &vm);
}

static void
has(const struct buf *text, const char *line)
{
    CLEANUP_FREE char *whole = mem_printf("\n%s\n", line);

    if (!strstr(text->data, whole))
        fail_msg("there is no %s in\n%s", line, text->data);
}

static int
set_up(void **state)
{
    struct house *house = mem_zalloc(1, sizeof(*house));

    house_start(house);
    *state = house;
    return 0;
}

static int
tear_down(void **state)
{
    house_end(*state);
    free(*state);
    return 0;
}

#define DB "{domain=\"db\",uuid=\"" VM "\""

static void
a_domain_and_its_disks(void **state)
{
    struct house *house = *state;
    CLEANUP_BUF struct buf text = BUF_INIT;

    seen(house, "db");
    sampled(house,
            "{'balloon': {'maximum': 1024, 'current': 512},"
            " 'cpu': {'time': 2500000000}, 'vcpu': [{}, {}],"
            " 'block': [{'name': 'sda', 'path': '/a\\\\b', 'rd_bytes': 7,"
            "            'rd_times': 1500000000}],"
            " 'net': [{'name': 'vnet0', 'rx_bytes': 9007199254740993}]}",
            true);
    exposition_write(&house->env, &text);
    has(&text, "libvirt_domain_info_maximum_memory_bytes" DB "} 1048576");
    has(&text, "libvirt_domain_info_cpu_time_seconds_total" DB "} 2.5");
    has(&text, "libvirt_domain_info_virtual_cpus" DB "} 2");
    has(&text, "libvirt_domain_info_vstate" DB "} 3");
    has(&text, "libvirt_domain_block_stats_read_bytes_total" DB
               ",target_device=\"sda\",source_file=\"/a\\\\b\"} 7");
    has(&text, "libvirt_domain_block_stats_read_seconds_total" DB
               ",target_device=\"sda\",source_file=\"/a\\\\b\"} 1.5");
    has(&text, "libvirt_domain_interface_stats_receive_bytes_total" DB
               ",target_device=\"vnet0\"} 9007199254740992");
    has(&text, "berth_domain_sample_stale" DB "} 1");
    assert_non_null(strstr(text.data, "berth_domain_sample_age_seconds" DB));
    has(&text, "berth_vms{state=\"paused\"} 1");
    has(&text, "berth_vms{state=\"running\"} 0");
}

/* Of a VM that was never read there are no figures, not zeros. */
static void
what_is_not_known_is_left_out(void **state)
{
    struct house *house = *state;
    CLEANUP_BUF struct buf text = BUF_INIT;

    seen(house, "db");
    exposition_write(&house->env, &text);
    assert_null(strstr(text.data, "libvirt_domain_info_virtual_cpus{"));
    assert_null(strstr(text.data, "berth_domain_sample_age_seconds{"));
    assert_null(strstr(text.data, "berth_certificate_days_left"));
    has(&text, "berth_tls_up 0");
    has(&text, "libvirt_up 1");
    has(&text, "berth_build_info{version=\"test\"} 1");
    has(&text, "berth_database_healthy 1");
    has(&text, "berth_operations{state=\"pending\"} 0");
    has(&text, "# TYPE berth_jobs_queued gauge");
}

static void
names_cannot_forge_lines(void **state)
{
    struct house *house = *state;
    CLEANUP_BUF struct buf text = BUF_INIT;

    seen(house, "a\"} 1\nforged 2\\");
    exposition_write(&house->env, &text);
    assert_null(strstr(text.data, "\nforged"));
    assert_non_null(strstr(text.data, "domain=\"a\\\"} 1\\nforged 2\\\\\""));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest cases[] = {
        WITH(a_domain_and_its_disks),
        WITH(what_is_not_known_is_left_out),
        WITH(names_cannot_forge_lines),
    };

    log_set_level(LOG_ERROR);
    return CASES(cases);
}
