// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts in a list that only grows, each with a lock of its own over what is
 * remembered: machines as last listed, its place, how the last try went. No
 * lock is held while a host is asked.
 */
#include "agent/hyper/esx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

struct esx {
    char *name, *uri_text, *credentials;
    struct esx_uri uri;
    int64_t call_ms, task_ms;
    struct vim *vim;
    struct child *child;
    struct lock lock; /* LOCK_LEAF: all below */
    struct vim_place place;
    struct vim_entry *entries;
    size_t nentries;
    struct esx_state state;
};

struct esx_set {
    char *program;
    struct lock lock; /* LOCK_HYPER: the list */
    struct vim_http *http;
    struct esx **hosts;
    size_t n;
};

/* --- one host ------------------------------------------------------------ */

static int
check_fingerprint(const char *text, struct err *err)
{
    size_t digits = 0;

    for (const char *c = text; *c; c++)
        if (strchr("0123456789abcdefABCDEF", *c))
            digits++;
        else if (*c != ':')
            digits = 1000;
    if (!*text || digits == 64)
        return 0;
    return err_param(err, ERR_INVALID, "fingerprint", text,
                     "the SHA-256 fingerprint of a certificate: 64 hex "
                     "digits, with or without colons");
}

int
esx_check(const struct esx_config *config, struct err *err)
{
    struct esx_uri uri;

    if (esx_uri_parse(config->uri, &uri, err) < 0 ||
        check_fingerprint(config->fingerprint, err) < 0)
        return -1;
    if (!*config->credentials)
        return err_param(err, ERR_INVALID, "credentials", NULL,
                         "the path of a file that holds user= and password=");
    return 0;
}

static struct vim *
make_vim(struct vim_http *http, const struct esx_config *config,
         const struct esx_uri *uri)
{
    CLEANUP_FREE char *url = esx_uri_sdk(uri);
    const struct vim_config vim = {
        .target = {.url = url,
                   .ca_file = *config->ca_file ? config->ca_file : NULL,
                   .fingerprint =
                       *config->fingerprint ? config->fingerprint : NULL,
                   .no_verify = uri->no_verify,
                   .proxy = uri->proxy[0] ? uri->proxy : NULL,
                   .connect_ms = config->connect_ms},
        .credentials = config->credentials,
        .user = uri->user[0] ? uri->user : NULL,
        .call_ms = config->call_ms};

    return vim_session_new(http, &vim);
}

json_t *
esx_open_args(const struct esx *esx)
{
    json_t *open = json_object();

    json_put_text(open, "uri", esx->uri_text);
    json_put_text(open, "credentials", esx->credentials);
    json_put_text(open, "user", esx->uri.user[0] ? esx->uri.user : NULL);
    return open;
}

static struct esx *
make(struct vim_http *http, const char *program,
     const struct esx_config *config, const struct esx_uri *uri)
{
    struct esx *esx = mem_zalloc(1, sizeof(*esx));
    CLEANUP_JSON json_t *open = NULL;

    esx->name = mem_dup(config->name);
    esx->uri_text = mem_dup(config->uri);
    esx->credentials = mem_dup(config->credentials);
    esx->uri = *uri;
    esx->call_ms = config->call_ms;
    esx->task_ms = config->task_ms;
    esx->vim = make_vim(http, config, uri);
    open = esx_open_args(esx);
    esx->child = child_new(config->name, program, open);
    lock_init(&esx->lock, LOCK_LEAF);
    return esx;
}

static void
unmake(struct esx *esx)
{
    vim_session_free(esx->vim);
    child_free(esx->child);
    lock_destroy(&esx->lock);
    free(esx->entries);
    free(esx->name);
    free(esx->uri_text);
    free(esx->credentials);
    free(esx);
}

/* --- the set ------------------------------------------------------------- */

struct esx_set *
esx_set_new(const char *program)
{
    struct esx_set *set = mem_zalloc(1, sizeof(*set));

    set->program = mem_dup(program);
    lock_init(&set->lock, LOCK_HYPER);
    return set;
}

