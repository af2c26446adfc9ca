// SPDX-License-Identifier: Apache-2.0
/* Command lines: what they become, and what is said about wrong ones. */
#include "tests/unit/unit.h"

#include "agent/common/json.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"

#define WORDS_MAX 32

/* One command line, its words separated by single blanks. */
struct line {
    char text[512];
    char *words[WORDS_MAX];
    struct ctl ctl;
    struct args args;
    struct err err;
};

static int
parse(struct line *line, const char *text)
{
    int argc = 1;
    char *save = NULL;

    memset(line, 0, sizeof(*line));
    snprintf(line->text, sizeof(line->text), "%s", text);
    line->words[0] = (char *)"berthctl";
    for (char *w = strtok_r(line->text, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        line->words[argc++] = w;
    return args_parse(argc, line->words, &line->ctl, &line->args, &line->err);
}

static void
check_params(const char *text, const char *wire, const char *expected)
{
    struct line line;

    if (parse(&line, text) < 0)
        fail_msg("%s: %s", text, line.err.message);
    {
        CLEANUP_FREE char *got = json_canonical(line.args.params);

        assert_string_equal(line.args.command->wire, wire);
        assert_string_equal(got, expected);
    }
    args_free(&line.args);
}

static void
check_refused(const char *text, const char *part)
{
    struct line line;

    if (parse(&line, text) == 0)
        fail_msg("%s was taken", text);
    unit_err(&line.err, ERR_INVALID, part);
    args_free(&line.args);
}

static void
vms(void **state)
{
    (void)state;
    check_params("vm create web --memory 1G --vcpus 2 --virtio-scsi no",
                 "CreateVm",
                 "{\"memory\":1073741824,\"name\":\"web\",\"vcpus\":2,"
                 "\"virtio_scsi\":false}");
    check_params("vm start web --paused", "StartVm",
                 "{\"paused\":true,\"vm\":\"web\"}");
}

static void
options_may_stand_anywhere(void **state)
{
    (void)state;
    check_params("vm reboot --reset web --op-id=x --deadline 30s", "RebootVm",
                 "{\"deadline_ms\":30000,\"op_id\":\"x\",\"reset\":true,"
                 "\"vm\":\"web\"}");
    check_params("-o json vm show --socket=/s web", "GetVm",
                 "{\"vm\":\"web\"}");
    check_params("vm show -- --odd", "GetVm", "{\"vm\":\"--odd\"}");
    check_params("vm xml web --config", "GetVmXml",
                 "{\"vm\":\"web\",\"which\":\"config\"}");
}

static void
disks(void **state)
{
    (void)state;
    check_params("disk add web /i/a.qcow2 --size 1G --format qcow2 --no-plug",
                 "AddDisk",
                 "{\"plugged\":false,\"size\":1073741824,\"source\":{"
                 "\"format\":\"qcow2\",\"path\":\"/i/a.qcow2\",\"type\":"
                 "\"file\"},\"vm\":\"web\"}");
    check_params("disk add web /dev/sdb", "AddDisk",
                 "{\"source\":{\"path\":\"/dev/sdb\",\"type\":\"block\"},"
                 "\"vm\":\"web\"}");
    check_params("disk add web /i/d --block", "AddDisk",
                 "{\"source\":{\"path\":\"/i/d\",\"type\":\"block\"},"
                 "\"vm\":\"web\"}");
    check_params("disk add web --cdrom", "AddDisk",
                 "{\"kind\":\"cdrom\",\"vm\":\"web\"}");
    check_params("disk update web d cache=none read_only=yes --dry-run",
                 "UpdateVmDisk",
                 "{\"disk\":\"d\",\"dry_run\":true,\"set\":{\"cache\":"
                 "\"none\",\"read_only\":true},\"vm\":\"web\"}");
    check_params("disk resize web d 2G", "ResizeDisk",
                 "{\"disk\":\"d\",\"size\":2147483648,\"vm\":\"web\"}");
    check_params("disk cd web d --eject", "ChangeCd",
                 "{\"disk\":\"d\",\"source\":null,\"vm\":\"web\"}");
    check_params("disk cd web d /i/b.iso --force", "ChangeCd",
                 "{\"disk\":\"d\",\"force\":true,\"source\":{\"path\":"
                 "\"/i/b.iso\",\"type\":\"file\"},\"vm\":\"web\"}");
}

static void
a_file_lies_below_the_options(void **state)
{
    char folder[256], path[300], text[400];

    (void)state;
    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/vm.json", folder);
    unit_write(path, "{\"vcpus\": 1, \"machine\": \"pc\"}");
    snprintf(text, sizeof(text), "vm create web --vcpus 2 --json %s", path);
    check_params(text, "CreateVm",
                 "{\"machine\":\"pc\",\"name\":\"web\",\"vcpus\":2}");
    unit_write(path, "[1]");
    check_refused(text, "JSON object");
}

static void
call_takes_any_json(void **state)
{
    struct line line;

    (void)state;
    assert_int_equal(parse(&line, "call GetVm {\"vm\":\"web\"}"), 0);
    assert_null(line.args.command->wire);
    {
        CLEANUP_FREE char *got = json_canonical(line.args.params);

        assert_string_equal(got, "{\"params\":{\"vm\":\"web\"},"
                                 "\"verb\":\"GetVm\"}");
    }
    args_free(&line.args);
}

static void
wrong_lines_are_told(void **state)
{
    (void)state;
    check_refused("", "command is missing");
    check_refused("vm", "verb is missing");
    check_refused("pool ls", "there are vm, disk, hook, host, event, op, call");
    check_refused("vm list", "vm has create, update");
    check_refused("vm show", "VM is missing");
    check_refused("vm show a b", "one argument too many");
    check_refused("vm show web --paused", "no option \"--paused\"");
    check_refused("vm show web --op-id x", "no option \"--op-id\"");
    check_refused("--frob vm ls", "no option \"--frob\"");
    check_refused("vm create web --memory", "--memory needs a value");
    check_refused("vm create web --memory lots", "--memory: \"lots\"");
    check_refused("vm start web --paused=yes", "takes no value");
    check_refused("vm create web --firmware coreboot", "none of bios|uefi");
    check_refused("disk cd web d", "--eject");
    check_refused("disk update web d", "FIELD=VALUE is missing");
    check_refused("call GetVm 5", "JSON object");
    check_refused("-o yaml vm ls", "table, json, name");
}

static void
connections_are_whole(void **state)
{
    struct line line;

    (void)state;
    check_refused("--connect h:1 vm ls", "--connect needs --ca");
    check_refused("--ca f vm ls", "belong to --connect");
    check_refused("--connect h:1 --socket s --ca f --cert f --key f vm ls",
                  "exclude");
    assert_int_equal(
        parse(&line, "vm ls --connect h:1 --ca a --cert c --key k"), 0);
    assert_string_equal(line.ctl.connect, "h:1");
    assert_string_equal(line.ctl.key, "k");
    assert_null(line.ctl.socket);
    args_free(&line.args);
    setenv("BERTH_SOCKET", "/tmp/some.sock", 1);
    assert_int_equal(parse(&line, "vm ls -ojson"), 0);
    assert_string_equal(line.ctl.socket, "/tmp/some.sock");
    assert_int_equal(line.ctl.output, CTL_JSON);
    args_free(&line.args);
}

static void
help_needs_nothing_else(void **state)
{
    static const char *const rows[] = {"--help", "vm --help", "-h",
                                       "disk add --help", "vm create -h x"};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct line line;

        assert_int_equal(parse(&line, rows[i]), 0);
        assert_true(line.args.help);
        args_free(&line.args);
    }
}

/* Every row can be read by the parser and told by the help. */
static void
rows_are_whole(void **state)
{
    const struct command *c;

    (void)state;
    for (size_t i = 0; (c = commands_at(i)); i++) {
        assert_non_null(commands_noun(c->noun));
        assert_ptr_equal(commands_find(c->noun, c->verb), c);
        assert_non_null(c->doc);
        assert_true(c->wire || c->run);
        for (size_t a = 0; a < c->nargs; a++) {
            assert_non_null(c->args[a].doc);
            assert_true(c->args[a].param || c->args[a].type == ARG_FILE);
            if (c->args[a].type == ARG_SET || c->args[a].type == ARG_WORD)
                assert_non_null(c->args[a].detail);
        }
        if (c->mutating)
            assert_non_null(c->done);
    }
    assert_true(commands_nmutating == 4);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(vms),
        cmocka_unit_test(options_may_stand_anywhere),
        cmocka_unit_test(disks),
        cmocka_unit_test(a_file_lies_below_the_options),
        cmocka_unit_test(call_takes_any_json),
        cmocka_unit_test(wrong_lines_are_told),
        cmocka_unit_test(connections_are_whole),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(rows_are_whole),
    };

    return CASES(cases);
}
