// SPDX-License-Identifier: Apache-2.0
/*
 * Figures from /proc and /sys, and one experiment: a guest of one page and
 * one instruction, run in a child that may hang without harm. What cannot be
 * read is null or left out, never a guess.
 */
#include "agent/host/host.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/common/file.h"
#include "agent/common/mem.h"
#include "agent/common/proc.h"
#include "agent/host/account.h"

#define KVM_MS 2000
#define QEMU_MS 5000
#define MAX_PROC (1u << 20)
#define PAGE 4096u

/* --- whether KVM runs a guest --------------------------------------------- */

#ifdef __x86_64__
static int
new_vcpu(int vm)
{
    const struct kvm_userspace_memory_region region = {
        .guest_phys_addr = PAGE,
        .memory_size = PAGE,
        .userspace_addr = (uintptr_t)mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
    };

    if (region.userspace_addr == (uintptr_t)MAP_FAILED)
        return -1;
    *(unsigned char *)region.userspace_addr = 0xf4; /* HLT */
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return -1;
    return ioctl(vm, KVM_CREATE_VCPU, 0);
}

/* Real mode, code segment 0, at the page's first byte. */
static int
set_start(int vcpu)
{
    struct kvm_regs regs = {.rip = PAGE, .rflags = 2};
    struct kvm_sregs sregs;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        return -1;
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0)
        return -1;
    return ioctl(vcpu, KVM_SET_REGS, &regs);
}

/* In the child: system calls only. */
static bool
guest_halts(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    int vm = kvm < 0 ? -1 : ioctl(kvm, KVM_CREATE_VM, 0);
    int vcpu = vm < 0 ? -1 : new_vcpu(vm);
    int size = vcpu < 0 ? -1 : ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    const struct kvm_run *run;

    if (size < (int)sizeof(*run) || set_start(vcpu) < 0)
        return false;
    run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    return run != MAP_FAILED && ioctl(vcpu, KVM_RUN, 0) == 0 &&
           run->exit_reason == KVM_EXIT_HLT;
}
#else
static bool
guest_halts(void)
{
    return false; /* VMs of other architectures are emulated */
}
#endif

static bool
kvm_halts(void)
{
    int ends[2], status;
    char answer = 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    pid = fork();
    if (pid == 0) {
        answer = guest_halts();
        _exit(write(ends[1], &answer, 1) != 1);
    }
    close(ends[1]);
    if (pid > 0) {
        struct pollfd wait = {.fd = ends[0], .events = POLLIN};

        if (poll(&wait, 1, KVM_MS) != 1 || read(ends[0], &answer, 1) != 1)
            answer = 0;
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    close(ends[0]);
    return answer;
}

/* KVM that runs a HLT may still refuse what QEMU sets up for the CPU of our
 * VMs (nested hosts that hide an MSR): QEMU itself has the last word. */
static bool
qemu_starts(void)
{
    static const char *const argv[] = {
        "qemu-system-x86_64", "-accel", "kvm",  "-machine", "q35",
        "-cpu",               "host",   "-S",   "-display", "none",
        "-nodefaults",        "-qmp",   "stdio", NULL};
    static const char quit[] = "{\"execute\": \"qmp_capabilities\"}\n"
                               "{\"execute\": \"quit\"}\n";
    const struct proc proc = {.argv = argv, .input = quit,
                              .input_len = sizeof(quit) - 1,
                              .timeout_ms = QEMU_MS, .max_output = 4096};
    struct proc_result result;
    bool good;

    if (proc_run(&proc, &result, NULL) < 0)
        return false;
    good = result.status == 0 && !result.timed_out;
    proc_result_free(&result);
    return good;
}

/* Where libvirt runs as root its QEMU does not: what is open to us may be
 * closed to that user, and libvirt then waits a minute before it says so. */
static bool
open_to_qemu(void)
{
    struct account qemu;
    struct stat st;

    if (geteuid() != 0 || !account_qemu(&qemu))
        return true;
    return stat("/dev/kvm", &st) == 0 && account_may(&qemu, &st, R_OK | W_OK);
}

bool
host_kvm_works(void)
{
    return open_to_qemu() && kvm_halts() && qemu_starts();
}

/* --- figures -------------------------------------------------------------- */

/* "Name:   123 kB" of a file of such lines; -1 when it is not there. */
static long long
field(const char *text, const char *name)
{
    const char *at = text;
    long long value;

    for (; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, strlen(name)) == 0 &&
            at[strlen(name)] == ':' &&
            sscanf(at + strlen(name) + 1, "%lld", &value) == 1)
            return value;
    }
    return -1;
}

