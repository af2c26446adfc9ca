// SPDX-License-Identifier: Apache-2.0
/* berthd's command line, and settings over several reloads. */
#include "tests/unit/unit.h"

#include "agent/common/json.h"
#include "agent/options.h"
#include "agent/settings.h"

#define PARSE(options, err, ...)                                               \
    parse(options, err, (char *[]){"berthd", __VA_ARGS__, NULL})

static int
parse(struct options *options, struct err *err, char **argv)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    return options_parse(argc, argv, options, err);
}

static void
options_are_read(void **state)
{
    struct options options;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(PARSE(&options, &err, "-c", "f", "--set", "a.b=c",
                           "--set=hypervisor local.uri=fake:"),
                     0);
    assert_int_equal(options.mode, OPTIONS_RUN);
    assert_string_equal(options.file, "f");
    assert_int_equal(options.nsets, 2);
    assert_string_equal(options.sets[1], "hypervisor local.uri=fake:");
    options_clear(&options);
    assert_int_equal(PARSE(&options, &err, "--config=g", "--check-conf"), 0);
    assert_int_equal(options.mode, OPTIONS_CHECK_CONF);
    assert_string_equal(options.file, "g");
    options_clear(&options);
    assert_int_equal(PARSE(&options, &err, "--doctor", "-o", "json"), 0);
    assert_int_equal(options.mode, OPTIONS_DOCTOR);
    assert_true(options.json);
    options_clear(&options);
    assert_int_equal(PARSE(&options, &err, "-V"), 0);
    assert_int_equal(options.mode, OPTIONS_VERSION);
    options_clear(&options);
}

static void
wrong_ones_are_named(void **state)
{
    struct options options;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(PARSE(&options, &err, "--bogus"), -1);
    unit_err(&err, ERR_INVALID, "--bogus");
    assert_int_equal(PARSE(&options, &err, "-x"), -1);
    unit_err(&err, ERR_INVALID, "no option -x");
    assert_int_equal(PARSE(&options, &err, "--set"), -1);
    unit_err(&err, ERR_INVALID, "--set needs a value");
    assert_int_equal(PARSE(&options, &err, "--doctor", "-o", "poem"), -1);
    unit_err(&err, ERR_INVALID, "expected table or json");
    assert_int_equal(PARSE(&options, &err, "--set", "a.b=c", "now"), -1);
    unit_err(&err, ERR_INVALID, "\"now\"");
    options_clear(&options);
}

static void
help_names_every_option(void **state)
{
    static const char *const names[] = {
        "-c, --config FILE", "--set SECTION.KEY=VALUE", "--check-conf",
        "--dump-conf",       "--dump-sample-conf",      "--dump-verbs",
        "--version",         "--help"};
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    options_help(to);
    fclose(to);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strstr(text, names[i]))
            fail_msg("the help lacks %s", names[i]);
    free(text);
}

static const char *
only_name(const json_t *changes, const char *key)
{
    const json_t *names = json_object_get(changes, key);

    if (json_array_size(names) == 0)
        return "";
    assert_int_equal(json_array_size(names), 1);
    return json_string_value(json_array_get(names, 0));
}

static void
reloads_tell_what_waits(void **state)
{
    char folder[256], path[300];
    struct options options = {.file = path};
    struct settings settings = {.options = &options};
    struct err err = ERR_INIT;
    struct conf *first, *second, *third;
    json_t *changes;

    (void)state;
    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/berth.conf", folder);
    unit_write(path, "[ops]\nworkers = 2\n");
    first = settings_load(&settings, &err);
    unit_write(path, "[ops]\nworkers = 3\n[log]\nlevel = debug\n");
    second = settings_load(&settings, &err);
    assert_non_null(second);
    changes = settings_changes(&settings, first, second);
    assert_string_equal(only_name(changes, "changed"), "log.level");
    assert_string_equal(only_name(changes, "restart_needed"), "ops.workers");
    json_decref(changes);
    /* Nothing new, but the restart is needed still. */
    third = settings_load(&settings, &err);
    changes = settings_changes(&settings, second, third);
    assert_string_equal(only_name(changes, "changed"), "");
    assert_string_equal(only_name(changes, "restart_needed"), "ops.workers");
    json_decref(changes);
    unit_write(path, "[ops]\nworkers = many\n");
    assert_null(settings_load(&settings, &err));
    unit_err(&err, ERR_INVALID, "many");
    assert_int_equal(settings_check(&settings, &err), -1);
    unit_write(path, "");
    assert_int_equal(settings_check(&settings, &err), 0);
    assert_int_equal(settings.nconfs, 3); /* readers keep the old ones */
    settings_free(&settings);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(wrong_ones_are_named),
        cmocka_unit_test(help_names_every_option),
        cmocka_unit_test(reloads_tell_what_waits),
    };

    return CASES(cases);
}
