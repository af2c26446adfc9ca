// SPDX-License-Identifier: Apache-2.0
/*
 * Who can reach berthd: the files of [tls] as they are now (OpenSSL is asked
 * by whoever gave exam.tls_examine), and the place of the unix socket.
 */
#include "agent/verbs/exam_tls.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/common/mem.h"

#define DAYS_MIN 30

static bool
has_tls(struct exam *exam)
{
    if (conf_text(exam->conf, CONF_LISTEN_TLS)[0])
        return true;
    exam_ok(exam, "Not used: listen.tls is empty");
    return false;
}

/* The files are good, but this berthd found them bad and was not told. */
static bool
was_damaged(const struct exam *exam)
{
    CLEANUP_JSON json_t *info =
        exam->env && exam->env->tls_info ? exam->env->tls_info(exam->env->ctx)
                                         : NULL;

    return json_object_get(info, "error") != NULL;
}

void
exam_tls_certificate(struct exam *exam)
{
    CLEANUP_JSON json_t *found = NULL;
    const char *error, *chain, *subject, *ends;
    json_int_t days;

    if (!has_tls(exam))
        return;
    found = exam->tls_examine(exam->conf);
    error = json_get_text(found, "error", NULL);
    chain = json_get_text(found, "chain", NULL);
    subject = json_get_text(found, "subject", "?");
    ends = json_get_text(found, "not_after", "?");
    days = json_get_int(found, "days_left", 0);
    if (error)
        exam_find(exam, EXAM_ERROR, NULL, "%s", error);
    else if (days < 0)
        exam_find(exam, EXAM_ERROR, "Renew it and send SIGHUP",
                  "The certificate of %s ended at %s", subject, ends);
    else if (chain)
        exam_find(exam, EXAM_WARNING,
                  "Give a certificate that comes from tls.ca, with its chain, "
                  "unless your clients trust another CA on purpose",
                  "A client that trusts tls.ca does not trust this host: %s",
                  chain);
    else if (was_damaged(exam))
        exam_find(exam, EXAM_WARNING, "Send SIGHUP (berthctl host reload)",
                  "The certificates are good now, but were not when they were "
                  "read: there is no TLS listener");
    else if (days < DAYS_MIN)
        exam_find(exam, EXAM_WARNING, "Renew it and send SIGHUP",
                  "The certificate of %s ends at %s, in %lld days", subject,
                  ends, (long long)days);
    else
        exam_ok(exam, "%lld days are left, until %s", (long long)days, ends);
}

void
exam_tls_key(struct exam *exam)
{
    const char *path = conf_text(exam->conf, CONF_TLS_KEY);
    struct stat st;

    if (!has_tls(exam))
        return;
    if (stat(path, &st) < 0)
        exam_find(exam, EXAM_ERROR, "Put the key there, or set [tls] key",
                  "%s: %s", path, strerror(errno));
    else if (st.st_mode & 07)
        exam_find(exam, EXAM_ERROR, NULL,
                  "Everybody on this host can use the private key %s: its "
                  "mode is %04o",
                  path, st.st_mode & 07777);
    else if (st.st_mode & 070)
        exam_find(exam, EXAM_WARNING, NULL,
                  "The private key %s is open to its group: its mode is %04o",
                  path, st.st_mode & 07777);
    else
        exam_ok(exam, "%s is its owner's alone", path);
}

void
exam_tls_roles(struct exam *exam)
{
    if (!has_tls(exam))
        return;
    if (access_serves_tls(exam->rules))
        exam_ok(exam, "%zu peers have rules", exam->rules->npeers);
    else
        exam_find(exam, EXAM_WARNING, NULL,
                  "No certificate has a role: over TLS nothing but Ping is "
                  "answered");
}

/* --- the unix socket ------------------------------------------------------- */

static void
judge_path(struct exam *exam, const char *path)
{
    CLEANUP_FREE char *dir = mem_dup(path);
    char *slash = strrchr(dir, '/');
    struct stat st;

    if (slash && slash != dir)
        *slash = '\0';
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        exam_find(exam, EXAM_ERROR,
                  "Move it away, or give listen.socket another path",
                  "%s is no socket", path);
    else if (lstat(path, &st) < 0 && exam->env)
        exam_find(exam, EXAM_ERROR, "Restart berthd",
                  "The socket %s was removed: nobody new can reach berthd by "
                  "it",
                  path);
    else if (stat(dir, &st) == 0 && access(dir, W_OK | X_OK) < 0)
        exam_find(exam, EXAM_ERROR, NULL, "%s cannot be written: %s", dir,
                  strerror(errno));
    else
        exam_ok(exam, exam->env ? "%s is there" : "%s can be made", path);
}

void
exam_tls_socket(struct exam *exam)
{
    const char *path = conf_text(exam->conf, CONF_LISTEN_SOCKET);
    const char *group = conf_text(exam->conf, CONF_LISTEN_SOCKET_GROUP);
    char texts[4096];
    struct group entry, *found = NULL;

    if (!path[0]) {
        exam_ok(exam, "Not used: listen.socket is empty");
        return;
    }
    judge_path(exam, path);
    if (group[0] &&
        (getgrnam_r(group, &entry, texts, sizeof(texts), &found) || !found))
        exam_find(exam, EXAM_WARNING,
                  "groupadd --system that group, or set listen.socket_group",
                  "There is no group \"%s\" (listen.socket_group): only "
                  "berthd's user can use %s",
                  group, path);
}
