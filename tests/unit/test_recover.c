// SPDX-License-Identifier: Apache-2.0
/*
 * Recovery as a model: for every plan, every tail of its journal and every
 * state the world can be in at that tail, the decision must lead to all of
 * the plan's effects or to none of them.
 */
#include "agent/common/mem.h"
#include "agent/common/xml.h"
#include "agent/plan/recover.h"
#include "tests/unit/unit.h"

#define ID "11111111-1111-4111-8111-111111111111"
#define VM "22222222-2222-4222-8222-222222222222"
#define NIC "ua-nic"
#define DIMM "ua-dimm"

/* --- a world in which each step's effect is there or not ------------------- */

static struct disk *
the_disk(void)
{
    static const char text[] =
        "{\"disk_id\": \"" ID "\", \"source\": {\"type\": \"file\","
        " \"path\": \"/images/a.raw\", \"format\": \"raw\"},"
        " \"iotune\": {\"total_iops_sec\": 7}, \"address\": {\"type\":"
        " \"drive\", \"controller\": 0, \"bus\": 0, \"target\": 0, \"unit\":"
        " 0}}";
    struct err err = ERR_INIT;
    CLEANUP_JSON json_t *obj = json_parse(text, sizeof(text) - 1, NULL, &err);
    struct disk *disk = disk_from_json(obj, "", &err);

    if (!disk)
        fail_msg("%s", err.message);
    disk->target = mem_dup("sda");
    return disk;
}

static struct controller
the_controller(void)
{
    struct controller c;

    controller_init(&c, "scsi", "virtio-scsi", 0);
    c.address.type = ADDRESS_PCI;
    c.address.pci.bus = 1;
    return c;
}

struct world {
    bool present, active, paused, autostart;
    bool live_disk, config_disk, controller, iothread, tuned, image;
    bool nic, dimm, other; /* other: what no view shows */
    uint64_t memory;
    unsigned vcpus;
};

static void
add_device(xmlNodePtr devices, const char *element, const char *alias)
{
    xmlNodePtr node = xml_add(devices, element, NULL);

    xml_set(xml_add(node, "alias", NULL), "name", alias);
}

static struct domain *
view(const struct world *world, bool disk_there)
{
    CLEANUP_XML xmlDocPtr doc = xml_new("domain");
    CLEANUP_DISK struct disk *disk = the_disk();
    struct controller controller = the_controller();
    xmlNodePtr root = xml_root(doc), devices, memory, vcpu;
    CLEANUP_TEXT char *text = NULL;
    char number[32];
    struct err err = ERR_INIT;
    struct domain *domain;

    xml_set(root, "type", "qemu");
    xml_add(root, "name", "vm1");
    xml_add(root, "uuid", VM);
    snprintf(number, sizeof(number), "%llu",
             (unsigned long long)world->memory / 1024);
    memory = xml_add(root, "memory", number);
    xml_set(memory, "unit", "KiB");
    snprintf(number, sizeof(number), "%u", world->vcpus);
    vcpu = xml_add(root, "vcpu", number);
    (void)vcpu;
    devices = xml_add(root, "devices", NULL);
    if (world->iothread)
        xml_add(root, "iothreads", "2");
    if (world->controller)
        controller_to_xml(&controller, devices);
    if (!world->tuned)
        memset(&disk->iotune, 0, sizeof(disk->iotune));
    if (disk_there)
        disk_to_xml(disk, devices);
    if (world->nic)
        add_device(devices, "interface", NIC);
    if (world->dimm)
        add_device(devices, "memory", DIMM);
    text = xml_text(root);
    domain = domain_parse(text, &err);
    if (!domain)
        fail_msg("%s", err.message);
    return domain;
}

static struct vm_info
look(const struct world *world)
{
    struct vm_info info = {.present = world->present,
                           .active = world->active,
                           .persistent = true,
                           .autostart = world->autostart,
                           .recorded = true};

    snprintf(info.state, sizeof(info.state), "%s",
             !world->active  ? "shut_off"
             : world->paused ? "paused"
                             : "running");
    if (world->active)
        info.live = view(world, world->live_disk);
    if (world->present)
        info.config = view(world, world->config_disk);
    return info;
}

