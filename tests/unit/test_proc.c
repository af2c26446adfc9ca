// SPDX-License-Identifier: Apache-2.0
/* Programs that answer, hang, flood, die, and leave others behind. */
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "agent/common/cleanup.h"
#include "agent/common/clock.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"

#define FOLLOW 30000 /* no case should need it */

static struct proc_result
sh(const char *script, const void *input, size_t input_len, int64_t timeout)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    const struct proc proc = {.argv = argv,
                              .input = input,
                              .input_len = input_len,
                              .timeout_ms = timeout,
                              .max_output = 1000};
    struct proc_result result = {0};
    struct err err = ERR_INIT;

    assert_int_equal(proc_run(&proc, &result, &err), 0);
    return result;
}

static void
both_outputs_and_the_status(void **state)
{
    struct proc_result r = sh("echo out; echo err >&2; exit 3", NULL, 0, FOLLOW);

    (void)state;
    assert_int_equal(r.status, 3);
    assert_false(r.timed_out);
    assert_string_equal(r.out, "out\n");
    assert_string_equal(r.errout, "err\n");
    proc_result_free(&r);
    assert_null(r.out);
}

static void
input_is_fed_while_output_is_drained(void **state)
{
    const size_t len = 1 << 20; /* far above what a pipe holds */
    char *input = mem_zalloc(1, len);
    struct proc_result r;

    (void)state;
    memset(input, 'x', len);
    r = sh("tee /dev/stderr | wc -c >&2; echo done", input, len, FOLLOW);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "done\n");
    proc_result_free(&r);
    r = sh("cat", input, len, FOLLOW);
    assert_int_equal(strlen(r.out), 1000);
    proc_result_free(&r);
    free(input);
}

static void
input_nobody_reads_is_no_failure(void **state)
{
    const size_t len = 1 << 20;
    char *input = mem_zalloc(1, len);
    struct proc_result r;
    sigset_t pending;

    (void)state;
    signal(SIGPIPE, SIG_DFL);
    r = sh("exec <&-; echo deaf", input, len, FOLLOW);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "deaf\n");
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    proc_result_free(&r);
    free(input);
}

static void
no_input_reads_as_the_end(void **state)
{
    struct proc_result r = sh("cat; echo end", NULL, 0, FOLLOW);

    (void)state;
    assert_string_equal(r.out, "end\n");
    proc_result_free(&r);
}

static void
a_hang_ends_at_the_deadline(void **state)
{
    int64_t start = clock_mono_ms();
    struct proc_result r = sh("echo began; sleep 1000", NULL, 0, 200);

    (void)state;
    assert_true(r.timed_out);
    assert_int_equal(r.status, 128 + SIGTERM);
    assert_string_equal(r.out, "began\n");
    assert_true(clock_mono_ms() - start < 10000);
    proc_result_free(&r);
}

static void
who_ignores_sigterm_is_killed(void **state)
{
    struct proc_result r =
        sh("trap '' TERM; while :; do sleep 1000; done", NULL, 0, 100);

    (void)state;
    assert_true(r.timed_out);
    assert_int_equal(r.status, 128 + SIGKILL);
    proc_result_free(&r);
}

static void
a_flood_is_cut_and_ended(void **state)
{
    struct proc_result r = sh("yes; :", NULL, 0, 300);

    (void)state;
    assert_true(r.timed_out);
    assert_int_equal(strlen(r.out), 1000);
    proc_result_free(&r);
}

static void
children_left_behind_are_ended(void **state)
{
    /* The child holds both outputs open: nobody may wait for it. */
    int64_t start = clock_mono_ms();
    struct proc_result r = sh("sleep 1000 & echo $!", NULL, 0, FOLLOW);
    pid_t left = (pid_t)strtol(r.out, NULL, 10);
    CLEANUP_FREE char *stat = mem_printf("/proc/%d/stat", (int)left);

    (void)state;
    assert_int_equal(r.status, 0);
    assert_true(clock_mono_ms() - start < FOLLOW / 2);
    /* Killed at the latest now; whoever adopts it may reap it later. */
    for (FILE *f; (f = fopen(stat, "r"));) {
        char mode = 'Z'; /* gone between open and read */
        int n = fscanf(f, "%*d (%*[^)]) %c", &mode);

        fclose(f);
        if (n != 1 || mode == 'Z')
            break;
        assert_true(clock_mono_ms() - start < FOLLOW);
    }
    proc_result_free(&r);
}

static void
nothing_of_ours_is_inherited(void **state)
{
    int leaked = dup(0); /* not close-on-exec */
    struct proc_result r = sh("ls /proc/$$/fd; env", NULL, 0, FOLLOW);

    (void)state;
    close(leaked);
    assert_int_equal(strncmp(r.out, "0\n1\n2\n", 6), 0);
    assert_null(strstr(r.out, "TMPDIR"));
    assert_non_null(strstr(r.out, "LANG=C.UTF-8"));
    proc_result_free(&r);
}

static void
env_is_what_was_given(void **state)
{
    const char *const argv[] = {"/usr/bin/env", NULL};
    const char *const env[] = {"ONLY=this", NULL};
    const struct proc proc = {
        .argv = argv, .env = env, .timeout_ms = FOLLOW, .max_output = 100};
    struct proc_result r = {0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(proc_run(&proc, &r, &err), 0);
    assert_string_equal(r.out, "ONLY=this\n");
    proc_result_free(&r);
}

static void
a_missing_program_is_named(void **state)
{
    const char *const argv[] = {"/no/such/program", NULL};
    const struct proc proc = {.argv = argv, .timeout_ms = FOLLOW};
    struct proc_result r = {0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(proc_run(&proc, &r, &err), -1);
    unit_err(&err, ERR_NOT_FOUND, "/no/such/program");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(both_outputs_and_the_status),
        cmocka_unit_test(input_is_fed_while_output_is_drained),
        cmocka_unit_test(input_nobody_reads_is_no_failure),
        cmocka_unit_test(no_input_reads_as_the_end),
        cmocka_unit_test(a_hang_ends_at_the_deadline),
        cmocka_unit_test(who_ignores_sigterm_is_killed),
        cmocka_unit_test(a_flood_is_cut_and_ended),
        cmocka_unit_test(children_left_behind_are_ended),
        cmocka_unit_test(nothing_of_ours_is_inherited),
        cmocka_unit_test(env_is_what_was_given),
        cmocka_unit_test(a_missing_program_is_named),
    };

    return CASES(cases);
}
