// SPDX-License-Identifier: Apache-2.0
/*
 * A transfer lives on its caller's stack: queued → carried by the thread →
 * over, when the caller goes on. Before the first byte goes to a server that
 * is known by its fingerprint, its certificate is fetched by a handshake
 * alone, compared, and then trusted as the only anchor.
 */
#include "agent/hyper/vim_http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/buf.h"
#include "agent/common/clock.h"
#include "agent/common/digest.h"
#include "agent/common/lock.h"
#include "agent/common/mem.h"

#define POLL_MS 1000
#define KEEP_CONNECTIONS 64L

struct transfer {
    struct transfer *next; /* in the queue */
    CURL *easy;
    CURLcode code;
    bool over;
};

struct vim_http {
    CURLM *multi;
    pthread_t thread;
    struct lock lock; /* LOCK_LEAF: the queue, over, stopping */
    pthread_cond_t ended;
    struct transfer *queue;
    size_t running;
    bool stopping; /* transfers end */
    bool ending;   /* and so does the thread */
};

void
vim_http_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void
vim_http_cleanup(void)
{
    curl_global_cleanup();
}

/* --- the thread ------------------------------------------------------------ */

static void
end_transfer(struct vim_http *http, struct transfer *transfer, CURLcode code)
{
    LOCK_SCOPE(&http->lock);
    transfer->code = code;
    transfer->over = true;
    http->running--;
    pthread_cond_broadcast(&http->ended);
}

/* False when the thread is to end. */
static bool
take_queue(struct vim_http *http)
{
    struct transfer *queue;
    bool stopping, ending;

    lock_take(&http->lock);
    queue = http->queue;
    http->queue = NULL;
    stopping = http->stopping;
    ending = http->ending;
    lock_drop(&http->lock);
    for (struct transfer *next; queue; queue = next) {
        next = queue->next;
        if (stopping ||
            curl_multi_add_handle(http->multi, queue->easy) != CURLM_OK)
            end_transfer(http, queue, CURLE_ABORTED_BY_CALLBACK);
    }
    return !ending;
}

static void
take_ended(struct vim_http *http)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left))) {
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        struct transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        curl_multi_remove_handle(http->multi, easy);
        end_transfer(http, transfer, code);
    }
}

/* Every transfer sees the stop in its progress callback. */
static void *
run(void *arg)
{
    struct vim_http *http = arg;
    bool going = true;
    int running = 0;

    while (going || running) {
        going = take_queue(http);
        curl_multi_perform(http->multi, &running);
        take_ended(http);
        if (going || running)
            curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

struct vim_http *
vim_http_new(struct err *err)
{
    struct vim_http *http = mem_zalloc(1, sizeof(*http));

    lock_init(&http->lock, LOCK_LEAF);
    lock_cond_init(&http->ended);
    http->multi = curl_multi_init();
    if (http->multi)
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, KEEP_CONNECTIONS);
    if (http->multi && pthread_create(&http->thread, NULL, run, http) == 0)
        return http;
    if (http->multi)
        curl_multi_cleanup(http->multi);
    lock_destroy(&http->lock);
    free(http);
    err_set(err, ERR_INTERNAL, "The thread for vSphere servers cannot start");
    return NULL;
}

static void
wake(struct vim_http *http)
{
    curl_multi_wakeup(http->multi);
}

void
vim_http_stop(struct vim_http *http)
{
    lock_take(&http->lock);
    http->stopping = true;
    lock_drop(&http->lock);
    wake(http);
}

void
vim_http_free(struct vim_http *http)
{
    if (!http)
        return;
    lock_take(&http->lock);
    http->ending = true;
    lock_drop(&http->lock);
    vim_http_stop(http);
    pthread_join(http->thread, NULL);
    curl_multi_cleanup(http->multi);
    pthread_cond_destroy(&http->ended);
    lock_destroy(&http->lock);
    free(http);
}

/* Worker: give it to the thread and wait for its end. */
static CURLcode
carry(struct vim_http *http, CURL *easy)
{
    struct transfer transfer = {.easy = easy};

    curl_easy_setopt(easy, CURLOPT_PRIVATE, (void *)&transfer);
    lock_take(&http->lock);
    transfer.next = http->queue;
    http->queue = &transfer;
    http->running++;
    lock_drop(&http->lock);
    wake(http);
    lock_take(&http->lock);
    while (!transfer.over)
        lock_wait(&http->lock, &http->ended, -1);
    lock_drop(&http->lock);
    return transfer.code;
}

/* --- one request ----------------------------------------------------------- */

struct exchange {
    struct vim_http *http;
    const struct vim_request *request;
    struct vim_reply *reply;
    struct buf body;
    bool too_big;
    char error[CURL_ERROR_SIZE];
};

static size_t
take_body(char *data, size_t size, size_t n, void *ctx)
{
    struct exchange *x = ctx;

    if (x->body.len + size * n > VIM_MAX_REPLY) {
        x->too_big = true;
        return 0;
    }
    buf_add(&x->body, data, size * n);
    return size * n;
}

/* The session's cookie goes back as it came. */
static size_t
take_header(char *data, size_t size, size_t n, void *ctx)
{
    static const char name[] = "set-cookie:";
    static const char wanted[] = "vmware_soap_session=";
    struct exchange *x = ctx;
    size_t len = size * n, at = sizeof(name) - 1;

    if (len <= at || strncasecmp(data, name, at) != 0)
        return len;
    while (at < len && data[at] == ' ')
        at++;
    if (len - at > sizeof(wanted) - 1 &&
        strncmp(data + at, wanted, sizeof(wanted) - 1) == 0) {
        size_t end = at;

        while (end < len && data[end] != ';' && data[end] != '\r' &&
               data[end] != '\n')
            end++;
        if (end - at < sizeof(x->reply->cookie))
            snprintf(x->reply->cookie, sizeof(x->reply->cookie), "%.*s",
                     (int)(end - at), data + at);
    }
    return len;
}

/* Not 0 ends the transfer: the agent stops. */
static int
on_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
            curl_off_t ulnow)
{
    struct exchange *x = ctx;

    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    LOCK_SCOPE(&x->http->lock);
    return x->http->stopping;
}

