// SPDX-License-Identifier: Apache-2.0
/* The log: what it lets through, and that no text can forge a line. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

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

/* --- a target that does not take lines ------------------------------------ */

/* In a child, whose stderr is the guarded write end of a channel: body runs
 * there, and its answer is 0 when all was as it should be. */
static void
in_child(int channel[2], int (*body)(int reader))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        dup2(channel[1], STDERR_FILENO);
        close(channel[1]);
        alarm(20); /* what blocks here is a fault */
        log_guard();
        _exit(body(channel[0]));
    }
    close(channel[0]);
    close(channel[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int
fill_and_drain(int reader)
{
    static char heard[1 << 21];
    struct log_health health;
    ssize_t n;
    size_t len = 0;

    for (int i = 0; i < 20000; i++)
        log_error("line %d of a log that nobody reads", i);
    log_health(&health);
    if (health.lost < 1000 || health.error != EAGAIN || health.closed)
        return 1;
    fcntl(reader, F_SETFL, O_NONBLOCK);
    while ((n = read(reader, heard + len, sizeof(heard) - 1 - len)) > 0)
        len += (size_t)n;
    log_error("read again");
    n = read(reader, heard, sizeof(heard) - 1);
    heard[n > 0 ? n : 0] = '\0';
    if (!strstr(heard, " lines of the log were lost here\n") ||
        !strstr(heard, "read again\n"))
        return 2;
    log_health(&health);
    return health.error ? 3 : 0;
}

static void
a_full_pipe_loses_lines_and_says_so(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    in_child(ends, fill_and_drain);
}

static void
a_full_socket_loses_lines_and_says_so(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    in_child(ends, fill_and_drain);
}

/* Whoever shares the pipe with us waits as before. */
static int
others_still_wait(int reader)
{
    int other = dup(STDOUT_FILENO);

    (void)reader;
    return fcntl(other, F_GETFL) & O_NONBLOCK ? 1 : 0;
}

static void
flags_of_a_shared_pipe_stay(void **state)
{
    int ends[2], saved = dup(STDOUT_FILENO);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    in_child(ends, others_still_wait);
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

static int
write_to_nobody(int reader)
{
    struct log_health health;

    close(reader);
    log_error("is there anybody?");
    log_health(&health);
    return health.lost == 1 && health.error == EPIPE ? 0 : 1;
}

static void
a_reader_that_is_gone_ends_nothing(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    in_child(ends, write_to_nobody);
}

static int
open_takes_no_standard_number(int reader)
{
    struct log_health health;
    int fd;

    close(reader);
    close(STDIN_FILENO);
    close(STDERR_FILENO);
    log_guard();
    log_health(&health);
    fd = open("/dev/zero", O_RDONLY);
    return fd > STDERR_FILENO && health.closed ? 0 : 1;
}

static void
closed_descriptors_are_filled(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    in_child(ends, open_takes_no_standard_number);
}

static int
write_to_a_full_disk(int reader)
{
    struct log_health health;

    close(reader);
    dup2(open("/dev/full", O_WRONLY), STDERR_FILENO);
    log_guard();
    log_error("there is no room");
    log_health(&health);
    return health.lost == 1 && health.error == ENOSPC ? 0 : 1;
}

static void
a_full_disk_ends_nothing(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    in_child(ends, write_to_a_full_disk);
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
        cmocka_unit_test(a_full_pipe_loses_lines_and_says_so),
        cmocka_unit_test(a_full_socket_loses_lines_and_says_so),
        cmocka_unit_test(flags_of_a_shared_pipe_stay),
        cmocka_unit_test(a_reader_that_is_gone_ends_nothing),
        cmocka_unit_test(closed_descriptors_are_filled),
        cmocka_unit_test(a_full_disk_ends_nothing),
    };
    char folder[256];

    unit_folder(folder);
    snprintf(path, sizeof(path), "%s/log", folder);
    return CASES(cases);
}
