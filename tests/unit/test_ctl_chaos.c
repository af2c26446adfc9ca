// SPDX-License-Identifier: Apache-2.0
/*
 * The pure half of chaos: which points a plan passes, when two looks at a VM
 * are equal, what a death was worth, and the matrix.
 */
#include "tests/unit/unit.h"

#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/ctl/chaos_case.h"
#include "agent/ctl/chaos_lab.h"
#include "agent/ctl/chaos_matrix.h"
#include "agent/ctl/chaos_point.h"
#include "agent/ctl/chaos_setup.h"
#include "agent/ctl/chaos_state.h"
#include "agent/ctl/chaos_verdict.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static json_t *
read_json(const char *text)
{
    struct chaos_lab lab = {.images = (char *)"/images"};
    json_t *value = chaos_lab_params(&lab, text);

    assert_non_null(value);
    return value;
}

/* --- points --------------------------------------------------------------- */

static char *names[] = {
    (char *)"attach_disk.call.before", (char *)"attach_disk.call.inside",
    (char *)"attach_disk.reply.after", (char *)"attach_disk.undo.before",
    (char *)"define.call.before",      (char *)"define.reply.after",
    (char *)"start.call.before",
};

/* "a:1 b:2" */
static void
expect_points(const char *steps, bool undo, const char *glob, long call_ms,
              const char *expected)
{
    CLEANUP_JSON json_t *plan = read_json(steps);
    CLEANUP_BUF struct buf text = BUF_INIT;
    size_t n;
    CLEANUP_FREE struct chaos_point *points =
        chaos_point_list(names, COUNT(names), plan, undo, glob, call_ms, &n);

    for (size_t i = 0; i < n; i++) {
        char point[112];

        chaos_point_text(&points[i], point);
        buf_printf(&text, "%s%s", i ? " " : "", point);
    }
    assert_string_equal(n ? text.data : "", expected);
}

#define PLUG "[{'step':'attach_disk'},{'step':'define'}]"
#define TWICE "[{'step':'attach_disk'},{'step':'attach_disk'}]"

static void
a_plan_passes_its_own_points(void **state)
{
    (void)state;
    expect_points(PLUG, false, NULL, 0,
                  "attach_disk.call.before:1 attach_disk.call.inside:1 "
                  "define.call.before:1 define.reply.after:1");
    expect_points(PLUG, true, NULL, 0, "attach_disk.undo.before:1");
    expect_points(PLUG, false, "*.call.before", 0,
                  "attach_disk.call.before:1 define.call.before:1");
    expect_points(PLUG, false, "start.*", 0, "");
    expect_points("[]", false, NULL, 100, "");
}

static void
a_step_that_comes_twice_is_numbered(void **state)
{
    (void)state;
    expect_points(TWICE, false, NULL, 0,
                  "attach_disk.call.before:1 attach_disk.call.inside:1 "
                  "attach_disk.call.before:2 attach_disk.reply.after:2");
}

static void
a_call_is_cut_in_its_midst_too(void **state)
{
    (void)state;
    expect_points(PLUG, false, "*.inside", 16,
                  "attach_disk.call.inside:1 attach_disk.call.inside:2 "
                  "attach_disk.call.inside:4 attach_disk.call.inside:6 "
                  "attach_disk.call.inside:8");
    expect_points(PLUG, false, "*.inside", 4,
                  "attach_disk.call.inside:1 attach_disk.call.inside:2");
    expect_points(PLUG, false, "*.inside", 60000,
                  "attach_disk.call.inside:1 attach_disk.call.inside:500");
}

static void
names_of_points_are_split(void **state)
{
    char step[64];
    const char *rest;

    (void)state;
    assert_true(chaos_point_split("define.call.before", step, &rest));
    assert_string_equal(step, "define");
    assert_string_equal(rest, "call.before");
    assert_false(chaos_point_split("define", step, &rest));
    assert_false(chaos_point_split("define.call", step, &rest));
    assert_false(chaos_point_split(".call.before", step, &rest));
}

/* --- states --------------------------------------------------------------- */

static struct chaos_state
state_of(const char *json, const char *xml)
{
    struct chaos_state s = {0};
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *value = read_json(json);

    chaos_state_add_json(&s, "vm", value);
    if (xml)
        assert_int_equal(chaos_state_add_xml(&s, "live", xml, &err), 0);
    chaos_state_end(&s);
    return s;
}

