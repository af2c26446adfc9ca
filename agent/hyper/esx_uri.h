// SPDX-License-Identifier: Apache-2.0
/*
 * The URIs of libvirt's ESX driver, checked by us first: a bad value of a
 * parameter crashes the driver of libvirt 9.0. Pure.
 * Source: libvirt's page "VMware ESX hypervisor driver", section URIs.
 */
#pragma once

#include <stdbool.h>

#include "agent/common/err.h"

struct esx_uri {
    char scheme[8]; /* "esx", "vpx", "gsx" */
    char user[128]; /* "" : the credentials say */
    char host[256];
    int port;       /* never 0 */
    char path[768]; /* "DC/cluster/host" of vpx, decoded, else "" */
    bool http;      /* transport=http */
    char vcenter[256]; /* "", an address, or "*" */
    bool no_verify;
    bool auto_answer;
    char proxy[300]; /* as libcurl takes it, or "" */
};

/* INVALID with what is wrong; UNSUPPORTED for schemes that are libvirt's own
 * remote transports. */
int esx_uri_parse(const char *text, struct esx_uri *uri, struct err *err);

/* Whether a URI is of this backend, by its scheme alone. */
bool esx_uri_is(const char *text);

/* Where its SOAP service is; returns owned. */
char *esx_uri_sdk(const struct esx_uri *uri);
