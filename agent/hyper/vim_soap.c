// SPDX-License-Identifier: Apache-2.0
/*
 * Envelopes out and in. A fault is known by its type's name, never by its
 * text, which the server translates; subclasses are rows of their own, since
 * an answer does not tell what a fault derives from.
 */
#include "agent/hyper/vim_soap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/common/mem.h"

#define XSI "http://www.w3.org/2001/XMLSchema-instance"

/* --- out ------------------------------------------------------------------- */

xmlDocPtr
vim_soap_request(const char *method, const struct vim_ref *self,
                 xmlNodePtr *call)
{
    xmlDocPtr doc = xml_new("soapenv:Envelope");
    xmlNodePtr root = xml_root(doc);

    xml_set(root, "xmlns:soapenv", "http://schemas.xmlsoap.org/soap/envelope/");
    xml_set(root, "xmlns:xsd", "http://www.w3.org/2001/XMLSchema");
    xml_set(root, "xmlns:xsi", XSI);
    *call = xml_add(xml_add(root, "soapenv:Body", NULL), method, NULL);
    xml_set(*call, "xmlns", "urn:vim25");
    vim_soap_add_ref(*call, "_this", self);
    return doc;
}

xmlNodePtr
vim_soap_add_ref(xmlNodePtr parent, const char *name, const struct vim_ref *ref)
{
    xmlNodePtr node = xml_add(parent, name, ref->id);

    xml_set(node, "type", ref->type);
    return node;
}

xmlNodePtr
vim_soap_add_typed(xmlNodePtr parent, const char *name, const char *type)
{
    xmlNodePtr node = xml_add(parent, name, NULL);

    xml_set(node, "xsi:type", type);
    return node;
}

xmlNodePtr
vim_soap_add_int(xmlNodePtr parent, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return xml_add(parent, name, text);
}

xmlNodePtr
vim_soap_add_bool(xmlNodePtr parent, const char *name, bool value)
{
    return xml_add(parent, name, value ? "true" : "false");
}

char *
vim_soap_text(xmlDocPtr request)
{
    CLEANUP_FREE char *text = xml_text(xml_root(request));

    return mem_printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n%s", text);
}

/* --- faults ---------------------------------------------------------------- */

static const struct {
    const char *type;
    enum err_kind kind;
    const char *advice;
} faults[] = {
    {"InvalidLogin", ERR_DENIED,
     "check the user and the password of this hypervisor's credentials"},
    {"NotAuthenticated", ERR_UNREACHABLE, "the session had ended; try again"},
    {"NoPermission", ERR_DENIED,
     "give the account the privilege that the server names"},
    {"ManagedObjectNotFound", ERR_NOT_FOUND, "it is gone meanwhile"},
    {"ConcurrentAccess", ERR_BUSY,
     "somebody else changed the VM meanwhile; try again"},
    {"TaskInProgress", ERR_BUSY, "another task works on it; try again"},
    {"InvalidPowerState", ERR_BAD_STATE,
     "the VM is not in a state for this"},
    {"InvalidState", ERR_BAD_STATE, "the VM is not in a state for this"},
    {"ToolsUnavailable", ERR_BAD_STATE,
     "VMware tools do not run in the guest"},
    {"FileNotFound", ERR_SOURCE_BAD, "look for the file in its datastore"},
    {"FileAlreadyExists", ERR_EXISTS,
     "choose another path, or leave out size to use the file"},
    {"FileLocked", ERR_BUSY, "another VM or task holds the file"},
    {"FileFault", ERR_SOURCE_BAD, "look at the file in its datastore"},
    {"InvalidDatastorePath", ERR_INVALID,
     "a path looks so: [datastore] folder/disk.vmdk"},
    {"InvalidDatastore", ERR_NOT_FOUND, "list the datastores (ListPools)"},
    {"NoDiskSpace", ERR_SOURCE_BAD, "the datastore is full"},
    {"InvalidDeviceSpec", ERR_HYPERVISOR_FAILED,
     "the server does not take this device there"},
    {"InvalidDeviceBacking", ERR_SOURCE_BAD,
     "the server cannot use this file or LUN"},
    {"InvalidDeviceOperation", ERR_HYPERVISOR_FAILED,
     "the server does not allow it for this device as it is"},
    {"DeviceHotPlugNotSupported", ERR_UNSUPPORTED,
     "shut the VM down first"},
    {"InvalidController", ERR_HYPERVISOR_FAILED,
     "the controller is gone or of the wrong kind"},
    {"TooManyDevices", ERR_NO_FREE_UNIT, "every place is taken"},
    {"RDMPointsToInaccessibleDisk", ERR_SOURCE_BAD,
     "the host does not reach the LUN"},
    {"RDMNotSupported", ERR_UNSUPPORTED,
     "the datastore or host knows no raw mappings"},
    {"RDMConversionNotSupported", ERR_UNSUPPORTED, "mappings stay what they are"},
    {"NotSupported", ERR_UNSUPPORTED, "the server does not do this"},
    {"NotImplemented", ERR_UNSUPPORTED, "the server does not do this"},
    {"RestrictedVersion", ERR_UNSUPPORTED,
     "the host's license does not allow changes through its interface"},
    {"LicenseExpired", ERR_DENIED, "renew the host's license"},
    {"RequestCanceled", ERR_CANCELLED, "it was cancelled"},
    {"InvalidRequest", ERR_INTERNAL, "the server calls the request malformed"},
    {"InvalidArgument", ERR_HYPERVISOR_FAILED, "the server refuses a value"},
    {"InvalidProperty", ERR_HYPERVISOR_FAILED,
     "the server does not know a property"},
};