/* --- steps and their effects ----------------------------------------------- */

static void
set_disk_live(struct world *world, bool there)
{
    world->live_disk = there;
}

/* Of the steps for an engine's VMs. */
static void
set_live_effect(struct world *world, const struct step *step, bool there)
{
    switch (step->kind) {
    case STEP_START_TRANSIENT:
        world->present = world->active = there;
        break;
    case STEP_ATTACH_NIC:
        world->nic = there;
        break;
    case STEP_DETACH_NIC:
        world->nic = !there;
        break;
    case STEP_ATTACH_MEMORY:
        world->dimm = there;
        break;
    case STEP_DETACH_MEMORY:
        world->dimm = !there;
        break;
    case STEP_LIVE_VCPUS:
        world->vcpus = (unsigned)(there ? step->number : step->was);
        break;
    case STEP_UPDATE_NIC:
    case STEP_SET_METADATA:
    case STEP_MIRROR:
    case STEP_FREEZE:
    case STEP_THAW:
        world->other = there;
        break;
    default:
        fail_msg("no effect known for %s", plan_step_name(step->kind));
    }
}

static void
set_effect(struct world *world, const struct step *step, bool there)
{
    switch (step->kind) {
    case STEP_CREATE_IMAGE:
        world->image = there;
        break;
    case STEP_DELETE_IMAGE:
        world->image = !there;
        break;
    case STEP_ADD_IOTHREAD:
        world->iothread = there;
        break;
    case STEP_ATTACH_CONTROLLER:
        world->controller = there;
        break;
    case STEP_ATTACH_DISK:
        set_disk_live(world, there);
        break;
    case STEP_DETACH_DISK:
        set_disk_live(world, !there);
        break;
    case STEP_TUNE_DISK:
        world->tuned = there;
        break;
    case STEP_DEFINE:
        world->config_disk = (step->edits[0].kind == EDIT_ADD_DISK) == there;
        break;
    case STEP_DEFINE_NEW:
        world->present = there;
        break;
    case STEP_UNDEFINE:
        world->present = !there;
        break;
    case STEP_MEMORY:
        world->memory = there ? step->number : step->was;
        break;
    case STEP_VCPUS:
        world->vcpus = (unsigned)(there ? step->number : step->was);
        break;
    case STEP_AUTOSTART:
        world->autostart = there == step->flag;
        break;
    case STEP_START:
        world->active = there;
        break;
    case STEP_DESTROY:
        world->active = !there;
        break;
    case STEP_SUSPEND:
        world->paused = there;
        break;
    case STEP_RESUME:
        world->paused = !there;
        break;
    default:
        set_live_effect(world, step, there);
    }
}

static bool
is_of_device(enum step_kind kind)
{
    return kind == STEP_ATTACH_NIC || kind == STEP_DETACH_NIC ||
           kind == STEP_UPDATE_NIC || kind == STEP_ATTACH_MEMORY ||
           kind == STEP_DETACH_MEMORY || kind == STEP_SET_METADATA;
}

static void
add_step(struct plan *plan, enum step_kind kind)
{
    struct step *step = plan_add(plan, kind);
    CLEANUP_DISK struct disk *disk = the_disk();
    bool removing = plan->steps[0].kind == STEP_DETACH_DISK ||
                    kind == STEP_DELETE_IMAGE;

    step->disk = disk_copy(disk);
    step->controller = the_controller();
    step->number = 64 << 20;
    step->was = 32 << 20;
    step->flag = true;
    if (kind == STEP_ADD_IOTHREAD)
        step->number = 2;
    if (kind == STEP_VCPUS || kind == STEP_LIVE_VCPUS) {
        step->number = 4;
        step->was = 2;
    }
    if (is_of_device(kind)) {
        disk_free(STEAL(step->disk));
        step->alias = mem_dup(kind == STEP_ATTACH_MEMORY ||
                                      kind == STEP_DETACH_MEMORY
                                  ? DIMM
                                  : NIC);
        step->text = mem_dup("<now/>");
        step->text_was = mem_dup("<before/>");
    }
    if (kind == STEP_DEFINE)
        plan_edit_disk(step, removing ? EDIT_REMOVE_DISK : EDIT_ADD_DISK,
                       disk);
}

