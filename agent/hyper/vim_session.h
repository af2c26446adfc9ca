// SPDX-License-Identifier: Apache-2.0
/*
 * One vSphere server as one login: connected when first needed, logged in
 * once for all threads, silently again when the server has ended the session
 * and what was asked was a question. A change is sent once, on a connection
 * of its own; whether one whose answer was lost took effect is found out by
 * reading. Worker threads; no lock is held during a call.
 */
#pragma once

#include "agent/hyper/vim_http.h"
#include "agent/hyper/vim_soap.h"

struct vim;

struct vim_config { /* copied by vim_new */
    struct vim_target target;
    const char *credentials; /* esx_cred.h */
    const char *user;        /* of the URI, or NULL */
    int64_t call_ms;         /* what one call may take */
};

struct vim_about { /* what the server says of itself */
    char product[128];     /* "VMware ESXi" */
    char full_name[256];   /* "VMware ESXi 6.5.0 build-5969303" */
    char version[32];
    char api_version[32];
    bool vcenter;          /* apiType VirtualCenter */
    bool old;              /* before 4.1: no RetrievePropertiesEx, no
                              WaitForUpdatesEx */
    struct vim_ref session_manager, property_collector, search_index,
        disk_manager, root_folder, license_manager;
};

struct vim *vim_session_new(struct vim_http *http,
                            const struct vim_config *config);
/* Logs out where it is logged in. */
void vim_session_free(struct vim *vim);

/* Connected and logged in, or -1 + err; *about is a copy. */
int vim_session_open(struct vim *vim, struct vim_about *about,
                     struct err *err);

/* The session is not used any more: the next call logs in anew. */
void vim_session_drop(struct vim *vim);

struct vim_answer {
    xmlDocPtr doc;   /* owned */
    xmlNodePtr body; /* its response element */
    struct vim_fault fault;
};
void vim_answer_clear(struct vim_answer *answer);
#define CLEANUP_ANSWER CLEANUP(vim_answer_clear)

/* A question: repeated once after a login where the session had ended.
 * wait_ms is how long the server itself may wait (WaitForUpdatesEx). */
int vim_session_ask(struct vim *vim, xmlDocPtr request, const char *method,
                    int64_t wait_ms, struct vim_answer *answer,
                    struct err *err);

/* What changes something: sent at most once. *lost: the server may have
 * carried it out, although no answer came. */
int vim_session_change(struct vim *vim, xmlDocPtr request, const char *method,
                       struct vim_answer *answer, bool *lost, struct err *err);