static void
set_common(CURL *easy, struct exchange *x)
{
    const struct vim_target *target = x->request->target;
    int64_t left = x->request->deadline_ms - clock_mono_ms();

    curl_easy_setopt(easy, CURLOPT_URL, target->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_PROXY, target->proxy ? target->proxy : "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)target->connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->error);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, (void *)x);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
}

static void
trust_nothing(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

/* The server's own certificate as PEM, by a handshake; owned, or NULL. */
static char *
fetch_certificate(struct exchange *x, CURLcode *code)
{
    CURL *easy = curl_easy_init();
    struct curl_certinfo *info = NULL;
    char *pem = NULL;

    if (!easy)
        return NULL;
    set_common(easy, x);
    trust_nothing(easy);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L);
    *code = carry(x->http, easy);
    if (*code == CURLE_OK &&
        curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) == CURLE_OK &&
        info && info->num_of_certs > 0)
        for (struct curl_slist *line = info->certinfo[0]; line;
             line = line->next)
            if (strncmp(line->data, "Cert:", 5) == 0)
                pem = mem_dup(line->data + 5);
    curl_easy_cleanup(easy);
    return pem;
}

/* Hex digits alone, in lower case. */
static void
plain_hex(const char *from, char *to, size_t size)
{
    size_t n = 0;

    for (; *from && n + 1 < size; from++)
        if (*from != ':' && *from != ' ')
            to[n++] = (char)(*from >= 'A' && *from <= 'F' ? *from + 32 : *from);
    to[n] = '\0';
}

/* The certificate in *pem is the one that was named; 0, -1 + err. */
static int
check_fingerprint(struct exchange *x, char **pem, CURLcode *code,
                  struct err *err)
{
    const struct vim_target *target = x->request->target;
    char wanted[DIGEST_HEX], is[DIGEST_HEX];

    *pem = fetch_certificate(x, code);
    if (!*pem)
        return *code == CURLE_OK
                   ? err_set(err, ERR_TLS_UNTRUSTED,
                             "%s shows no certificate, and its fingerprint "
                             "is asked for; use an https address",
                             target->url)
                   : -1;
    plain_hex(target->fingerprint, wanted, sizeof(wanted));
    if (digest_certificate(*pem, is) == 0 && strcmp(wanted, is) == 0)
        return 0;
    return err_set(err, ERR_TLS_UNTRUSTED,
                   "The certificate of %s has the SHA-256 fingerprint %s, "
                   "expected %s; compare it at the server's console before "
                   "you change the setting",
                   target->url, is, wanted);
}

static void
set_trust(CURL *easy, const struct vim_target *target, const char *pem)
{
    struct curl_blob anchor = {.data = (void *)(uintptr_t)pem,
                               .len = pem ? strlen(pem) : 0,
                               .flags = CURL_BLOB_COPY};

    if (target->no_verify) {
        trust_nothing(easy);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    /* A certificate that is known by itself may name anything. */
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, pem ? 0L : 2L);
    if (pem)
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &anchor);
    else if (target->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    if (pem || target->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static struct curl_slist *
headers(const struct vim_request *request)
{
    struct curl_slist *list = NULL;
    CLEANUP_FREE char *action = NULL;
    CLEANUP_FREE char *cookie = NULL;

    list = curl_slist_append(list, "Content-Type: text/xml; charset=utf-8");
    list = curl_slist_append(list, "Expect:");
    if (request->action) {
        action = mem_printf("SOAPAction: \"%s\"", request->action);
        list = curl_slist_append(list, action);
    }
    if (request->cookie) {
        cookie = mem_printf("Cookie: %s", request->cookie);
        list = curl_slist_append(list, cookie);
    }
    return list;
}

static CURLcode
exchange(struct exchange *x, const char *pem, bool *sent)
{
    const struct vim_request *request = x->request;
    struct curl_slist *list = headers(request);
    CURL *easy = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long bytes = 0;

    if (easy) {
        set_common(easy, x);
        set_trust(easy, request->target, pem);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)request->len);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, (void *)x);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, (void *)x);
        if (request->change) {
            curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
            curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
        }
        code = carry(x->http, easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->reply->status);
        curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes);
        *sent = bytes > 0;
        curl_easy_cleanup(easy);
    }
    curl_slist_free_all(list);
    return code;
}

