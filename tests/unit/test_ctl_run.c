// SPDX-License-Identifier: Apache-2.0
/* Whole runs of berthctl against a scripted daemon on a unix socket. */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/common/json.h"
#include "agent/ctl/run.h"

/* What the daemon says to one request after another; it then hangs up. */
struct daemon {
    char folder[256];
    char path[300];
    int listener;
    pthread_t thread;
    const char *const *answers; /* NULL at the end; lines, or "" for none */
    char asked[4096];           /* the requests, as they came */
};

static void
read_request(FILE *peer, struct daemon *d)
{
    size_t used = strlen(d->asked);

    if (!fgets(d->asked + used, (int)(sizeof(d->asked) - used), peer))
        d->asked[used] = '\0';
}

static void *
serve(void *arg)
{
    struct daemon *d = arg;
    int fd = accept(d->listener, NULL, NULL);
    FILE *peer = fdopen(fd, "r+");

    for (size_t i = 0; d->answers[i]; i++) {
        read_request(peer, d);
        fseek(peer, 0, SEEK_CUR);
        fputs(d->answers[i], peer);
        fflush(peer);
        fseek(peer, 0, SEEK_CUR);
    }
    fclose(peer);
    return NULL;
}

static void
daemon_start(struct daemon *d, const char *const *answers)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    memset(d, 0, sizeof(*d));
    d->answers = answers;
    unit_folder(d->folder);
    snprintf(d->path, sizeof(d->path), "%s/s", d->folder);
    assert_true(strlen(d->path) < sizeof(address.sun_path));
    memcpy(address.sun_path, d->path, strlen(d->path));
    d->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(
        bind(d->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(d->listener, 1), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
}

static void
daemon_stop(struct daemon *d)
{
    pthread_join(d->thread, NULL);
    close(d->listener);
}

struct outcome {
    int code;
    char *out, *err;
    char asked[4096];
};

/* berthctl --socket … words, against these answers. */
static void
run(struct outcome *o, const char *const *answers, char *const *words)
{
    struct daemon d;
    size_t out_len, err_len;
    FILE *out = open_memstream(&o->out, &out_len);
    FILE *err = open_memstream(&o->err, &err_len);
    char *argv[16] = {(char *)"berthctl", (char *)"--socket"};
    int argc = 3;

    daemon_start(&d, answers);
    argv[2] = d.path;
    while (*words)
        argv[argc++] = *words++;
    o->code = run_berthctl(argc, argv, out, err);
    daemon_stop(&d);
    fclose(out);
    fclose(err);
    memcpy(o->asked, d.asked, sizeof(o->asked));
}

static void
outcome_is(struct outcome *o, int code, const char *out, const char *err)
{
    if (o->code != code || strcmp(o->out, out) != 0 || !strstr(o->err, err))
        fail_msg("code %d, expected %d\nout: %s\nerr: %s", o->code, code,
                 o->out, o->err);
    free(o->out);
    free(o->err);
}

#define WORDS(...)        \
    (char *const[])       \
    {                     \
        __VA_ARGS__, NULL \
    }
#define ANSWERS(...)      \
    (const char *const[]) \
    {                     \
        __VA_ARGS__, NULL \
    }
#define RESULT(id, text) \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"result\":" text "}\n"
#define ERROR(id, kind)                                               \
    "{\"jsonrpc\":\"2.0\",\"id\":" #id ",\"error\":{\"code\":-32001," \
    "\"message\":\"no\",\"data\":{\"kind\":\"" kind "\"}}}\n"
#define EVENT(seq)                                                        \
    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"seq\":" #seq \
    ",\"type\":\"vm.state\"}}\n"

static void
a_call_goes_round(void **state)
{
    struct outcome o;

    (void)state;
    run(&o, ANSWERS(EVENT(1) RESULT(1, "{\"xml\":\"<a/>\\n\"}")),
        WORDS("vm", "xml", "web"));
    assert_string_equal(o.asked, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                                 "\"GetVmXml\",\"params\":{\"vm\":\"web\"}}\n");
    outcome_is(&o, 0, "<a/>\n", "");
}

static void
refusals_have_their_code(void **state)
{
    struct outcome o;

    (void)state;
    run(&o, ANSWERS(ERROR(1, "NOT_FOUND")), WORDS("vm", "show", "web"));
    outcome_is(&o, 3, "", "berthctl: GetVm: no\n");
    run(&o, ANSWERS(ERROR(1, "DENIED")), WORDS("vm", "show", "web"));
    outcome_is(&o, 5, "", "GetVm");
    run(&o, ANSWERS(ERROR(1, "BUSY")), WORDS("vm", "start", "web"));
    outcome_is(&o, 6, "", "StartVm");
    run(&o, ANSWERS(ERROR(1, "SOME_NEWER_KIND")), WORDS("vm", "ls"));
    outcome_is(&o, 1, "", "no");
    run(&o, ANSWERS(RESULT(1, "{\"op_id\":\"o\",\"state\":\"pending\"}")),
        WORDS("disk", "unplug", "web", "d", "-o", "name"));
    outcome_is(&o, 4, "", "");
}

static void
call_is_bare(void **state)
{
    struct outcome o;

    (void)state;
    run(&o, ANSWERS(RESULT(1, "[1]")), WORDS("call", "Some", "[7]"));
    assert_non_null(strstr(o.asked, "\"method\":\"Some\",\"params\":[7]"));
    outcome_is(&o, 0, "[\n  1\n]\n", "");
    run(&o, ANSWERS(ERROR(1, "NOT_FOUND")), WORDS("call", "Some"));
    outcome_is(&o, 3, "", "\"kind\": \"NOT_FOUND\"");
}

static void
a_lost_daemon_is_unreachable(void **state)
{
    struct outcome o;

    (void)state;
    run(&o, ANSWERS(""), WORDS("vm", "ls"));
    outcome_is(&o, 7, "", "closed the connection");
    run(&o, ANSWERS(""), WORDS("vm", "start", "web"));
    outcome_is(&o, 7, "", "berthctl op ls");
    run(&o, ANSWERS("gibberish\n"), WORDS("vm", "ls"));
    outcome_is(&o, 1, "", "Not JSON");
    run(&o, ANSWERS("{}\n{\"id\":1}\n"), WORDS("vm", "ls"));
    outcome_is(&o, 1, "", "neither a result nor an error");
}

static void
no_daemon_is_unreachable(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *err = open_memstream(&text, &len);
    char *argv[] = {(char *)"berthctl", (char *)"--socket",
                    (char *)"/nowhere/at/all", (char *)"vm", (char *)"ls"};

    (void)state;
    assert_int_equal(run_berthctl(5, argv, stdout, err), 7);
    fclose(err);
    assert_non_null(strstr(text, "/nowhere/at/all"));
    free(text);
}

/* Subscribed at 30; 9 to 11 are read, 11 and 12 arrived meanwhile. */
static void
events_join_without_a_gap(void **state)
{
    struct outcome o;

    (void)state;
    run(&o,
        ANSWERS(RESULT(1, "{\"subscribed\":true,\"next\":30}"),
                EVENT(11) EVENT(12)
                    RESULT(2, "{\"events\":[{\"seq\":10},{\"seq\":11}],"
                              "\"next\":12,\"dropped\":{\"from\":1,\"to\":9}}"),
                RESULT(3, "{\"events\":[],\"next\":12,\"dropped\":null}")
                    EVENT(13)),
        WORDS("-o", "name", "event", "tail", "--follow"));
    assert_non_null(strstr(o.asked, "\"since\":9"));
    outcome_is(&o, 7, "10\n11\n12\n13\n", "events 1 to 9 are no longer kept");
}

static void
status_is_one_page(void **state)
{
    struct outcome o;

    (void)state;
    run(&o,
        ANSWERS(
            RESULT(1, "{}"),
            RESULT(2,
                   "{\"berth\":{\"version\":\"1\",\"uptime_ms\":5000,"
                   "\"libvirt\":{\"version\":\"9.0.0\",\"uri\":\"u\","
                   "\"connected\":true},\"qemu\":{\"version\":\"7.2\"},"
                   "\"vms\":{\"total\":3,\"running\":2},\"disks\":{"
                   "\"total\":5,\"plugged\":4},\"operations\":{"
                   "\"open\":1,\"pending\":0},\"stuck_lanes\":["
                   "{\"lane\":\"l\",\"vm_name\":\"web\",\"label\":\"StartVm\","
                   "\"peer\":\"uid:0\","
                   "\"running_ms\":9000}],\"tightest_vm\":{\"name\":"
                   "\"web\",\"free_ports\":1,\"total_ports\":9},"
                   "\"certificate\":{\"days_left\":9,\"not_after\":"
                   "\"2030-01-01\"},\"database\":{\"healthy\":true}}}")),
        WORDS("host", "status"));
    outcome_is(&o, 0,
               "berthd       1, up 5.0 s\n"
               "libvirt      9.0.0, u, connected\n"
               "QEMU         7.2\n"
               "VMs          3, 2 running\n"
               "disks        5, 4 plugged\n"
               "operations   1 open, 0 pending\n"
               "lanes        STUCK: web, StartVm of uid:0 for 9.0 s\n"
               "root ports   web has the fewest free: 1 of 9\n"
               "certificate  9 days left, until 2030-01-01\n"
               "database     healthy\n"
               "log          written\n",
               "");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_call_goes_round),
        cmocka_unit_test(refusals_have_their_code),
        cmocka_unit_test(call_is_bare),
        cmocka_unit_test(a_lost_daemon_is_unreachable),
        cmocka_unit_test(no_daemon_is_unreachable),
        cmocka_unit_test(events_join_without_a_gap),
        cmocka_unit_test(status_is_one_page),
    };

    return CASES(cases);
}
