// SPDX-License-Identifier: Apache-2.0
/*
 * The schema of berth.db: an array of migrations. Text number i brings a
 * database from version i to version i + 1; store.c runs each in a
 * transaction of its own. A text that was released is never edited: a change
 * is a new text at the end.
 */
#pragma once

/* PRAGMA application_id: "brth". It tells our file from any other. */
#define STORE_SCHEMA_APPLICATION 0x62727468

extern const char *const store_schema_migrations[];
extern const int store_schema_version; /* how many there are */
