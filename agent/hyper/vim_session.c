// SPDX-License-Identifier: Apache-2.0
/*
 * Phases of a session: none → one thread logs in, others wait for it → open,
 * with a cookie and a number; who meets its end gives the number back, so
 * that ten threads which meet the same end log in once.
 */
#include "agent/hyper/vim_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/clock.h"
#include "agent/common/lock.h"
#include "agent/common/log.h"
#include "agent/common/mem.h"
#include "agent/hyper/esx_cred.h"

/* What this was written against; a newer server is asked in this version. */
#define API_MAJOR 6
#define API_MINOR 5

struct vim {
    struct vim_http *http;
    struct vim_config config; /* texts owned */
    struct lock lock;         /* LOCK_LEAF: all below */
    pthread_cond_t changed;
    bool logging_in;
    unsigned failures; /* of logins; the last one's reason */
    struct err failure;
    unsigned number; /* of the session; 0: none */
    unsigned numbers;
    char cookie[512];
    char action[32];
    struct vim_about about;
};

struct vim *
vim_session_new(struct vim_http *http, const struct vim_config *config)
{
    struct vim *vim = mem_zalloc(1, sizeof(*vim));

    vim->http = http;
    vim->config = (struct vim_config){
        .target = {.url = mem_dup(config->target.url),
                   .ca_file = mem_dup(config->target.ca_file),
                   .fingerprint = mem_dup(config->target.fingerprint),
                   .no_verify = config->target.no_verify,
                   .proxy = mem_dup(config->target.proxy),
                   .connect_ms = config->target.connect_ms},
        .credentials = mem_dup(config->credentials),
        .user = mem_dup(config->user),
        .call_ms = config->call_ms,
    };
    lock_init(&vim->lock, LOCK_LEAF);
    lock_cond_init(&vim->changed);
    return vim;
}

void
vim_answer_clear(struct vim_answer *answer)
{
    if (answer->doc)
        xmlFreeDoc(answer->doc);
    answer->doc = NULL;
}

/* --- one call -------------------------------------------------------------- */

struct call {
    xmlDocPtr request;
    const char *method;
    const char *action; /* NULL: before the version is known */
    const char *cookie;
    bool change;
    int64_t wait_ms;
};

static int
bad_status(const struct vim *vim, const struct call *call, long status,
           struct err *err)
{
    if (status >= 300 && status < 400)
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "%s sends %s elsewhere (HTTP %ld), which is not "
                       "followed; put the right address into the URI",
                       vim->config.target.url, call->method, status);
    return err_set(err,
                   status == 503 ? ERR_UNREACHABLE : ERR_HYPERVISOR_FAILED,
                   "%s answers %s with HTTP %ld", vim->config.target.url,
                   call->method, status);
}

/* One request, one answer; *sent as in vim_http.h. */
static int
call_once(struct vim *vim, const struct call *call, struct vim_answer *answer,
          char *cookie, size_t size, bool *sent, struct err *err)
{
    CLEANUP_FREE char *text = vim_soap_text(call->request);
    struct vim_request request = {
        .target = &vim->config.target,
        .action = call->action,
        .cookie = call->cookie && *call->cookie ? call->cookie : NULL,
        .body = text,
        .len = strlen(text),
        .change = call->change,
        .deadline_ms = clock_mono_ms() + vim->config.call_ms + call->wait_ms};
    struct vim_reply reply;
    int rc = vim_http_post(vim->http, &request, &reply, sent, err);

    explicit_bzero(text, request.len); /* it may hold a password */
    if (rc < 0)
        return err_wrap(err, "%s", call->method);
    if (cookie && reply.cookie[0])
        snprintf(cookie, size, "%s", reply.cookie);
    if (reply.status != 200 && reply.status != 500)
        rc = bad_status(vim, call, reply.status, err);
    else
        answer->doc =
            vim_soap_reply(reply.body, reply.len, call->method, &answer->body,
                           &answer->fault, err);
    vim_http_reply_clear(&reply);
    return rc == 0 && answer->doc ? 0 : -1;
}

/* --- login ----------------------------------------------------------------- */

static void
copy_child(xmlNodePtr node, const char *name, char *to, size_t size)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, name);

    snprintf(to, size, "%s", text ? text : "");
}