int
vim_soap_fail(const struct vim_fault *fault, const char *what, struct err *err)
{
    const char *gap = fault->text[0] ? ": " : "";

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (strcmp(faults[i].type, fault->type) == 0)
            return err_set(err, faults[i].kind, "%s: the server answers %s%s%s; "
                           "%s", what, fault->type, gap, fault->text,
                           faults[i].advice);
    return err_set(err, ERR_HYPERVISOR_FAILED, "%s: the server answers %s%s%s",
                   what, fault->type, gap, fault->text);
}

void
vim_soap_read_fault(xmlNodePtr error, struct vim_fault *fault)
{
    CLEANUP_FREE char *text = vim_soap_child_text(error, "localizedMessage");
    CLEANUP_FREE char *type = vim_soap_type(xml_child(error, "fault"));

    snprintf(fault->type, sizeof(fault->type), "%s",
             type && *type ? type : "UnknownFault");
    snprintf(fault->text, sizeof(fault->text), "%s", text ? text : "");
}

static void
read_soap_fault(xmlNodePtr node, struct vim_fault *fault)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, "faultstring");
    CLEANUP_FREE char *code = vim_soap_child_text(node, "faultcode");
    CLEANUP_FREE char *type =
        vim_soap_type(xml_child(xml_child(node, "detail"), NULL));
    const char *name = type && *type ? type : code ? code : "fault";

    snprintf(fault->type, sizeof(fault->type), "%s", name);
    snprintf(fault->text, sizeof(fault->text), "%s", text ? text : "");
}

/* --- in -------------------------------------------------------------------- */

xmlDocPtr
vim_soap_reply(const char *text, size_t len, const char *method,
               xmlNodePtr *body, struct vim_fault *fault, struct err *err)
{
    CLEANUP_XML xmlDocPtr doc = NULL;
    CLEANUP_FREE char *name = mem_printf("%sResponse", method);
    struct err why = ERR_INIT;
    xmlNodePtr node;

    *fault = (struct vim_fault){.type = ""};
    doc = xml_parse(text, len, &why);
    if (!doc) {
        err_set(err, ERR_HYPERVISOR_FAILED,
                "The answer to %s is not XML that can be read: %s", method,
                why.message);
        return NULL;
    }
    *body = xml_child(xml_child(xml_root(doc), "Body"), NULL);
    node = *body;
    if (xml_is(xml_root(doc), "Envelope") && node && xml_is(node, name))
        return STEAL(doc);
    if (xml_is(xml_root(doc), "Envelope") && node && xml_is(node, "Fault")) {
        read_soap_fault(node, fault);
        vim_soap_fail(fault, method, err);
        return NULL;
    }
    err_set(err, ERR_HYPERVISOR_FAILED,
            "The answer to %s holds no %s; is it a vSphere server?", method,
            name);
    return NULL;
}

char *
vim_soap_type(xmlNodePtr node)
{
    xmlChar *type = node ? xmlGetNsProp(node, (const xmlChar *)"type",
                                        (const xmlChar *)XSI)
                         : NULL;
    const char *colon = type ? strchr((const char *)type, ':') : NULL;
    char *name =
        mem_dup(colon ? colon + 1 : type ? (const char *)type : "");

    xmlFree(type);
    return name;
}

bool
vim_soap_is(xmlNodePtr node, const char *type)
{
    CLEANUP_FREE char *is = vim_soap_type(node);

    return strcmp(is, type) == 0;
}

char *
vim_soap_child_text(xmlNodePtr node, const char *name)
{
    xmlNodePtr child = xml_child(node, name);

    return child ? xml_content(child) : NULL;
}

int64_t
vim_soap_child_int(xmlNodePtr node, const char *name, int64_t fallback)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, name);
    char *end = NULL;
    int64_t value;

    if (!text || !*text)
        return fallback;
    value = strtoll(text, &end, 10);
    return *end ? fallback : value;
}

bool
vim_soap_child_bool(xmlNodePtr node, const char *name)
{
    CLEANUP_FREE char *text = vim_soap_child_text(node, name);

    return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

bool
vim_soap_ref(xmlNodePtr node, struct vim_ref *ref)
{
    xmlChar *type = node ? xmlGetNoNsProp(node, (const xmlChar *)"type") : NULL;
    CLEANUP_FREE char *id = node ? xml_content(node) : NULL;
    bool ok = type && id && *id && strlen((char *)type) < sizeof(ref->type) &&
              strlen(id) < sizeof(ref->id);

    if (ok) {
        snprintf(ref->type, sizeof(ref->type), "%s", (const char *)type);
        snprintf(ref->id, sizeof(ref->id), "%s", id);
    }
    xmlFree(type);
    return ok;
}