static void
expect_equal(const char *json_a, const char *xml_a, const char *json_b,
             const char *xml_b, const char *diff)
{
    CLEANUP_CHAOS_STATE struct chaos_state a = state_of(json_a, xml_a);
    CLEANUP_CHAOS_STATE struct chaos_state b = state_of(json_b, xml_b);
    CLEANUP_BUF struct buf text = BUF_INIT;

    chaos_state_diff(&a, &b, &text);
    assert_string_equal(text.len ? text.data : "", diff);
    assert_int_equal(chaos_state_equal(&a, &b), !*diff);
}

static void
what_is_kept_does_not_count(void **state)
{
    CLEANUP_CHAOS_STATE struct chaos_state before =
        state_of("{'controllers':[],'disks':[{'disk_id':'a','unit':1}]}", NULL);
    CLEANUP_CHAOS_STATE struct chaos_state seen =
        state_of("{'controllers':[{'alias':'ua-scsi1','index':1}],"
                 "'disks':[{'disk_id':'a','unit':1}]}",
                 NULL);
    CLEANUP_CHAOS_STATE struct chaos_state more =
        state_of("{'controllers':[{'alias':'ua-scsi1','index':1}],"
                 "'disks':[{'disk_id':'a','unit':2}]}",
                 NULL);
    CLEANUP_JSON json_t *kept = read_json("['ua-scsi1']");

    (void)state;
    assert_true(chaos_state_equal_but(&before, &seen, kept));
    assert_true(chaos_state_equal_but(&seen, &before, kept));
    assert_false(chaos_state_equal_but(&before, &seen, NULL));
    assert_false(chaos_state_equal_but(&before, &more, kept));
}

static void
passing_members_and_order_do_not_count(void **state)
{
    (void)state;
    expect_equal("{'state':'paused','age_ms':12,'disks':["
                 "{'disk_id':'a','unit':1},{'disk_id':'b','unit':2}]}",
                 NULL,
                 "{'disks':[{'disk_id':'b','unit':2},"
                 "{'disk_id':'a','unit':1}],'age_ms':99,'state':'paused'}",
                 NULL, "");
}

static void
differences_are_told(void **state)
{
    (void)state;
    expect_equal("{'state':'paused','gone':1}", NULL,
                 "{'state':'running','new':[1]}", NULL,
                 "lacks vm.gone=1\nhas vm.new[0]=1\n"
                 "lacks vm.state=\"paused\"\nhas vm.state=\"running\"");
    expect_equal("[1,2,3,4,5,6,7,8,9,10]", NULL, "[]", NULL,
                 "lacks vm[0]=1\nlacks vm[1]=2\nlacks vm[2]=3\n"
                 "lacks vm[3]=4\nlacks vm[4]=5\nlacks vm[5]=6\n"
                 "lacks vm[6]=7\nlacks vm[7]=8\nand 2 more");
}

static void
runtime_parts_of_xml_do_not_count(void **state)
{
    (void)state;
    expect_equal(
        "{}",
        "<domain id='1'><name>x</name><devices>"
        "<disk><source file='/a' index='1'/><backingStore/>"
        "<alias name='ua-1'/></disk>\n"
        "<controller type='usb'><alias name='usb'/></controller>"
        "<serial><source path='/dev/pts/1'/></serial>"
        "<console tty='/dev/pts/1'/></devices><seclabel/></domain>",
        "{}",
        "<domain id='7'><name>x</name>\n<devices>"
        "<console tty='/dev/pts/2'/>"
        "<serial><source path='/dev/pts/2'/></serial>"
        "<controller type='usb'/>"
        "<disk><source file='/a' index='9'/><alias name='ua-1'/></disk>"
        "</devices></domain>",
        "");
    expect_equal("{}",
                 "<domain><devices><disk><alias name='ua-1'/></disk>"
                 "</devices></domain>",
                 "{}", "<domain><devices><disk/></devices></domain>",
                 "has live <disk/>\n"
                 "lacks live <disk><alias name=\"ua-1\"/></disk>");
}

static void
bad_xml_is_an_error(void **state)
{
    CLEANUP_CHAOS_STATE struct chaos_state s = {0};
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(chaos_state_add_xml(&s, "live", "<domain>", &err), -1);
    assert_int_not_equal(err.kind, ERR_NONE);
}

/* --- verdicts ------------------------------------------------------------- */