static int
read_about(xmlNodePtr content, struct vim_about *about, struct err *err)
{
    xmlNodePtr node = xml_child(content, "about");
    char type[32];

    *about = (struct vim_about){.vcenter = false};
    copy_child(node, "name", about->product, sizeof(about->product));
    copy_child(node, "fullName", about->full_name, sizeof(about->full_name));
    copy_child(node, "version", about->version, sizeof(about->version));
    copy_child(node, "apiVersion", about->api_version,
               sizeof(about->api_version));
    copy_child(node, "apiType", type, sizeof(type));
    about->vcenter = strcmp(type, "VirtualCenter") == 0;
    vim_soap_ref(xml_child(content, "virtualDiskManager"),
                 &about->disk_manager);
    vim_soap_ref(xml_child(content, "licenseManager"),
                 &about->license_manager);
    if (vim_soap_ref(xml_child(content, "sessionManager"),
                     &about->session_manager) &&
        vim_soap_ref(xml_child(content, "propertyCollector"),
                     &about->property_collector) &&
        vim_soap_ref(xml_child(content, "searchIndex"),
                     &about->search_index) &&
        vim_soap_ref(xml_child(content, "rootFolder"), &about->root_folder))
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED,
                   "The server's service content lacks what every vSphere "
                   "server has (session manager, property collector, search "
                   "index, root folder)");
}

/* The version that is spoken: the server's, but none newer than ours. */
static int
choose_action(struct vim_about *about, char *to, size_t size,
              struct err *err)
{
    int major = 0, minor = 0;

    if (sscanf(about->api_version, "%d.%d", &major, &minor) < 2 || major < 2 ||
        (major == 2 && minor < 5))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s speaks version \"%s\" of the vSphere API; expected "
                       "2.5 or newer",
                       about->full_name, about->api_version);
    about->old = major < 4 || (major == 4 && minor < 1);
    if (major > API_MAJOR || (major == API_MAJOR && minor > API_MINOR)) {
        major = API_MAJOR;
        minor = API_MINOR;
    }
    snprintf(to, size, "urn:vim25/%d.%d", major, minor);
    return 0;
}

static xmlDocPtr
login_request(const struct vim_about *about, const struct esx_cred *cred)
{
    xmlNodePtr call;
    xmlDocPtr doc = vim_soap_request("Login", &about->session_manager, &call);

    xml_add(call, "userName", cred->user);
    xml_add(call, "password", cred->password);
    return doc;
}

static void
wipe(xmlDocPtr login)
{
    xmlNodePtr node =
        xml_path(xml_root(login), "Body/Login/password");

    if (node && node->children && node->children->content)
        explicit_bzero(node->children->content,
                       strlen((char *)node->children->content));
}

/* A session of its own: nothing of vim is changed. */
struct opened {
    struct vim_about about;
    char action[32];
    char cookie[512];
};

static int
say_hello(struct vim *vim, struct opened *opened, struct err *err)
{
    static const struct vim_ref instance = {"ServiceInstance",
                                            "ServiceInstance"};
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    xmlNodePtr node;
    bool sent;

    request = vim_soap_request("RetrieveServiceContent", &instance, &node);
    if (call_once(vim,
                  &(struct call){.request = request,
                                 .method = "RetrieveServiceContent"},
                  &answer, opened->cookie, sizeof(opened->cookie), &sent,
                  err) < 0 ||
        read_about(xml_child(answer.body, "returnval"), &opened->about, err) <
            0)
        return -1;
    return choose_action(&opened->about, opened->action,
                         sizeof(opened->action), err);
}

static int
log_in(struct vim *vim, struct opened *opened, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_CRED struct esx_cred cred;
    CLEANUP_XML xmlDocPtr request = NULL;
    bool sent;
    int rc;

    if (esx_cred_read(vim->config.credentials, vim->config.user, &cred, err) <
            0 ||
        say_hello(vim, opened, err) < 0)
        return -1;
    request = login_request(&opened->about, &cred);
    rc = call_once(vim,
                   &(struct call){.request = request,
                                  .method = "Login",
                                  .action = opened->action,
                                  .cookie = opened->cookie},
                   &answer, opened->cookie, sizeof(opened->cookie), &sent,
                   err);
    wipe(request);
    if (rc == 0 && !opened->cookie[0])
        return err_set(err, ERR_HYPERVISOR_FAILED,
                       "%s sets no session cookie after Login",
                       vim->config.target.url);
    return rc;
}

static void
keep(struct vim *vim, const struct opened *opened)
{
    vim->about = opened->about;
    memcpy(vim->action, opened->action, sizeof(vim->action));
    memcpy(vim->cookie, opened->cookie, sizeof(vim->cookie));
    vim->number = ++vim->numbers;
}

/* A copy of the open session, made if there is none. */
struct access {
    struct vim_about about;
    char action[32];
    char cookie[512];
    unsigned number;
};