/* --- what went wrong -------------------------------------------------------- */

static const struct {
    CURLcode code;
    enum err_kind kind;
    const char *advice;
} failures[] = {
    {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS_UNTRUSTED,
     "set ca_file or fingerprint of this hypervisor, or let the server have "
     "a certificate of its name"},
    {CURLE_SSL_CACERT_BADFILE, ERR_TLS_UNTRUSTED,
     "ca_file cannot be read as PEM"},
    {CURLE_SSL_CONNECT_ERROR, ERR_UNREACHABLE, "it may speak no TLS there"},
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "it did not answer in time"},
    {CURLE_WRITE_ERROR, ERR_LIMIT, "its answer is too big"},
    {CURLE_ABORTED_BY_CALLBACK, ERR_STOPPING, "berthd is stopping"},
};

static int
fail(const struct exchange *x, CURLcode code, bool sent, struct err *err)
{
    const char *text = x->error[0] ? x->error : curl_easy_strerror(code);
    const char *url = x->request->target->url;

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if (failures[i].code == code &&
            !(code == CURLE_OPERATION_TIMEDOUT && !sent))
            return err_set(err, failures[i].kind, "%s: %s; %s", url, text,
                           failures[i].advice);
    return err_set(err, ERR_UNREACHABLE, "%s: %s", url, text);
}

int
vim_http_post(struct vim_http *http, const struct vim_request *request,
          struct vim_reply *reply, bool *sent, struct err *err)
{
    struct exchange x = {.http = http, .request = request, .reply = reply};
    CLEANUP_FREE char *pem = NULL;
    CURLcode code = CURLE_OK;
    struct err why = ERR_INIT;

    *reply = (struct vim_reply){.status = 0};
    *sent = false;
    if (request->target->fingerprint && !request->target->no_verify &&
        check_fingerprint(&x, &pem, &code, &why) < 0) {
        if (code != CURLE_OK)
            return fail(&x, code, false, err);
        *err = why;
        return -1;
    }
    code = exchange(&x, pem, sent);
    if (code != CURLE_OK) {
        buf_free(&x.body);
        return fail(&x, code, *sent, err);
    }
    reply->len = x.body.len;
    reply->body = buf_steal(&x.body);
    return 0;
}

void
vim_http_reply_clear(struct vim_reply *reply)
{
    free(reply->body);
    *reply = (struct vim_reply){.status = 0};
}

/* --- URLs ------------------------------------------------------------------- */

static char *
url_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text = NULL, *own;

    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    own = mem_dup(text);
    curl_free(text);
    return own;
}

int
vim_http_url(const char *text, struct vim_url *out, struct err *err)
{
    CURLU *url = curl_url();
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text,
                                  CURLU_NON_SUPPORT_SCHEME);
    CLEANUP_FREE char *password = NULL;
    CLEANUP_FREE char *port = NULL;

    *out = (struct vim_url){.port = 0};
    if (code != CURLUE_OK) {
        curl_url_cleanup(url);
        return err_param(err, ERR_INVALID, "uri", text,
                         "SCHEME://[USER@]HOST[:PORT]/[PATH][?PARAMETERS]");
    }
    password = url_part(url, CURLUPART_PASSWORD, 0);
    port = url_part(url, CURLUPART_PORT, 0);
    out->scheme = url_part(url, CURLUPART_SCHEME, 0);
    out->user = url_part(url, CURLUPART_USER, CURLU_URLDECODE);
    out->host = url_part(url, CURLUPART_HOST, 0);
    out->path = url_part(url, CURLUPART_PATH, CURLU_URLDECODE);
    out->query = url_part(url, CURLUPART_QUERY, 0);
    out->port = port ? atoi(port) : 0;
    curl_url_cleanup(url);
    if (!password)
        return 0;
    explicit_bzero(password, strlen(password));
    vim_http_url_clear(out);
    return err_set(err, ERR_INVALID,
                   "The uri holds a password, which logs and process lists "
                   "would show; put it into the file that credentials names");
}

void
vim_http_url_clear(struct vim_url *url)
{
    free(url->scheme);
    free(url->user);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct vim_url){.port = 0};
}