struct told {
    bool died;
    const char *reply, *op, *wanted;
    size_t ends;
    bool is_before, is_after;
    enum chaos_verdict verdict;
    const char *why; /* part of it */
};

#define DONE "{'state':'done','receipt':{'changed':true,'device':'ua-1'}}"
#define WANTED "{'changed':true,'device':'ua-1','op_id':'x'}"
#define OP(state) "{'state':'" state "','receipt':{'rolled_back':true}}"

static const struct told stories[] = {
    {true, NULL, DONE, WANTED, 1, false, true, CHAOS_SAME, ""},
    {true, "{'state':'done'}", DONE, WANTED, 1, false, true, CHAOS_SAME, ""},
    {true, NULL, NULL, WANTED, 0, true, false, CHAOS_ROLLED_BACK, ""},
    {true, NULL, OP("failed"), WANTED, 1, true, false, CHAOS_ROLLED_BACK, ""},
    {true, NULL, OP("cancelled"), WANTED, 1, true, true, CHAOS_ROLLED_BACK, ""},
    {true, NULL, OP("failed"), NULL, 1, true, true, CHAOS_ROLLED_BACK, ""},
    {false, NULL, DONE, WANTED, 1, false, true, CHAOS_WRONG,
     "did not die there"},
    {true, NULL, DONE, WANTED, 1, true, false, CHAOS_WRONG,
     "done, but its effect"},
    {true, NULL, DONE, WANTED, 0, false, true, CHAOS_WRONG, "announced never"},
    {true, NULL, DONE, WANTED, 2, false, true, CHAOS_WRONG,
     "announced more than once"},
    {true, NULL, DONE, NULL, 1, false, true, CHAOS_WRONG,
     "an undisturbed one never is"},
    {true, NULL, DONE, "{'changed':true,'device':'ua-2'}", 1, false, true,
     CHAOS_WRONG, "the receipt says device: \"ua-1\""},
    {true, NULL, DONE, "{'changed':true,'device':'ua-1','size':5}", 1, false,
     true, CHAOS_WRONG, "the receipt says size: nothing"},
    {true, NULL, OP("failed"), WANTED, 1, false, true, CHAOS_WRONG,
     "failed, but the state is not that before"},
    {true, NULL, NULL, WANTED, 0, false, false, CHAOS_WRONG,
     "none, but the state is not that before"},
    {true, "{'state':'done'}", NULL, WANTED, 0, true, false, CHAOS_WRONG,
     "told \"done\", and the operation is none"},
    {true, "{'state':'done'}", OP("failed"), WANTED, 1, true, false,
     CHAOS_WRONG, "told \"done\", and the operation is failed"},
    {true, NULL, OP("running"), WANTED, 0, true, false, CHAOS_WRONG,
     "still running"},
    {true, NULL, OP("unknown"), WANTED, 0, false, true, CHAOS_WRONG,
     "still unknown"},
    {true, NULL,
     "{'state':'failed','receipt':{'rolled_back':false,'message':'no'}}",
     WANTED, 1, true, false, CHAOS_WRONG, "not everything was undone: no"},
};

static void
state_receipt_and_reply_tell_one_story(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(stories); i++) {
        const struct told *t = &stories[i];
        CLEANUP_JSON json_t *reply = t->reply ? read_json(t->reply) : NULL;
        CLEANUP_JSON json_t *op = t->op ? read_json(t->op) : NULL;
        CLEANUP_JSON json_t *wanted = t->wanted ? read_json(t->wanted) : NULL;
        CLEANUP_BUF struct buf why = BUF_INIT;
        struct chaos_facts facts = {.died = t->died,
                                    .reply = reply,
                                    .op = op,
                                    .wanted = wanted,
                                    .ends = t->ends,
                                    .is_before = t->is_before,
                                    .is_after = t->is_after};

        assert_int_equal(chaos_verdict_of(&facts, &why), t->verdict);
        if (!*t->why)
            assert_int_equal(why.len, 0);
        else if (!why.data || !strstr(why.data, t->why))
            fail_msg("row %zu: '%s' does not say '%s'", i, why.data, t->why);
    }
}

static void
a_guest_may_hold_a_device(void **state)
{
    CLEANUP_JSON json_t *op =
        read_json("{'state':'failed','receipt':{'rolled_back':true}}");
    CLEANUP_BUF struct buf why = BUF_INIT;
    struct chaos_facts facts = {
        .died = true, .op = op, .ends = 1, .is_kept = true};

    (void)state;
    assert_int_equal(chaos_verdict_of(&facts, &why), CHAOS_KEPT);
    facts.is_kept = false;
    assert_int_equal(chaos_verdict_of(&facts, &why), CHAOS_WRONG);
}