void
esx_set_free(struct esx_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n; i++)
        unmake(set->hosts[i]);
    vim_http_free(set->http);
    free(set->hosts);
    free(set->program);
    lock_destroy(&set->lock);
    free(set);
}

void
esx_set_stop(struct esx_set *set)
{
    struct esx *esx;

    for (size_t i = 0; (esx = esx_set_at(set, i)); i++)
        child_stop(esx->child);
    if (set->http)
        vim_http_stop(set->http);
}

static struct esx *
find_locked(const struct esx_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->hosts[i]->name, name) == 0)
            return set->hosts[i];
    return NULL;
}

struct esx *
esx_set_add(struct esx_set *set, const struct esx_config *config,
            struct err *err)
{
    struct esx_uri uri;

    if (esx_check(config, err) < 0 ||
        esx_uri_parse(config->uri, &uri, err) < 0)
        return NULL;
    LOCK_SCOPE(&set->lock);
    if (find_locked(set, config->name)) {
        err_set(err, ERR_EXISTS, "There is a hypervisor \"%s\" already",
                config->name);
        return NULL;
    }
    if (!set->http)
        set->http = vim_http_new(err);
    if (!set->http)
        return NULL;
    set->hosts = mem_more(set->hosts, set->n, sizeof(*set->hosts));
    set->hosts[set->n++] = make(set->http, set->program, config, &uri);
    return set->hosts[set->n - 1];
}

struct esx *
esx_set_find(struct esx_set *set, const char *name)
{
    if (!set)
        return NULL;
    LOCK_SCOPE(&set->lock);
    return find_locked(set, name);
}

struct esx *
esx_set_at(struct esx_set *set, size_t i)
{
    if (!set)
        return NULL;
    LOCK_SCOPE(&set->lock);
    return i < set->n ? set->hosts[i] : NULL;
}

/* --- what it is ---------------------------------------------------------- */

const char *
esx_name(const struct esx *esx)
{
    return esx->name;
}

const struct esx_uri *
esx_uri_of(const struct esx *esx)
{
    return &esx->uri;
}

const char *
esx_uri_text(const struct esx *esx)
{
    return esx->uri_text;
}

int64_t
esx_task_ms(const struct esx *esx)
{
    return esx->task_ms;
}

int64_t
esx_call_ms(const struct esx *esx)
{
    return esx->call_ms;
}

struct vim *
esx_vim(struct esx *esx)
{
    return esx->vim;
}

int
esx_virt(struct esx *esx, const char *call, const json_t *args,
         int64_t deadline_ms, json_t **result, bool *sent, struct err *err)
{
    int64_t until = clock_mono_ms() + esx->call_ms;

    if (deadline_ms && deadline_ms < until)
        until = deadline_ms;
    return child_call(esx->child, call, args, until, result, sent, err);
}

void
esx_child(struct esx *esx, struct child_state *state)
{
    child_look(esx->child, state);
}

/* --- what it said last --------------------------------------------------- */

static void
note(struct esx *esx, const struct vim_about *about, const struct err *err)
{
    LOCK_SCOPE(&esx->lock);
    if (!esx->state.tried || esx->state.connected != (about != NULL))
        esx->state.since_ms = clock_wall_ms();
    esx->state.tried = true;
    esx->state.connected = about != NULL;
    snprintf(esx->state.error, sizeof(esx->state.error), "%s",
             about ? "" : err->message);
    if (about)
        esx->state.about = *about;
}

void
esx_look(struct esx *esx, struct esx_state *state)
{
    LOCK_SCOPE(&esx->lock);
    *state = esx->state;
}

int
esx_hello(struct esx *esx, struct vim_about *about, struct err *err)
{
    if (vim_session_open(esx->vim, about, err) < 0) {
        note(esx, NULL, err);
        return -1;
    }
    note(esx, about, NULL);
    return 0;
}

/* --- machines ------------------------------------------------------------ */

