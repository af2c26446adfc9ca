// SPDX-License-Identifier: Apache-2.0
/*
 * A domain's XML against what a VMware host takes, before libvirt's driver
 * sees it: that driver rounds memory without a word, takes ".." in a path, and
 * keeps a MAC address that will clash. Pure.
 * Source: libvirt's page on its ESX driver.
 */
#pragma once

#include "agent/common/xml.h"

int esx_domain_check(xmlDocPtr domain, struct err *err);