#define KINDS(...)                                                             \
    {                                                                          \
        __VA_ARGS__, STEP_KINDS                                                \
    }
static const struct scenario {
    const char *name;
    enum step_kind kinds[6];
    struct world before;
} scenarios[] = {
    {"add, running, no controller",
     KINDS(STEP_CREATE_IMAGE, STEP_ATTACH_CONTROLLER, STEP_ATTACH_DISK,
           STEP_DEFINE),
     {.present = true, .active = true, .tuned = true}},
    {"add, running, no controller and no thread for it",
     KINDS(STEP_ADD_IOTHREAD, STEP_ATTACH_CONTROLLER, STEP_ATTACH_DISK,
           STEP_DEFINE),
     {.present = true, .active = true, .tuned = true}},
    {"add, shut off", KINDS(STEP_CREATE_IMAGE, STEP_DEFINE),
     {.present = true, .tuned = true}},
    {"plug", KINDS(STEP_ATTACH_DISK, STEP_DEFINE),
     {.present = true, .active = true, .tuned = true}},
    {"unplug", KINDS(STEP_DETACH_DISK, STEP_DEFINE),
     {.present = true, .active = true, .live_disk = true,
      .config_disk = true, .tuned = true}},
    {"tune", KINDS(STEP_TUNE_DISK),
     {.present = true, .active = true, .live_disk = true}},
    {"create", KINDS(STEP_CREATE_IMAGE, STEP_DEFINE_NEW, STEP_AUTOSTART),
     {.present = false, .tuned = true}},
    {"delete", KINDS(STEP_UNDEFINE), {.present = true}},
    {"update", KINDS(STEP_MEMORY, STEP_VCPUS, STEP_AUTOSTART),
     {.present = true, .memory = 32 << 20, .vcpus = 2}},
    {"start", KINDS(STEP_START), {.present = true}},
    {"destroy", KINDS(STEP_DESTROY), {.present = true, .active = true}},
    {"suspend", KINDS(STEP_SUSPEND), {.present = true, .active = true}},
    {"resume", KINDS(STEP_RESUME),
     {.present = true, .active = true, .paused = true}},
    {"an engine's VM", KINDS(STEP_START_TRANSIENT), {.present = false}},
    {"an engine's disk, plugged",
     KINDS(STEP_ATTACH_CONTROLLER, STEP_ATTACH_DISK, STEP_SET_METADATA),
     {.present = true, .active = true, .tuned = true}},
    {"an engine's disk, unplugged", KINDS(STEP_DETACH_DISK, STEP_SET_METADATA),
     {.present = true, .active = true, .live_disk = true, .tuned = true}},
    {"an engine's limits", KINDS(STEP_TUNE_DISK, STEP_SET_METADATA),
     {.present = true, .active = true, .live_disk = true}},
    {"NIC plugged", KINDS(STEP_ATTACH_NIC, STEP_SET_METADATA),
     {.present = true, .active = true}},
    {"NIC unplugged", KINDS(STEP_DETACH_NIC, STEP_SET_METADATA),
     {.present = true, .active = true, .nic = true}},
    {"NIC changed", KINDS(STEP_UPDATE_NIC, STEP_SET_METADATA),
     {.present = true, .active = true, .nic = true}},
    {"memory plugged", KINDS(STEP_ATTACH_MEMORY, STEP_SET_METADATA),
     {.present = true, .active = true}},
    {"memory unplugged", KINDS(STEP_DETACH_MEMORY, STEP_SET_METADATA),
     {.present = true, .active = true, .dimm = true}},
    {"vCPUs in use", KINDS(STEP_LIVE_VCPUS),
     {.present = true, .active = true, .vcpus = 2}},
    {"frozen", KINDS(STEP_FREEZE), {.present = true, .active = true}},
    {"thawed", KINDS(STEP_THAW), {.present = true, .active = true}},
};