static int
get_access(struct vim *vim, struct access *to, struct err *err)
{
    struct opened opened = {.cookie = ""};
    unsigned failures;
    int rc = 0;

    lock_take(&vim->lock);
    failures = vim->failures;
    while (vim->logging_in)
        lock_wait(&vim->lock, &vim->changed, -1);
    if (!vim->number && vim->failures != failures) {
        /* Who waited for a login need not wait for another. */
        *err = vim->failure;
        rc = -1;
    } else if (!vim->number) {
        vim->logging_in = true;
        lock_drop(&vim->lock);
        rc = log_in(vim, &opened, err);
        lock_take(&vim->lock);
        vim->logging_in = false;
        if (rc == 0) {
            keep(vim, &opened);
        } else {
            vim->failures++;
            vim->failure = *err;
        }
        pthread_cond_broadcast(&vim->changed);
    }
    to->about = vim->about;
    to->number = vim->number;
    memcpy(to->action, vim->action, sizeof(to->action));
    memcpy(to->cookie, vim->cookie, sizeof(to->cookie));
    lock_drop(&vim->lock);
    explicit_bzero(&opened, sizeof(opened));
    return rc;
}

int
vim_session_open(struct vim *vim, struct vim_about *about, struct err *err)
{
    struct access access;

    if (get_access(vim, &access, err) < 0)
        return -1;
    *about = access.about;
    return 0;
}

static void
give_up(struct vim *vim, unsigned number)
{
    LOCK_SCOPE(&vim->lock);
    if (vim->number == number)
        vim->number = 0;
}

void
vim_session_drop(struct vim *vim)
{
    LOCK_SCOPE(&vim->lock);
    vim->number = 0;
}

/* --- asking and changing ---------------------------------------------------- */

static int
call_in_session(struct vim *vim, struct call *call, struct vim_answer *answer,
                bool *sent, struct err *err)
{
    struct access access;
    int rc;

    *sent = false;
    *answer = (struct vim_answer){.doc = NULL};
    if (get_access(vim, &access, err) < 0)
        return -1;
    call->action = access.action;
    call->cookie = access.cookie;
    rc = call_once(vim, call, answer, NULL, 0, sent, err);
    if (rc < 0 && strcmp(answer->fault.type, "NotAuthenticated") == 0)
        give_up(vim, access.number);
    explicit_bzero(access.cookie, sizeof(access.cookie));
    return rc;
}

int
vim_session_ask(struct vim *vim, xmlDocPtr request, const char *method,
                int64_t wait_ms, struct vim_answer *answer, struct err *err)
{
    struct call call = {
        .request = request, .method = method, .wait_ms = wait_ms};
    struct err why = ERR_INIT;
    bool sent;

    if (call_in_session(vim, &call, answer, &sent, &why) == 0)
        return 0;
    if (strcmp(answer->fault.type, "NotAuthenticated") == 0) {
        log_info("%s had ended our session; logging in again",
                 vim->config.target.url);
        return call_in_session(vim, &call, answer, &sent, err);
    }
    *err = why;
    return -1;
}

int
vim_session_change(struct vim *vim, xmlDocPtr request, const char *method,
                   struct vim_answer *answer, bool *lost, struct err *err)
{
    struct call call = {.request = request, .method = method, .change = true};
    bool sent;
    int rc = call_in_session(vim, &call, answer, &sent, err);

    /* The session had ended: it was refused, and may go out once more. */
    if (rc < 0 && strcmp(answer->fault.type, "NotAuthenticated") == 0)
        rc = call_in_session(vim, &call, answer, &sent, err);
    /* A fault is an answer: it was not carried out. */
    *lost = rc < 0 && sent && !answer->fault.type[0];
    return rc;
}

/* --- the end --------------------------------------------------------------- */

static void
log_out(struct vim *vim)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    struct err ignored = ERR_INIT;
    xmlNodePtr node;
    bool sent;

    request = vim_soap_request("Logout", &vim->about.session_manager, &node);
    call_once(vim,
              &(struct call){.request = request,
                             .method = "Logout",
                             .action = vim->action,
                             .cookie = vim->cookie},
              &answer, NULL, 0, &sent, &ignored);
}

void
vim_session_free(struct vim *vim)
{
    if (!vim)
        return;
    if (vim->number)
        log_out(vim);
    free((char *)vim->config.target.url);
    free((char *)vim->config.target.ca_file);
    free((char *)vim->config.target.fingerprint);
    free((char *)vim->config.target.proxy);
    free((char *)vim->config.credentials);
    free((char *)vim->config.user);
    pthread_cond_destroy(&vim->changed);
    lock_destroy(&vim->lock);
    explicit_bzero(vim->cookie, sizeof(vim->cookie));
    free(vim);
}
