// SPDX-License-Identifier: Apache-2.0
/*
 * Image files by their own first bytes. Every number of a header is a guest's
 * or a stranger's: it is bounded before it is used, and nothing that a header
 * names is opened. Making and growing is qemu-img's work.
 */
#include "agent/host/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/proc.h"

#define QEMU_IMG_MS 60000
#define MAX_OUTPUT 4096

/* qcow2 of QEMU's docs/interop/qcow2.txt, "Header": offsets in bytes, numbers
 * big-endian. */
enum qcow2 {
    QCOW2_VERSION = 4,
    QCOW2_BACKING_OFFSET = 8,
    QCOW2_BACKING_SIZE = 16,
    QCOW2_CLUSTER_BITS = 20,
    QCOW2_SIZE = 24,
    QCOW2_V2_LENGTH = 72,
    QCOW2_INCOMPATIBLE = 72,
    QCOW2_HEADER_LENGTH = 100,
    QCOW2_V3_LENGTH = 104,
    QCOW2_BACKING_MAX = 1023, /* the format's own limit */
};
#define QCOW2_EXTERNAL_DATA (UINT64_C(1) << 2)
#define QCOW2_EXT_END 0u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau

struct head {
    unsigned char bytes[4096];
    size_t len;
};

static uint64_t
number(const unsigned char *at, int bytes)
{
    uint64_t value = 0;

    while (bytes--)
        value = value << 8 | *at++;
    return value;
}

static uint32_t
u32(const struct head *head, size_t at)
{
    return (uint32_t)number(head->bytes + at, 4);
}

static uint64_t
u64(const struct head *head, size_t at)
{
    return number(head->bytes + at, 8);
}

static int
damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_SOURCE_BAD,
                   "The image's qcow2 header is damaged: %s", what);
}

static int
read_backing(int fd, const struct head *head, struct image_facts *out,
             struct err *err)
{
    uint64_t offset = u64(head, QCOW2_BACKING_OFFSET);
    uint32_t size = u32(head, QCOW2_BACKING_SIZE);
    uint32_t cluster_bits = u32(head, QCOW2_CLUSTER_BITS);

    if (offset == 0 || size == 0)
        return 0;
    /* "The name must not exceed 1023 bytes" and lies in the first cluster. */
    if (size > QCOW2_BACKING_MAX)
        return damaged(err, "the name of its backing file is overlong");
    if (offset + size > UINT64_C(1) << cluster_bits || offset + size < offset)
        return damaged(err, "its backing file's name lies outside the header");
    if (pread(fd, out->backing, size, (off_t)offset) != (ssize_t)size)
        return damaged(err, "it ends before its backing file's name");
    out->backing[size] = '\0';
    if (strlen(out->backing) != size)
        return damaged(err, "its backing file's name holds a NUL");
    return 0;
}

/* Extensions follow the header: type, length, data padded to 8 bytes. */
static int
read_extensions(const struct head *head, size_t at, struct image_facts *out,
                struct err *err)
{
    while (at + 8 <= head->len) {
        uint32_t type = u32(head, at);
        uint32_t len = u32(head, at + 4);

        at += 8;
        if (type == QCOW2_EXT_END)
            return 0;
        if (len > head->len - at)
            return 0; /* longer than what was read: none that matters */
        if (type == QCOW2_EXT_BACKING_FORMAT) {
            if (len >= sizeof(out->backing_format))
                return damaged(err, "its backing format's name is overlong");
            memcpy(out->backing_format, head->bytes + at, len);
            out->backing_format[len] = '\0';
        }
        at += (len + 7) & ~(size_t)7;
    }
    return 0;
}

static int
read_qcow2(int fd, const struct head *head, struct image_facts *out,
           struct err *err)
{
    size_t length = QCOW2_V2_LENGTH;
    uint32_t version, cluster_bits;

    if (head->len < QCOW2_V2_LENGTH)
        return damaged(err, "it is cut short");
    version = u32(head, QCOW2_VERSION);
    cluster_bits = u32(head, QCOW2_CLUSTER_BITS);
    if (version != 2 && version != 3)
        return damaged(err, "its version is neither 2 nor 3");
    if (cluster_bits < 9 || cluster_bits > 21)
        return damaged(err, "its cluster size is none");
    out->virtual_size = u64(head, QCOW2_SIZE);
    if (out->virtual_size > INT64_MAX)
        return damaged(err, "its virtual size is none");
    if (version == 3) {
        if (head->len < QCOW2_V3_LENGTH)
            return damaged(err, "it is cut short");
        length = u32(head, QCOW2_HEADER_LENGTH);
        if (length < QCOW2_V3_LENGTH || length > head->len)
            return damaged(err, "its length is none");
        out->external_data =
            (u64(head, QCOW2_INCOMPATIBLE) & QCOW2_EXTERNAL_DATA) != 0;
    }
    if (read_backing(fd, head, out, err) < 0)
        return -1;
    return read_extensions(head, length, out, err);
}

static int
read_size(int fd, const struct stat *st, struct image_facts *out,
          struct err *err)
{
    out->block = S_ISBLK(st->st_mode);
    if (!out->block && !S_ISREG(st->st_mode))
        return err_set(err, ERR_SOURCE_BAD,
                       "The source is neither a file nor a block device");
    out->dev = out->block ? 0 : (uint64_t)st->st_dev;
    out->inode = out->block ? (uint64_t)st->st_rdev : (uint64_t)st->st_ino;
    out->file_size = (uint64_t)st->st_size;
    if (out->block && ioctl(fd, BLKGETSIZE64, &out->file_size) < 0)
        return err_set(err, ERR_SOURCE_BAD,
                       "The size of the block device cannot be read: %s",
                       strerror(errno));
    return 0;
}