/* --- matrix --------------------------------------------------------------- */

static char *
printed(const struct chaos_matrix *matrix)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    chaos_matrix_print(matrix, to);
    fclose(to);
    return text;
}

static void
the_matrix_shows_the_worst_of_each_point(void **state)
{
    const struct chaos_point begun = {"attach_disk.call.inside", 1};
    const struct chaos_point midst = {"attach_disk.call.inside", 7};
    const struct chaos_point write = {"define.call.before", 1};
    CLEANUP(chaos_matrix_clear) struct chaos_matrix matrix;
    CLEANUP_JSON json_t *list = NULL;
    CLEANUP_FREE char *text = NULL;

    (void)state;
    chaos_matrix_init(&matrix);
    chaos_matrix_add(&matrix, "plug", &begun, CHAOS_SAME, NULL, NULL);
    chaos_matrix_add(&matrix, "plug", &midst, CHAOS_WRONG,
                     mem_dup("it lies\nbadly"), mem_dup("a line"));
    chaos_matrix_add(&matrix, "plug", &write, CHAOS_SAME, NULL, NULL);
    chaos_matrix_add(&matrix, "add", &write, CHAOS_ROLLED_BACK, NULL, NULL);
    text = printed(&matrix);
    assert_string_equal(text, "POINT                    plug\n"
                              "attach_disk.call.inside  WRONG\n\n"
                              "POINT               plug  add\n"
                              "define.call.before  same  rolled back\n\n"
                              "WRONG: plug, killed at "
                              "attach_disk.call.inside:7\n"
                              "    it lies\n    badly\n    | a line\n\n");
    assert_int_equal(chaos_matrix_count(&matrix, CHAOS_WRONG), 1);
    assert_int_equal(chaos_matrix_count(&matrix, CHAOS_SAME), 2);
    list = chaos_matrix_json(&matrix);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_get_text(json_array_get(list, 1), "verdict", ""),
                        "WRONG");
    assert_string_equal(json_get_text(json_array_get(list, 1), "point", ""),
                        "attach_disk.call.inside:7");
}

/* --- cases ---------------------------------------------------------------- */

static void
check_calls(const struct chaos_call *calls)
{
    for (; calls && calls->verb; calls++) {
        CLEANUP_JSON json_t *params = read_json(calls->params);

        assert_true(json_is_object(params));
    }
}

static void
every_case_can_be_read_and_named(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < chaos_case_nrows; i++) {
        const struct chaos_case *row = &chaos_case_rows[i];
        const struct chaos_call call[] = {row->call, {NULL, NULL}};
        CLEANUP_JSON json_t *found = chaos_setup_verbs(row->name, &err);

        check_calls(row->base);
        check_calls(call);
        check_calls(row->restore);
        assert_int_equal(json_array_size(found), 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(row->name, chaos_case_rows[k].name);
    }
}

static void
unknown_cases_are_refused(void **state)
{
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *some = chaos_setup_verbs("plug,unplug", &err);

    (void)state;
    assert_int_equal(json_array_size(some), 2);
    assert_null(chaos_setup_verbs("plug,plugh", &err));
    unit_err(&err, ERR_INVALID, "there is no \"plugh\"; there are");
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(a_plan_passes_its_own_points),
        cmocka_unit_test(a_step_that_comes_twice_is_numbered),
        cmocka_unit_test(a_call_is_cut_in_its_midst_too),
        cmocka_unit_test(names_of_points_are_split),
        cmocka_unit_test(what_is_kept_does_not_count),
        cmocka_unit_test(passing_members_and_order_do_not_count),
        cmocka_unit_test(differences_are_told),
        cmocka_unit_test(runtime_parts_of_xml_do_not_count),
        cmocka_unit_test(bad_xml_is_an_error),
        cmocka_unit_test(state_receipt_and_reply_tell_one_story),
        cmocka_unit_test(a_guest_may_hold_a_device),
        cmocka_unit_test(the_matrix_shows_the_worst_of_each_point),
        cmocka_unit_test(every_case_can_be_read_and_named),
        cmocka_unit_test(unknown_cases_are_refused),
    };

    json_init();
    xml_init();
    return CASES(cases);
}
