// SPDX-License-Identifier: Apache-2.0
/*
 * Preloaded into berthd by tests: while the file $FAULT_SWITCH is there, what
 * would write below $FAULT_DIR fails with the errno whose number it holds.
 * Reads go on, as on a disk that has lost its way to write.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The errno to fail with; 0: none. */
static int
fault(int fd)
{
    const char *dir = getenv("FAULT_DIR");
    const char *file = getenv("FAULT_SWITCH");
    char link[64], path[4096];
    FILE *order;
    ssize_t n;
    int number = 0;

    if (!dir || !file || access(file, F_OK) != 0)
        return 0;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    if (strncmp(path, dir, strlen(dir)) != 0)
        return 0;
    order = fopen(file, "re");
    if (!order)
        return 0;
    if (fscanf(order, "%d", &number) != 1)
        number = EIO;
    fclose(order);
    return number;
}

/* Our function of that name stands before libc's. */
#define FAULTY(type, name, params, ...)                                        \
    type name params                                                           \
    {                                                                          \
        type(*next) params = (type(*) params)dlsym(RTLD_NEXT, #name);          \
        int number = fault(fd);                                                \
                                                                               \
        if (number) {                                                          \
            errno = number;                                                    \
            return -1;                                                         \
        }                                                                      \
        return next(__VA_ARGS__);                                              \
    }

/* clang-format off */
FAULTY(ssize_t, write, (int fd, const void *from, size_t size), fd, from, size)
FAULTY(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at),
       fd, from, size, at)
FAULTY(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t at),
       fd, from, size, at)
FAULTY(int, fsync, (int fd), fd)
FAULTY(int, fdatasync, (int fd), fd)
FAULTY(int, ftruncate, (int fd, off_t size), fd, size)
FAULTY(int, ftruncate64, (int fd, off64_t size), fd, size)
