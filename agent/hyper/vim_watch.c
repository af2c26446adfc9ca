// SPDX-License-Identifier: Apache-2.0
/*
 * WaitForUpdatesEx with no time to wait: the answer is empty where nothing
 * changed. A collector ends with its session, whatever ended that: any failure
 * makes a new one.
 */
#include "agent/hyper/vim_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/common/mem.h"

struct vim_watch {
    struct vim_ref collector; /* id "": none */
    char version[64];
};

struct vim_watch *
vim_watch_new(void)
{
    return mem_zalloc(1, sizeof(struct vim_watch));
}

void
vim_watch_free(struct vim_watch *watch)
{
    free(watch);
}

static int
ask_for_ref(struct vim *vim, xmlDocPtr request, const char *method,
            struct vim_ref *ref, struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};

    if (vim_session_ask(vim, request, method, 0, &answer, err) < 0)
        return -1;
    if (vim_soap_ref(xml_child(answer.body, "returnval"), ref))
        return 0;
    return err_set(err, ERR_HYPERVISOR_FAILED, "%s returned nothing", method);
}

static xmlDocPtr
filter_request(const struct vim_ref *collector, const struct vim_ref *host)
{
    static const char *const paths[] = {"runtime.powerState",
                                        "runtime.question"};
    xmlNodePtr call, spec, node, walk;
    xmlDocPtr doc = vim_soap_request("CreateFilter", collector, &call);

    spec = xml_add(call, "spec", NULL);
    node = xml_add(spec, "propSet", NULL);
    xml_add(node, "type", "VirtualMachine");
    vim_soap_add_bool(node, "all", false);
    for (size_t i = 0; i < 2; i++)
        xml_add(node, "pathSet", paths[i]);
    node = xml_add(spec, "objectSet", NULL);
    vim_soap_add_ref(node, "obj", host);
    vim_soap_add_bool(node, "skip", true);
    walk = vim_soap_add_typed(node, "selectSet", "TraversalSpec");
    xml_add(walk, "name", "machines");
    xml_add(walk, "type", "HostSystem");
    xml_add(walk, "path", "vm");
    vim_soap_add_bool(walk, "skip", false);
    vim_soap_add_bool(call, "partialUpdates", false);
    return doc;
}

static int
begin(struct vim *vim, struct vim_watch *watch, const struct vim_ref *host,
      struct err *err)
{
    CLEANUP_XML xmlDocPtr make = NULL;
    CLEANUP_XML xmlDocPtr filter = NULL;
    struct vim_about about;
    struct vim_ref ref;
    xmlNodePtr call;

    watch->version[0] = '\0';
    if (vim_session_open(vim, &about, err) < 0)
        return -1;
    make = vim_soap_request("CreatePropertyCollector",
                            &about.property_collector, &call);
    if (ask_for_ref(vim, make, "CreatePropertyCollector", &watch->collector,
                    err) < 0)
        return -1;
    filter = filter_request(&watch->collector, host);
    return ask_for_ref(vim, filter, "CreateFilter", &ref, err);
}

static void
take_object(xmlNodePtr object, vim_watch_fn fn, void *ctx)
{
    CLEANUP_FREE char *kind = vim_soap_child_text(object, "kind");
    CLEANUP_FREE char *power = NULL;
    CLEANUP_FREE char *question = NULL;
    struct vim_watch_change change = {
        .gone = kind && strcmp(kind, "leave") == 0};

    if (!vim_soap_ref(xml_child(object, "obj"), &change.vm))
        return;
    for (xmlNodePtr set = xml_child(object, "changeSet"); set;
         set = xml_next(set, "changeSet")) {
        CLEANUP_FREE char *name = vim_soap_child_text(set, "name");
        xmlNodePtr val = xml_child(set, "val");

        if (name && val && strcmp(name, "runtime.powerState") == 0 && !power)
            power = xml_content(val);
        if (name && val && strcmp(name, "runtime.question") == 0 && !question)
            question = vim_soap_child_text(val, "text");
    }
    change.power = power;
    change.question = question;
    fn(ctx, &change);
}

static void
take_update(xmlNodePtr update, vim_watch_fn fn, void *ctx)
{
    for (xmlNodePtr filter = xml_child(update, "filterSet"); filter;
         filter = xml_next(filter, "filterSet"))
        for (xmlNodePtr object = xml_child(filter, "objectSet"); object;
             object = xml_next(object, "objectSet"))
            take_object(object, fn, ctx);
}

/* 1 there may be more, 0 nothing new. */
static int
next(struct vim *vim, struct vim_watch *watch, vim_watch_fn fn, void *ctx,
     struct err *err)
{
    CLEANUP_ANSWER struct vim_answer answer = {.doc = NULL};
    CLEANUP_XML xmlDocPtr request = NULL;
    CLEANUP_FREE char *version = NULL;
    xmlNodePtr call, update;

    request = vim_soap_request("WaitForUpdatesEx", &watch->collector, &call);
    xml_add(call, "version", watch->version);
    vim_soap_add_int(xml_add(call, "options", NULL), "maxWaitSeconds", 0);
    if (vim_session_ask(vim, request, "WaitForUpdatesEx", 0, &answer, err) < 0)
        return -1;
    update = xml_child(answer.body, "returnval");
    version = vim_soap_child_text(update, "version");
    if (!update || !version)
        return 0;
    snprintf(watch->version, sizeof(watch->version), "%s", version);
    take_update(update, fn, ctx);
    return vim_soap_child_bool(update, "truncated");
}

int
vim_watch_poll(struct vim *vim, struct vim_watch *watch,
               const struct vim_ref *host, bool *first, vim_watch_fn fn,
               void *ctx, struct err *err)
{
    int rc = 0;

    *first = !watch->collector.id[0];
    if (*first)
        rc = begin(vim, watch, host, err);
    if (rc == 0)
        do
            rc = next(vim, watch, fn, ctx, err);
        while (rc > 0);
    if (rc < 0)
        watch->collector.id[0] = '\0';
    return rc;
}