int
image_read(int fd, struct image_facts *out, struct err *err)
{
    struct head head = {0};
    struct stat st;
    ssize_t n;

    memset(out, 0, sizeof(*out));
    if (fstat(fd, &st) < 0)
        return err_set(err, ERR_SOURCE_BAD, "The source cannot be read: %s",
                       strerror(errno));
    if (read_size(fd, &st, out, err) < 0)
        return -1;
    n = pread(fd, head.bytes, sizeof(head.bytes), 0);
    if (n < 0)
        return err_set(err, ERR_SOURCE_BAD, "The source cannot be read: %s",
                       strerror(errno));
    head.len = (size_t)n;
    out->exists = true;
    if (head.len >= 4 && memcmp(head.bytes, "QFI\xfb", 4) == 0) {
        strcpy(out->format, "qcow2");
        return read_qcow2(fd, &head, out, err);
    }
    strcpy(out->format, "raw");
    out->virtual_size = out->file_size;
    return 0;
}

/* --- qemu-img ------------------------------------------------------------- */

static int
check_args(const char *path, const char *format, struct err *err)
{
    if (strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return err_param(err, ERR_INVALID, "format", format, "raw or qcow2");
    /* "proto:rest" is a protocol to qemu-img; no absolute path is. */
    if (path[0] != '/')
        return err_param(err, ERR_INVALID, "path", path, "an absolute path");
    return 0;
}

static void
result_cleanup(struct proc_result *result)
{
    proc_result_free(result);
}

static int
run(const char *const *argv, const char *path, struct err *err)
{
    CLEANUP(result_cleanup) struct proc_result result = {0};
    struct proc proc = {.argv = argv,
                        .timeout_ms = QEMU_IMG_MS,
                        .max_output = MAX_OUTPUT};

    if (proc_run(&proc, &result, err) < 0)
        return err_wrap(err, "qemu-img is needed for image files");
    if (result.timed_out)
        return err_set(err, ERR_TIMEOUT,
                       "qemu-img did not end within %d s for '%s'",
                       QEMU_IMG_MS / 1000, path);
    if (result.status == 0)
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "qemu-img failed for '%s' (status %d): %.*s", path,
                   result.status, (int)strcspn(result.errout, "\n"),
                   result.errout);
}

/* The file and its name outlive a power cut. */
static int
sync_path(const char *path, int flags)
{
    CLEANUP_FD int fd = open(path, flags | O_CLOEXEC);

    return fd < 0 ? -1 : fsync(fd);
}

static int
sync_image(const char *path, struct err *err)
{
    char dir[4096];
    char *slash;

    snprintf(dir, sizeof(dir), "%s", path);
    slash = strrchr(dir, '/');
    slash[slash == dir] = '\0'; /* keep "/" */
    if (sync_path(path, O_RDONLY) < 0 ||
        sync_path(dir, O_RDONLY | O_DIRECTORY) < 0)
        return err_set(err, ERR_INTERNAL, "Cannot write '%s' to disk: %s",
                       path, strerror(errno));
    return 0;
}

/* Reserve the name, so that nothing that appears meanwhile is overwritten. */
static int
reserve(const char *path, struct err *err)
{
    CLEANUP_FD int fd = open(
        path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

    if (fd < 0)
        return err_set(err, errno == EEXIST ? ERR_EXISTS : ERR_SOURCE_BAD,
                       "Cannot create '%s': %s", path, strerror(errno));
    fchmod(fd, 0644); /* whatever the umask */
    return 0;
}

int
image_create(const char *path, const char *format, uint64_t size,
             struct err *err)
{
    char bytes[24];
    const char *argv[] = {"qemu-img", "create", "-q", "-f",
                          format,     "--",     path, bytes,
                          NULL};

    if (check_args(path, format, err) < 0 || reserve(path, err) < 0)
        return -1;
    snprintf(bytes, sizeof(bytes), "%" PRIu64, size);
    if (run(argv, path, err) < 0 || sync_image(path, err) < 0) {
        unlink(path);
        return -1;
    }
    return 0;
}

static int
read_path(const char *path, struct image_facts *out, struct err *err)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, ERR_SOURCE_BAD, "Cannot open '%s': %s", path,
                       strerror(errno));
    return image_read(fd, out, err);
}

int
image_resize(const char *path, const char *format, uint64_t size,
             struct err *err)
{
    char bytes[24];
    const char *argv[] = {"qemu-img", "resize", "-q", "-f",
                          format,     "--",     path, bytes,
                          NULL};
    struct image_facts facts;

    if (check_args(path, format, err) < 0 || read_path(path, &facts, err) < 0)
        return -1;
    if (strcmp(format, "raw") == 0)
        facts.virtual_size = facts.file_size;
    else if (strcmp(facts.format, format) != 0)
        return err_set(err, ERR_SOURCE_BAD, "'%s' is not a %s image", path,
                       format);
    if (size < facts.virtual_size)
        return err_set(err, ERR_INVALID,
                       "size: %" PRIu64 " would shrink '%s', which has "
                       "%" PRIu64 " bytes; images only grow",
                       size, path, facts.virtual_size);
    snprintf(bytes, sizeof(bytes), "%" PRIu64, size);
    if (run(argv, path, err) < 0)
        return -1;
    return sync_image(path, err);
}
