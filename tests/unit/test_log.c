// SPDX-License-Identifier: Apache-2.0
/* The log: what it lets through, and that no text can forge a line. */
#include "tests/unit/unit.h"

#include <pthread.h>

#include "agent/common/file.h"
#include "agent/common/log.h"

static char path[300];

/* Send stderr to a file around body, and give its text. */
static char *
captured(void (*body)(void))
{
    struct err err = ERR_INIT;
    FILE *file = fopen(path, "w");
    int saved = dup(STDERR_FILENO);
    char *text;

    assert_non_null(file);
    dup2(fileno(file), STDERR_FILENO);
    body();
    dup2(saved, STDERR_FILENO);
    close(saved);
    fclose(file);
    text = file_read(path, 1 << 20, NULL, &err);
    assert_non_null(text);
    return text;
}

static int
lines(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void
write_forged(void)
{
    log_set_flow("f\n1");
    log_info("vm %s", "x\n2026-01-01T00:00:00.000Z error root is gone\r\x1b[2Jé");
    log_set_flow(NULL);
}

static void
text_cannot_forge_a_line(void **state)
{
    char *text = captured(write_forged);

    (void)state;
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "info    [f\\n1] vm x\\n2026-01-01T"));
    assert_non_null(strstr(text, "gone\\x0d\\x1b[2J\\xc3\\xa9\n"));
    free(text);
}

static void
write_levels(void)
{
    log_set_level(LOG_WARNING);
    log_info("quiet");
    log_debug("quiet");
    log_error("loud\\");
    log_set_level(LOG_DEBUG);
    log_debug("loud");
    log_set_level(LOG_INFO);
}

static void
level_is_a_threshold(void **state)
{
    char *text = captured(write_levels);

    (void)state;
    assert_int_equal(lines(text), 2);
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "error   loud\\\\\n"));
    free(text);
}

static void
write_long(void)
{
    char long_text[9000];

    memset(long_text, '\x01', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    log_error("%s", long_text);
}

static void
long_line_is_cut(void **state)
{
    char *text = captured(write_long);

    (void)state;
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "\\x01...\n"));
    free(text);
}

static void
write_journal(void)
{
    setenv("JOURNAL_STREAM", "1:2", 1);
    log_init();
    log_warning("x");
    unsetenv("JOURNAL_STREAM");
    log_init();
}

static void
journald_gets_priorities(void **state)
{
    char *text = captured(write_journal);

    (void)state;
    assert_string_equal(text, "<4>x\n");
    free(text);
}

static void *
write_many(void *data)
{
    for (int i = 0; i < 200; i++)
        log_info("%s", (const char *)data);
    return NULL;
}

static void
write_from_threads(void)
{
    static char words[2][8] = {"aaaaaaa", "bbbbbbb"};
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, write_many, words[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static void
threads_never_share_a_line(void **state)
{
    char *text = captured(write_from_threads);
    char *save = NULL;
    int n = 0;

    (void)state;
    for (char *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save), n++)
        assert_true(strcmp(line + 33, "aaaaaaa") == 0 ||
                    strcmp(line + 33, "bbbbbbb") == 0);
    assert_int_equal(n, 400);
    free(text);
}

static void
level_names(void **state)
{
    (void)state;
    for (int i = 0; i < LOG_LEVELS; i++)
        assert_int_equal(log_level_parse(log_level_name((enum log_level)i)), i);
    assert_int_equal(log_level_parse("loud"), -1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(text_cannot_forge_a_line),
        cmocka_unit_test(level_is_a_threshold),
        cmocka_unit_test(long_line_is_cut),
        cmocka_unit_test(journald_gets_priorities),
        cmocka_unit_test(threads_never_share_a_line),
        cmocka_unit_test(level_names),
    };
    char folder[256];

    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/log", folder);
    return CASES(cases);
}
