// SPDX-License-Identifier: Apache-2.0
/*
 * What must not come in as a property, as two tables: whole names and
 * beginnings of names. Names of the style of the engine's properties are in
 * lower case; those that shells and libraries read are mostly not.
 */
#include "hooks/environ.h"

#include <string.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

#define NAME_MAX_LEN 128
#define PATHS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const taken[] = {
    "PATH",
    "IFS",
    "ENV",
    "HOME",
    "SHELL",
    "USER",
    "LOGNAME",
    "PWD",
    "OLDPWD",
    "CDPATH",
    "FPATH",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "TERM",
    "TERMCAP",
    "TERMINFO",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESSOPEN",
    "LESSCLOSE",
    "LANG",
    "LANGUAGE",
    "LOCPATH",
    "NLSPATH",
    "TZ",
    "TZDIR",
    "TMPDIR",
    "TEMP",
    "TMP",
    "GLOBIGNORE",
    "SHELLOPTS",
    "OPTIND",
    "OPTERR",
    "OPTARG",
    "REPLY",
    "HOSTALIASES",
    "LOCALDOMAIN",
    "CLASSPATH",
    "PROMPT_COMMAND",
    "POSIXLY_CORRECT",
    "RESOLV_HOST_CONF",
    "RES_OPTIONS",
    "vmId",
    "flow_id",
    "op_id",
    "hook_point",
};

static const char *const prefixes[] = {
    "LD_",     "DYLD_",      "PYTHON",   "PERL",     "RUBY",    "NODE_",
    "JAVA_",   "_JAVA",      "JDK_",     "BASH",     "KSH",     "ZSH",
    "ZDOT",    "LC_",        "GLIBC_",   "GCONV",    "MALLOC_", "GETCONF_",
    "XDG_",    "GIT_",       "SSL_",     "OPENSSL_", "CURL_",   "LIBVIRT_",
    "QEMU_",   "SUDO_",      "BERTH_",   "_hook",    "LUA_",    "TCL",
    "GUESTFS", "LIBGUESTFS", "SYSTEMD_", "NOTIFY_",  "DBUS_",   "LISTEN_",
};

static int
refuse(const char *name, const char *why, struct err *err)
{
    return err_set(err, ERR_HOOK_UNSAFE,
                   "The custom property \"%.128s\" cannot be given to hook "
                   "scripts: %s; give it another name or take it away",
                   name, why);
}

static const char *
name_fault(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    if (!*name || (*name >= '0' && *name <= '9') ||
        name[strspn(name, letters)] || strlen(name) > NAME_MAX_LEN)
        return "a variable has letters, digits and _, does not begin with a "
               "digit, and is at most 128 long";
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        if (strcmp(name, taken[i]) == 0)
            return "that variable means something to shells, programs or "
                   "berthd";
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return "variables that begin like that steer the loader, "
                   "interpreters or libraries";
    return NULL;
}

int
environ_check(const struct environ_property *props, size_t n, struct err *err)
{
    if (n > ENVIRON_PROPERTIES_MAX)
        return err_set(err, ERR_HOOK_UNSAFE,
                       "The VM and the device have %zu custom properties; at "
                       "most %d are given to hook scripts",
                       n, ENVIRON_PROPERTIES_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *fault = name_fault(props[i].name);

        if (fault)
            return refuse(props[i].name, fault, err);
        if (strlen(props[i].value) > ENVIRON_VALUE_MAX)
            return refuse(props[i].name, "its value is over 32768 bytes long",
                          err);
    }
    return 0;
}

/* --- made ------------------------------------------------------------------
 */

struct list {
    char **items;
    size_t n;
};

static void
add(struct list *list, const char *name, const char *value)
{
    if (!value)
        return;
    list->items = mem_more(list->items, list->n, sizeof(*list->items));
    list->items[list->n++] = mem_printf("%s=%s", name, value);
}

static bool
again_later(const struct environ_property *props, size_t n, size_t i)
{
    for (size_t k = i + 1; k < n; k++)
        if (strcmp(props[k].name, props[i].name) == 0)
            return true;
    return false;
}

char **
environ_make(const struct environ_base *base,
             const struct environ_property *props, size_t n)
{
    struct list list = {NULL, 0};

    add(&list, "PATH", PATHS);
    add(&list, "LANG", "C.UTF-8");
    add(&list, "PYTHONPATH", base->python_path);
    /* Else a run as root leaves __pycache__ beside scripts and modules. */
    add(&list, "PYTHONDONTWRITEBYTECODE", "1");
    add(&list, base->payload_key, base->payload);
    add(&list, "_hook_launchflags", base->flags);
    add(&list, "vmId", base->vm);
    add(&list, "flow_id", base->flow_id);
    add(&list, "op_id", base->op_id);
    add(&list, "hook_point", base->point);
    for (size_t i = 0; i < n; i++)
        if (!again_later(props, n, i))
            add(&list, props[i].name, props[i].value);
    list.items = mem_more(list.items, list.n, sizeof(*list.items));
    return list.items;
}

void
environ_free(char **list)
{
    for (char **item = list; item && *item; item++)
        free(*item);
    free(list);
}
