// SPDX-License-Identifier: Apache-2.0
/*
 * vSphere's SOAP as trees: requests are built element by element (no text of
 * a caller becomes markup, and the order of the schema is the order of the
 * calls), answers are read with their xsi:type. Pure. Any thread.
 * Source: the vSphere Web Services SDK; element order is base type first.
 */
#pragma once

#include "agent/common/xml.h"

#define VIM_ID 256 /* a managed object's id, with the NUL */

struct vim_ref { /* a managed object */
    char type[64];
    char id[VIM_ID];
};

/* A request of that method on that object: *call is where its arguments go.
 * Returns owned. */
xmlDocPtr vim_soap_request(const char *method, const struct vim_ref *self,
                           xmlNodePtr *call);

/* An element that refers to a managed object. */
xmlNodePtr vim_soap_add_ref(xmlNodePtr parent, const char *name,
                            const struct vim_ref *ref);
/* An element of a polymorphic type: xsi:type is set. */
xmlNodePtr vim_soap_add_typed(xmlNodePtr parent, const char *name,
                              const char *type);
xmlNodePtr vim_soap_add_int(xmlNodePtr parent, const char *name,
                            int64_t value);
xmlNodePtr vim_soap_add_bool(xmlNodePtr parent, const char *name, bool value);

/* Text of the whole envelope; returns owned. */
char *vim_soap_text(xmlDocPtr request);

struct vim_fault { /* what a server refused with */
    char type[64];  /* "InvalidLogin" …, "" for none */
    char text[512]; /* its own words, or "" */
};

/*
 * Read an answer of method: *body is its response element, borrowed from the
 * document. Returns owned; NULL + err, and fault->type set when the server
 * answered with a fault (err then says so: HYPERVISOR_FAILED, or what the
 * fault's name maps to).
 */
xmlDocPtr vim_soap_reply(const char *text, size_t len, const char *method,
                         xmlNodePtr *body, struct vim_fault *fault,
                         struct err *err);

/* The fault in a task's info.error: a LocalizedMethodFault. */
void vim_soap_read_fault(xmlNodePtr error, struct vim_fault *fault);

/* Our kind and sentence for a fault met in what was tried. Returns -1. */
int vim_soap_fail(const struct vim_fault *fault, const char *what,
                  struct err *err);

/* xsi:type of a node without its prefix, "" when it has none; owned. */
char *vim_soap_type(xmlNodePtr node);
bool vim_soap_is(xmlNodePtr node, const char *type);

/* Content of the child of that name, owned; NULL if absent. */
char *vim_soap_child_text(xmlNodePtr node, const char *name);
int64_t vim_soap_child_int(xmlNodePtr node, const char *name,
                           int64_t fallback);
bool vim_soap_child_bool(xmlNodePtr node, const char *name);

/* A node that refers to a managed object; false when it does not. */
bool vim_soap_ref(xmlNodePtr node, struct vim_ref *ref);