static void
put_kib(json_t *obj, const char *key, long long kib)
{
    if (kib >= 0)
        json_put_int(obj, key, kib * 1024);
    else
        json_put(obj, key, NULL);
}

static json_t *
hugepages(const char *meminfo)
{
    json_t *pages = json_object();

    json_put_int(pages, "total", field(meminfo, "HugePages_Total"));
    json_put_int(pages, "free", field(meminfo, "HugePages_Free"));
    put_kib(pages, "size", field(meminfo, "Hugepagesize"));
    return pages;
}

/* First line of a small file, or null. */
static void
put_line(json_t *obj, const char *key, const char *path)
{
    CLEANUP_FREE char *text = file_read(path, PAGE, NULL, NULL);

    if (text)
        text[strcspn(text, "\n")] = '\0';
    json_put_text(obj, key, text);
}

static void
put_cpu_model(json_t *obj)
{
    CLEANUP_FREE char *text = file_read("/proc/cpuinfo", MAX_PROC, NULL, NULL);
    const char *at = text ? strstr(text, "model name") : NULL;
    CLEANUP_FREE char *model = NULL;

    at = at ? strstr(at, ": ") : NULL;
    if (at)
        model = mem_ndup(at + 2, strcspn(at + 2, "\n"));
    json_put_text(obj, "cpu_model", model);
}

json_t *
host_facts(void)
{
    CLEANUP_FREE char *meminfo =
        file_read("/proc/meminfo", MAX_PROC, NULL, NULL);
    json_t *facts = json_object();
    struct utsname name = {0};

    uname(&name);
    json_put_text(facts, "hostname", name.nodename);
    json_put_text(facts, "kernel", name.release);
    json_put_text(facts, "arch", name.machine);
    json_put_int(facts, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    put_cpu_model(facts);
    put_kib(facts, "memory", meminfo ? field(meminfo, "MemTotal") : -1);
    json_put(facts, "hugepages", meminfo ? hugepages(meminfo) : NULL);
    put_line(facts, "uuid", "/sys/class/dmi/id/product_uuid");
    return facts;
}

/* proc(5), /proc/stat: the first line, in clock ticks. */
static json_t *
cpu_times(void)
{
    CLEANUP_FREE char *text = file_read("/proc/stat", MAX_PROC, NULL, NULL);
    long long user, nice, system, idle, wait;
    long long tick = sysconf(_SC_CLK_TCK);
    json_t *cpu;

    if (!text || tick <= 0 ||
        sscanf(text, "cpu %lld %lld %lld %lld %lld", &user, &nice, &system,
               &idle, &wait) != 5)
        return NULL;
    cpu = json_object();
    json_put_int(cpu, "user_ms", (user + nice) * 1000 / tick);
    json_put_int(cpu, "system_ms", system * 1000 / tick);
    json_put_int(cpu, "idle_ms", idle * 1000 / tick);
    json_put_int(cpu, "iowait_ms", wait * 1000 / tick);
    return cpu;
}

static json_t *
load_averages(void)
{
    json_t *load = json_array();
    double averages[3];
    int n = getloadavg(averages, 3);

    for (int i = 0; i < n; i++)
        json_array_append_new(load, json_real(averages[i]));
    return load;
}

static json_t *
memory_now(void)
{
    CLEANUP_FREE char *meminfo =
        file_read("/proc/meminfo", MAX_PROC, NULL, NULL);
    json_t *memory = json_object();

    put_kib(memory, "total", meminfo ? field(meminfo, "MemTotal") : -1);
    put_kib(memory, "available", meminfo ? field(meminfo, "MemAvailable") : -1);
    put_kib(memory, "swap_total", meminfo ? field(meminfo, "SwapTotal") : -1);
    put_kib(memory, "swap_free", meminfo ? field(meminfo, "SwapFree") : -1);
    return memory;
}

json_t *
host_stats(void)
{
    CLEANUP_FREE char *uptime = file_read("/proc/uptime", PAGE, NULL, NULL);
    json_t *stats = json_object();
    double seconds;

    json_put(stats, "cpu", cpu_times());
    json_put(stats, "load", load_averages());
    json_put(stats, "memory", memory_now());
    if (uptime && sscanf(uptime, "%lf", &seconds) == 1)
        json_put_int(stats, "uptime_ms", (json_int_t)(seconds * 1000));
    return stats;
}
