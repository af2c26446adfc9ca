// SPDX-License-Identifier: Apache-2.0
/* The three folders, as a table: name, root's, and the user's own. */
#include "conf/folders.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

struct folder {
    const char *name;
    const char *system;
    const char *variable; /* XDG base directory specification */
    const char *fallback; /* below the home directory */
};

static const struct folder folders[] = {
    {"$STATE", "/var/lib/berth", "XDG_STATE_HOME", ".local/state"},
    {"$RUN", "/run/berth", "XDG_RUNTIME_DIR", ".cache"},
    {"$CONF", "/etc/berth", "XDG_CONFIG_HOME", ".config"},
};

static const char *
home(void)
{
    const char *set = getenv("HOME");
    const struct passwd *user = set ? NULL : getpwuid(getuid());

    return set ? set : user ? user->pw_dir : "/";
}

/* Folder of this user; returns owned. */
static char *
own(const struct folder *folder)
{
    const char *set = getenv(folder->variable);

    /* The specification: a relative path is to be ignored. */
    if (set && set[0] == '/')
        return mem_printf("%s/berth", set);
    return mem_printf("%s/%s/berth", home(), folder->fallback);
}

char *
folders_expand(const char *text, enum folders_who who)
{
    bool system = who == FOLDERS_SYSTEM || geteuid() == 0;

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        size_t len = strlen(folders[i].name);
        CLEANUP_FREE char *path = NULL;

        if (strncmp(text, folders[i].name, len) != 0)
            continue;
        path = system ? mem_dup(folders[i].system) : own(&folders[i]);
        return mem_printf("%s%s", path, text + len);
    }
    return mem_dup(text);
}
