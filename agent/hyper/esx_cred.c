// SPDX-License-Identifier: Apache-2.0
/*
 * Credentials from a file: its owner and mode are looked at on the open
 * descriptor, so that nobody can exchange it in between.
 */
#include "agent/hyper/esx_cred.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/common/cleanup.h"
#include "agent/common/mem.h"

#define MAX_FILE 4096

void
esx_cred_wipe(struct esx_cred *cred)
{
    explicit_bzero(cred, sizeof(*cred));
}

static int
open_file(const char *path, struct err *err)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    CLEANUP_FREE char *full = NULL;
    CLEANUP_FD int fd = -1;
    struct stat st;
    int opened;

    if (*path != '/' && !folder)
        return err_set(err, ERR_NOT_FOUND,
                       "credentials \"%s\" is no absolute path, and the "
                       "service manager hands over no credentials "
                       "(LoadCredential=); give a path",
                       path);
    full = *path == '/' ? mem_dup(path) : mem_printf("%s/%s", folder, path);
    fd = open(full, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(err, ERR_NOT_FOUND,
                       "credentials \"%s\" cannot be read: %s", full,
                       strerror(errno));
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) ||
        (st.st_uid != 0 && st.st_uid != geteuid()))
        return err_set(err, ERR_DENIED,
                       "credentials \"%s\" must be a regular file of root or "
                       "of the agent that nobody else may read: chmod 0600, "
                       "and chown it",
                       full);
    opened = fd;
    fd = -1;
    return opened;
}

/* Line "key=value" into to; false when it does not fit. */
static bool
take(const char *line, size_t len, const char *key, char *to, size_t size)
{
    size_t n = strlen(key);

    if (len <= n || strncmp(line, key, n) != 0 || line[n] != '=')
        return true;
    if (len - n - 1 >= size)
        return false;
    memcpy(to, line + n + 1, len - n - 1);
    to[len - n - 1] = '\0';
    return true;
}

static bool
parse(const char *text, struct esx_cred *cred)
{
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
        size_t len = strcspn(text, "\r\n");

        if (!take(text, len, "user", cred->user, sizeof(cred->user)) ||
            !take(text, len, "password", cred->password,
                  sizeof(cred->password)))
            return false;
    }
    return cred->password[0] != '\0';
}

int
esx_cred_read(const char *path, const char *user, struct esx_cred *cred,
              struct err *err)
{
    char text[MAX_FILE + 1];
    CLEANUP_FD int fd = open_file(path, err);
    ssize_t len;
    bool ok;

    memset(cred, 0, sizeof(*cred));
    if (fd < 0)
        return -1;
    len = read(fd, text, MAX_FILE);
    text[len > 0 ? len : 0] = '\0';
    ok = len > 0 && strlen(text) == (size_t)len && parse(text, cred);
    explicit_bzero(text, sizeof(text));
    if (ok && user)
        ok = snprintf(cred->user, sizeof(cred->user), "%s", user) <
             (int)sizeof(cred->user);
    if (ok && cred->user[0])
        return 0;
    esx_cred_wipe(cred);
    return err_set(err, ERR_INVALID,
                   "credentials \"%s\" must hold the lines user=NAME (unless "
                   "the URI names the user) and password=TEXT",
                   path);
}
