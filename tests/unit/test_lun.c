// SPDX-License-Identifier: Apache-2.0
/*
 * What holds a device: a /sys and a /proc of the test's own, one machine with
 * every case on it. And SG_IO on what takes none.
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/common/cleanup.h"
#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/host/lun.h"
#include "agent/host/lun_map.h"

static void
put(const char *root, const char *path, const char *text)
{
    CLEANUP_FREE char *full = mem_printf("%s%s", root, path);
    CLEANUP_FREE char *folder = mem_ndup(full, strlen(full));
    struct err err = ERR_INIT;

    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_mkdirs(folder, 0755, &err), 0);
    unit_write(full, text);
}

/* One block device: number, and its attributes "path=text", NULL-ended. */
static void
device(const char *root, const char *name, const char *dev, ...)
{
    CLEANUP_FREE char *path = mem_printf("/sys/class/block/%s/dev", name);
    CLEANUP_FREE char *folder = mem_printf("%s/sys/dev/block", root);
    CLEANUP_FREE char *link = mem_printf("%s/%s", folder, dev);
    CLEANUP_FREE char *target = mem_printf("../../class/block/%s", name);
    struct err err = ERR_INIT;
    const char *attribute;
    va_list list;

    put(root, path, dev);
    assert_int_equal(file_mkdirs(folder, 0755, &err), 0);
    assert_int_equal(symlink(target, link), 0);
    va_start(list, dev);
    while ((attribute = va_arg(list, const char *))) {
        size_t key = strcspn(attribute, "=");
        CLEANUP_FREE char *at =
            mem_printf("/sys/class/block/%s/%.*s", name, (int)key, attribute);

        put(root, at, attribute[key] ? attribute + key + 1 : "");
    }
    va_end(list);
}

static void
machine(const char *root)
{
    /* the host's own disk: sda1 is /boot, sda2 holds a volume group */
    device(root, "sda", "8:0", "sda1/partition=1", "sda2/partition=2", NULL);
    device(root, "sda1", "8:1", "partition=1", NULL);
    device(root, "sda2", "8:2", "partition=2", "holders/dm-0/x", NULL);
    device(root, "dm-0", "254:0", "dm/uuid=LVM-abc", "dm/name=vg-root", NULL);
    /* free; the guest has made a partition on it */
    device(root, "sdb", "8:16", "sdb1/partition=1", "device/state=running",
           NULL);
    device(root, "sdb1", "8:17", "partition=1", NULL);
    /* two paths of a map, one of them down */
    device(root, "sdc", "8:32", "holders/dm-1/x", "device/state=running", NULL);
    device(root, "sdd", "8:48", "holders/dm-1/x", "device/state=offline", NULL);
    device(root, "dm-1", "254:1", "dm/uuid=mpath-36001405a", "dm/name=mpatha",
           "slaves/sdc/x", "slaves/sdd/x", "holders/dm-2/x", NULL);
    device(root, "dm-2", "254:2", "dm/uuid=part1-mpath-36001405a",
           "dm/name=mpatha-part1", NULL);
    /* swap on the whole, mounted as a whole, encrypted, RAID, btrfs */
    device(root, "sde", "8:64", NULL);
    device(root, "sdf", "8:80", NULL);
    device(root, "sdg", "8:96", "holders/dm-3/x", NULL);
    device(root, "dm-3", "254:3", "dm/uuid=CRYPT-LUKS2-1", "dm/name=vault",
           NULL);
    device(root, "sdh", "8:112", "holders/md0/x", NULL);
    device(root, "md0", "9:0", "md/level=raid1", NULL);
    device(root, "sdi", "8:128", NULL);
    /* its partition is a logical volume's that is swap */
    device(root, "sdj", "8:144", "sdj3/partition=3", NULL);
    device(root, "sdj3", "8:147", "partition=3", "holders/dm-4/x", NULL);
    device(root, "dm-4", "254:4", "dm/uuid=LVM-def", "dm/name=vg-swap", NULL);
    /* a map whose partition is mounted */
    device(root, "dm-5", "254:5", "dm/uuid=mpath-3600b", "dm/name=mpathb",
           "holders/dm-6/x", NULL);
    device(root, "dm-6", "254:6", "dm/uuid=part1-mpath-3600b",
           "dm/name=mpathb-part1", NULL);
    device(root, "dm-7", "254:7", "dm/uuid=", "dm/name=thing", NULL);
    device(root, "loop0", "7:0", "loop/backing_file=/srv/a.img", NULL);
    /* two that hold each other: what no kernel has ends all the same */
    device(root, "sdx", "8:160", "holders/sdy/x", NULL);
    device(root, "sdy", "8:176", "holders/sdx/x", NULL);

    put(root, "/proc/1/mountinfo",
        "22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n"
        "23 22 8:1 / /boot rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "24 22 8:80 / /srv/a\\040b rw - xfs /dev/sdf rw\n"
        "25 22 254:6 / /data rw - xfs /dev/dm-6 rw\n"
        "26 22 0:30 /@ /pool/deep rw - btrfs /dev/sdi rw\n"
        "27 22 0:30 / /pool rw - btrfs /dev/sdi rw\n"
        "not a line\n");
    put(root, "/proc/swaps",
        "Filename\tType\tSize\tUsed\tPriority\n"
        "/dev/sde partition 1048572 0 -2\n"
        "/dev/dm-4 partition 1048572 0 -3\n");
}

static int
look(void **state, const char *path, unsigned major_number,
     unsigned minor_number, struct lun_facts *facts, struct err *err)
{
    *err = (struct err)ERR_INIT;
    return lun_free(*state, path, makedev(major_number, minor_number), facts,
                    err);
}

