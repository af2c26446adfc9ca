// SPDX-License-Identifier: Apache-2.0
/*
 * The SQL function berth_chain(value, …): SHA-256 over its values, so that a
 * row's hash is made by the statement that adds it, in the writer's order, and
 * again by the one that verifies it. One thread per connection.
 */
#pragma once

#include <sqlite3.h>

/* Make it known to a connection. Returns a code of SQLite's. */
int store_chain_install(sqlite3 *handle);