/* What the decision leads to: all effects (1), none (0). */
static int
carry_out(const struct scenario *scenario, const struct plan *plan,
          const struct recover_facts *facts, bool took_effect)
{
    struct recover_action action = recover_decide(facts);
    size_t effects = facts->done + (facts->begun && took_effect);

    assert_int_not_equal(action.what, RECOVER_WAIT);
    if (action.what == RECOVER_FINISH) {
        if (action.from > effects && action.from < plan->nsteps)
            fail_msg("%s: goes on at %zu, but only %zu are there",
                     scenario->name, action.from, effects);
        if (action.holds && action.from >= effects)
            fail_msg("%s: believes that step %zu holds", scenario->name,
                     action.from);
        return 1;
    }
    if (action.from < effects)
        fail_msg("%s: undoes %zu steps of %zu that took effect",
                 scenario->name, action.from, effects);
    assert_true(action.why[0]);
    return 0;
}

static void
try_tail(const struct scenario *scenario, const struct plan *plan, size_t done,
         bool begun, bool took_effect, bool expired)
{
    struct world world = scenario->before;
    CLEANUP_VM_INFO struct vm_info info = {.present = false};
    struct recover_facts facts = {.plan = plan, .done = done, .begun = begun,
                                  .expired = expired, .vm = &info};

    if (!world.memory)
        world.memory = 32 << 20;
    if (!world.vcpus)
        world.vcpus = 2;
    for (size_t i = 0; i < plan->nsteps; i++)
        set_effect(&world, &plan->steps[i],
                   i < done || (i == done && took_effect));
    info = look(&world);
    carry_out(scenario, plan, &facts, took_effect);
}

static void
test_every_tail_of_every_plan(void **state)
{
    (void)state;
    for (size_t s = 0; s < sizeof(scenarios) / sizeof(*scenarios); s++) {
        const struct scenario *scenario = &scenarios[s];
        CLEANUP_PLAN struct plan plan;

        plan_init(&plan);
        for (size_t i = 0; scenario->kinds[i] != STEP_KINDS; i++)
            add_step(&plan, scenario->kinds[i]);
        for (size_t done = 0; done <= plan.nsteps; done++)
            for (int bits = 0; bits < 8; bits++) {
                bool begun = bits & 1, took = (bits & 2) && begun;

                if (done == plan.nsteps && begun)
                    continue;
                try_tail(scenario, &plan, done, begun, took, bits & 4);
            }
    }
}

static void
test_pending_waits_while_the_disk_is_there(void **state)
{
    struct world world = {.present = true, .active = true, .live_disk = true,
                          .config_disk = true, .tuned = true};
    CLEANUP_VM_INFO struct vm_info info = look(&world);
    CLEANUP_PLAN struct plan plan;
    struct recover_facts facts = {.plan = &plan, .pending = true,
                                  .vm = &info};
    struct recover_action action;

    (void)state;
    plan_init(&plan);
    add_step(&plan, STEP_DETACH_DISK);
    add_step(&plan, STEP_DEFINE);
    assert_int_equal(recover_decide(&facts).what, RECOVER_WAIT);
    world.live_disk = false;
    vm_info_clear(&info);
    info = look(&world);
    action = recover_decide(&facts);
    assert_int_equal(action.what, RECOVER_FINISH);
    assert_true(action.holds);
    /* The VM stopped: its process had the disk. */
    world.live_disk = true;
    world.active = false;
    vm_info_clear(&info);
    info = look(&world);
    assert_int_equal(recover_decide(&facts).what, RECOVER_FINISH);
}

/* The guest of an engine's VM never answered, and the VM with all that it had
 * is gone: what it was asked for has come true. */