static void
refused(void **state)
{
    static const struct {
        unsigned major, minor;
        enum err_kind kind;
        const char *says;
    } all[] = {
        {8, 0, ERR_LUN_IN_USE, "its partition sda1 is mounted on /boot"},
        {8, 1, ERR_SOURCE_BAD, "is partition 1 of sda"},
        {8, 2, ERR_SOURCE_BAD, "is partition 2 of sda"},
        {254, 0, ERR_SOURCE_BAD, "is the logical volume vg-root"},
        {8, 32, ERR_LUN_IN_USE,
         "single path of the multipath map mpatha; use /dev/mapper/mpatha"},
        {254, 2, ERR_SOURCE_BAD, "is a partition of a multipath map"},
        {8, 64, ERR_LUN_IN_USE, "(sde) is swap space of the host"},
        {8, 80, ERR_LUN_IN_USE, "(sdf) is mounted on /srv/a b"},
        {8, 96, ERR_LUN_IN_USE, "held by the encrypted device vault"},
        {254, 3, ERR_SOURCE_BAD, "is the encrypted device vault"},
        {8, 112, ERR_LUN_IN_USE, "held by the RAID array md0"},
        {9, 0, ERR_SOURCE_BAD, "is the RAID array md0"},
        {8, 128, ERR_LUN_IN_USE, "mounted on /pool"},
        {8, 144, ERR_LUN_IN_USE,
         "its partition sdj3 is held by the logical volume vg-swap, which is "
         "swap space of the host"},
        {254, 5, ERR_LUN_IN_USE,
         "held by the device-mapper device mpathb-part1, which is mounted on "
         "/data"},
        {254, 7, ERR_SOURCE_BAD, "is the device-mapper device thing"},
        {7, 0, ERR_SOURCE_BAD, "is the loop device loop0 over \"/srv/a.img\""},
        {8, 160, ERR_LUN_IN_USE, "held by the device sdy"},
        {8, 240, ERR_SOURCE_BAD, "lists no block device 8:240"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct lun_facts facts;
        struct err err;

        if (look(state, "/dev/x", all[i].major, all[i].minor, &facts, &err) ==
            0)
            fail_msg("%u:%u is free", all[i].major, all[i].minor);
        unit_err(&err, all[i].kind, all[i].says);
    }
}

/* The root of the host is named as such: through a partition and a volume. */
static void
the_hosts_root(void **state)
{
    char root[256];
    struct lun_facts facts;
    struct err err = ERR_INIT;

    (void)state;
    unit_folder(root);
    device(root, "vda", "252:0", "vda1/partition=1", NULL);
    device(root, "vda1", "252:1", "partition=1", "holders/dm-0/x", NULL);
    device(root, "dm-0", "254:0", "dm/uuid=LVM-abc", "dm/name=vg-root", NULL);
    put(root, "/proc/self/mountinfo",
        "22 1 254:0 / / rw - ext4 /dev/mapper/vg-root rw\n");
    assert_int_equal(lun_free(root, "/dev/vda", makedev(252, 0), &facts, &err),
                     -1);
    unit_err(&err, ERR_LUN_IN_USE,
             "\"/dev/vda\" (vda) is in use: its partition vda1 is held by the "
             "logical volume vg-root, which is mounted as the host's root");
}

static void
taken(void **state)
{
    struct lun_facts facts;
    struct err err;

    /* a partition that nobody uses holds nothing */
    assert_int_equal(look(state, "/dev/sdb", 8, 16, &facts, &err), 0);
    assert_string_equal(facts.map, "");
    assert_int_equal(facts.paths, 0);
    /* the map is the normal case; its unused partition map holds nothing */
    assert_int_equal(look(state, "/dev/dm-1", 254, 1, &facts, &err), 0);
    assert_string_equal(facts.map, "mpatha");
    assert_int_equal(facts.paths, 2);
    assert_string_equal(facts.bad_paths, "sdd");
}

/* What multipathd has failed, beside what is offline by itself. */
static void
failed_paths(void **state)
{
    static const char status[] =
        "2 0 0 0 2 1 A 0 2 2 8:32 F 3 0 1 8:48 F 1 0 1 E 0 1 2 8:16 A 0 0 1 "
        "99:7 F 1";
    char names[64] = "sdd", small[8] = "";

    lun_map_failed(*state, status, names, sizeof(names));
    assert_string_equal(names, "sdd, sdc, 99:7");
    lun_map_failed(*state, status, small, sizeof(small));
    assert_true(strlen(small) < sizeof(small));
    lun_map_failed(*state, "F F F 8:32", names, sizeof(names));
    assert_string_equal(names, "sdd, sdc, 99:7");
}

static void
no_scsi_commands(void **state)
{
    CLEANUP_FREE char *path = mem_printf("%s/plain", (char *)*state);
    CLEANUP_FD int fd = -1;
    struct lun_facts facts;
    struct err err = ERR_INIT;

    unit_write(path, "no device");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lun_ask(*state, path, fd, &facts, &err), -1);
    unit_err(&err, ERR_SOURCE_BAD, "takes no SCSI commands");
}

static int
set_up(void **state)
{
    static char root[256];

    unit_folder(root);
    machine(root);
    *state = root;
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(the_hosts_root),
        cmocka_unit_test(taken),
        cmocka_unit_test(failed_paths),
        cmocka_unit_test(no_scsi_commands),
    };

    return cmocka_run_group_tests_name("lun", tests, set_up, NULL);
}
