// SPDX-License-Identifier: Apache-2.0
/* What the tests of the store share: rows of one table, and files that are
 * prepared or spoilt from outside. */
#pragma once

#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>

#include "agent/common/mem.h"
#include "agent/state/store.h"

#define ADD_VM \
    "INSERT INTO vm (vm_id, name, hypervisor, created_ms) VALUES (?, ?, ?, ?)"

static inline struct store *
open_store(const char *dir)
{
    struct err err = ERR_INIT;
    struct store *store = store_open(dir, &err);

    if (!store)
        fail_msg("%s", err.message);
    return store;
}

static inline void
add_vm(struct store_batch *batch, const char *id)
{
    store_batch_add(batch, ADD_VM, "ttti", id, "name", "local", (int64_t)1);
}

static inline int
commit_vm(struct store *store, const char *id, struct err *err)
{
    struct store_batch *batch = store_batch_new();

    add_vm(batch, id);
    return store_commit(store, batch, err);
}

static inline int
keep_int(void *ctx, const struct store_row *row)
{
    *(int64_t *)ctx = store_row_int(row, 0);
    return 1;
}

static inline int64_t
count_vms(struct store *store)
{
    int64_t count = -1;
    struct err err = ERR_INIT;

    if (store_read(store, &err, keep_int, &count, "SELECT count(*) FROM vm",
                   "") < 0)
        fail_msg("%s", err.message);
    return count;
}

/* Run SQL on a database file from outside. */
static inline void
raw(const char *dir, const char *sql)
{
    char path[300];
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/berth.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static inline void
assert_refused(const char *dir, enum err_kind kind, const char *part)
{
    struct err err = ERR_INIT;

    assert_null(store_open(dir, &err));
    unit_err(&err, kind, part);
}

/* The files of a folder in order, a line each. */
static inline void
names_in(const char *path, char out[1024])
{
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort);

    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        strcat(strcat(out, list[i]->d_name), "\n");
        free(list[i]);
    }
    free(list);
}

/* Overwrite len bytes of berth.db from offset. */
static inline void
damage(const char *dir, off_t offset, size_t len)
{
    CLEANUP_FREE char *junk = mem_zalloc(1, len);
    char path[512];
    int fd;

    memset(junk, 0xa5, len);
    snprintf(path, sizeof(path), "%s/berth.db", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, len, offset), (ssize_t)len);
    close(fd);
}