static void
test_pending_ends_with_a_transient_vm(void **state)
{
    static const enum step_kind kinds[] = {STEP_DETACH_DISK, STEP_DETACH_NIC,
                                           STEP_DETACH_MEMORY};

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct world world = {.present = true, .active = true,
                              .live_disk = true, .nic = true, .dimm = true};
        CLEANUP_VM_INFO struct vm_info info = look(&world);
        CLEANUP_PLAN struct plan plan;
        struct recover_facts facts = {.plan = &plan, .pending = true,
                                      .vm = &info};
        struct recover_action action;

        plan_init(&plan);
        add_step(&plan, kinds[i]);
        add_step(&plan, STEP_SET_METADATA);
        assert_int_equal(recover_decide(&facts).what, RECOVER_WAIT);
        world.present = world.active = false;
        vm_info_clear(&info);
        info = look(&world);
        action = recover_decide(&facts);
        assert_int_equal(action.what, RECOVER_FINISH);
        assert_int_equal(action.from, 0);
        assert_true(action.holds);
    }
}

static void
test_a_rollback_is_gone_on_with(void **state)
{
    struct world world = {.present = true, .active = true, .tuned = true,
                          .live_disk = true};
    CLEANUP_VM_INFO struct vm_info info = look(&world);
    CLEANUP_PLAN struct plan plan;
    struct recover_facts facts = {.plan = &plan, .undoing = true, .held = 1,
                                  .vm = &info};
    struct recover_action action;

    (void)state;
    plan_init(&plan);
    add_step(&plan, STEP_ATTACH_DISK);
    add_step(&plan, STEP_DEFINE);
    action = recover_decide(&facts);
    assert_int_equal(action.what, RECOVER_ROLL_BACK);
    assert_int_equal(action.from, 1);
    /* It waits for the guest, and for nothing else. */
    plan.steps[0].undo = UNDO_PENDING;
    facts.waiting = true;
    assert_int_equal(recover_decide(&facts).what, RECOVER_WAIT);
    vm_info_clear(&info);
    world.live_disk = false;
    info = look(&world);
    assert_int_equal(recover_decide(&facts).what, RECOVER_ROLL_BACK);
    vm_info_clear(&info);
    world = (struct world){.present = true, .config_disk = true};
    info = look(&world);
    assert_int_equal(recover_decide(&facts).what, RECOVER_ROLL_BACK);
}

static void
test_nothing_is_begun_that_takes_hold(void **state)
{
    static const enum step_kind kinds[] = {STEP_ATTACH_DISK, STEP_START,
                                           STEP_DESTROY, STEP_REBOOT,
                                           STEP_DEFINE_NEW,
                                           STEP_START_TRANSIENT,
                                           STEP_ATTACH_NIC,
                                           STEP_ATTACH_MEMORY,
                                           STEP_LIVE_VCPUS,
                                           STEP_SET_TICKET,
                                           STEP_FREEZE};
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        bool starts = kinds[i] == STEP_START_TRANSIENT;
        struct world world = {.present = kinds[i] != STEP_DEFINE_NEW && !starts,
                              .active = kinds[i] != STEP_START && !starts};
        CLEANUP_VM_INFO struct vm_info info = look(&world);
        CLEANUP_PLAN struct plan plan;
        struct recover_facts facts = {.plan = &plan, .begun = true,
                                      .vm = &info};

        plan_init(&plan);
        add_step(&plan, kinds[i]);
        assert_int_equal(recover_decide(&facts).what, RECOVER_ROLL_BACK);
    }
}

int
main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(test_every_tail_of_every_plan),
        cmocka_unit_test(test_pending_waits_while_the_disk_is_there),
        cmocka_unit_test(test_pending_ends_with_a_transient_vm),
        cmocka_unit_test(test_a_rollback_is_gone_on_with),
        cmocka_unit_test(test_nothing_is_begun_that_takes_hold),
    };

    json_init();
    xml_init();
    return CASES(cases);
}
