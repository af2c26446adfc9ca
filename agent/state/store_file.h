// SPDX-License-Identifier: Apache-2.0
/*
 * The files around the database: the directory, the lock that keeps a second
 * berthd out, the empty database file with its mode, and the reserve. No
 * SQLite. Called by store.c: the opening thread, then the writer.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/common/err.h"

#define STORE_FILE_RESERVE (1024 * 1024) /* bytes */

/*
 * Make the directory (0700), lock DIR/berth.lock and make DIR/berth.db (0600)
 * where it does not exist. Returns the lock's descriptor (owned: closing it
 * unlocks), -1 + err: BUSY (another berthd, by its pid), READ_ONLY.
 */
int store_file_claim(const char *dir, struct err *err);

/* The process that holds DIR/berth.lock, by what it wrote there; 0: nobody,
 * -1: it cannot be told. Takes no lock itself. */
pid_t store_file_holder(const char *dir);

/* Allocate DIR/berth.reserve in full; false when there is no room. */
bool store_file_reserve(const char *dir);

/* Give its space back to the file system. */
void store_file_release(const char *dir);