int
esx_place(struct esx *esx, struct vim_place *place, struct err *err)
{
    struct vim_about about;

    lock_take(&esx->lock);
    *place = esx->place;
    lock_drop(&esx->lock);
    if (place->host.id[0])
        return 0;
    if (esx_hello(esx, &about, err) < 0 ||
        vim_inventory_place(esx->vim, &esx->uri, place, err) < 0)
        return -1;
    LOCK_SCOPE(&esx->lock);
    esx->place = *place;
    return 0;
}

int
esx_list(struct esx *esx, struct vim_entry **out, size_t *n, struct err *err)
{
    struct vim_place place;
    struct vim_entry *entries;
    struct err why = ERR_INIT;
    size_t count;

    if (esx_place(esx, &place, err) < 0)
        return -1;
    if (vim_inventory_list(esx->vim, &place.host, &entries, &count, &why) <
        0) {
        note(esx, NULL, &why);
        *err = why;
        return -1;
    }
    if (out) {
        *out = mem_zalloc(count + 1, sizeof(**out));
        for (size_t i = 0; i < count; i++)
            (*out)[i] = entries[i];
        *n = count;
    }
    LOCK_SCOPE(&esx->lock);
    free(esx->entries);
    esx->entries = entries;
    esx->nentries = count;
    return 0;
}

/* How well ref names it: whole UUID or name, else a beginning of the UUID. */
enum match { MATCH_NONE, MATCH_PREFIX, MATCH_WHOLE };

static enum match
match(const struct vim_entry *entry, const char *ref)
{
    size_t len = strlen(ref);

    if (strcmp(entry->name, ref) == 0 || strcasecmp(entry->uuid, ref) == 0)
        return MATCH_WHOLE;
    if (len >= 4 && strncasecmp(entry->uuid, ref, len) == 0)
        return MATCH_PREFIX;
    return MATCH_NONE;
}

/* 1 with *out, 0 none, -1 + err when it names several. */
static int
find_known(struct esx *esx, const char *ref, struct vim_entry *out,
           struct err *err)
{
    const struct vim_entry *best = NULL;
    enum match how = MATCH_NONE;
    bool twice = false;

    LOCK_SCOPE(&esx->lock);
    for (size_t i = 0; i < esx->nentries; i++) {
        enum match is = match(&esx->entries[i], ref);

        if (is == MATCH_NONE || is < how)
            continue;
        twice = is == how;
        how = is;
        best = &esx->entries[i];
    }
    if (twice)
        return err_set(err, ERR_INVALID,
                       "\"%s\" names several machines of %s; give the UUID of "
                       "one",
                       ref, esx->name);
    if (best)
        *out = *best;
    return best != NULL;
}

int
esx_find(struct esx *esx, const char *ref, struct vim_entry *out,
         struct err *err)
{
    int found = find_known(esx, ref, out, err);
    CLEANUP_FREE char *expected = NULL;

    if (found != 0)
        return found < 0 ? -1 : 0;
    if (esx_list(esx, NULL, NULL, err) < 0)
        return -1;
    found = find_known(esx, ref, out, err);
    if (found != 0)
        return found < 0 ? -1 : 0;
    expected = mem_printf("a machine of hypervisor %s (ListVms hypervisor=%s "
                          "names them)",
                          esx->name, esx->name);
    return err_param(err, ERR_NOT_FOUND, "vm", ref, expected);
}

bool
esx_by_ref(struct esx *esx, const struct vim_ref *ref, struct vim_entry *out)
{
    LOCK_SCOPE(&esx->lock);
    for (size_t i = 0; i < esx->nentries; i++)
        if (strcmp(esx->entries[i].ref.id, ref->id) == 0) {
            *out = esx->entries[i];
            return true;
        }
    return false;
}

struct esx *
esx_set_holder(struct esx_set *set, const char *ref)
{
    struct esx *esx;
    struct vim_entry entry;

    for (size_t i = 0; (esx = esx_set_at(set, i)); i++)
        if (find_known(esx, ref, &entry, NULL) == 1)
            return esx;
    return NULL;
}
