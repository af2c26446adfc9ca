// SPDX-License-Identifier: Apache-2.0
/*
 * The tables, in SQL that SQLite 3.24 already understands. `vm` and `device`
 * are what vm_table keeps, `op` and `step` the journal, `event` the event
 * log, `audit` and `policy` the audit. No code here; store.c runs the texts.
 */
#include "agent/state/store_schema.h"

/* ended_ms is set exactly when the state is over: the receipts' age and
 * bound go by it. step lives and dies with its operation. */
static const char version_1[] =
    "CREATE TABLE vm ("
    " vm_id TEXT PRIMARY KEY NOT NULL,"
    " name TEXT NOT NULL,"
    " hypervisor TEXT NOT NULL,"
    " adopted INTEGER NOT NULL DEFAULT 0,"
    " virtio_scsi INTEGER NOT NULL DEFAULT 1,"
    " guest_os TEXT,"
    " created_ms INTEGER NOT NULL);"

    "CREATE TABLE device ("
    " vm_id TEXT NOT NULL,"
    " device_id TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " alias TEXT,"
    " address TEXT," /* JSON */
    " spec TEXT,"    /* JSON */
    " plugged INTEGER NOT NULL DEFAULT 0,"
    " state TEXT,"
    " generation INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (vm_id, device_id));"

    "CREATE TABLE op ("
    " op_id TEXT NOT NULL,"
    " peer TEXT NOT NULL,"
    " verb TEXT NOT NULL,"
    " vm_id TEXT,"
    " flow_id TEXT,"
    " body_hash TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " started_ms INTEGER NOT NULL,"
    " ended_ms INTEGER,"
    " receipt TEXT," /* JSON */
    " UNIQUE (peer, op_id));"
    "CREATE INDEX op_by_id ON op (op_id);"
    "CREATE INDEX op_by_state ON op (state, started_ms);"
    "CREATE INDEX op_by_vm ON op (vm_id, started_ms);"
    "CREATE INDEX op_by_start ON op (started_ms);"
    "CREATE INDEX op_by_end ON op (ended_ms);"

    "CREATE TABLE step ("
    " peer TEXT NOT NULL,"
    " op_id TEXT NOT NULL,"
    " seq INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " intent TEXT," /* JSON */
    " outcome TEXT,"
    " outcome_detail TEXT," /* JSON */
    " intent_ms INTEGER NOT NULL,"
    " outcome_ms INTEGER,"
    " PRIMARY KEY (peer, op_id, seq),"
    " FOREIGN KEY (peer, op_id) REFERENCES op (peer, op_id)"
    "  ON DELETE CASCADE);"

    "CREATE TABLE event ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " time_ms INTEGER NOT NULL,"
    " type TEXT NOT NULL,"
    " vm TEXT,"
    " device TEXT,"
    " op_id TEXT,"
    " flow_id TEXT,"
    " origin TEXT NOT NULL,"
    " data TEXT);"; /* JSON */

/* The plan of an operation, so that a restart can go on with it or undo it,
 * and the wall time after which it may not be gone on with. */
static const char version_2[] =
    "ALTER TABLE op ADD COLUMN plan TEXT;" /* JSON */
    "ALTER TABLE op ADD COLUMN deadline_ms INTEGER;";

/* Hosts by proxy: whose operation it is, and the disks that we keep of a
 * machine there (doc is JSON). */
static const char version_3[] =
    "ALTER TABLE op ADD COLUMN hypervisor TEXT;"
    "CREATE TABLE remote_disk ("
    " hypervisor TEXT NOT NULL,"
    " vm_id TEXT NOT NULL,"
    " disk_id TEXT NOT NULL,"
    " doc TEXT NOT NULL,"
    " PRIMARY KEY (hypervisor, vm_id, disk_id));";

/* Rows are only added; hash is over all the others (store_chain.c), prev that
 * of the row before. policy is what was last written down of each setting. */
static const char version_4[] =
    "CREATE TABLE audit ("
    " seq INTEGER PRIMARY KEY NOT NULL,"
    " time_ms INTEGER NOT NULL,"
    " what TEXT NOT NULL,"
    " result TEXT,"
    " peer TEXT,"
    " verb TEXT,"
    " flow_id TEXT,"
    " op_id TEXT,"
    " vm TEXT,"
    " vm_name TEXT,"
    " disk TEXT,"
    " lun TEXT,"
    " subject TEXT,"
    " before TEXT," /* JSON */
    " after TEXT,"  /* JSON */
    " why TEXT,"
    " prev TEXT NOT NULL,"
    " hash TEXT NOT NULL);"

    "CREATE TABLE policy ("
    " name TEXT PRIMARY KEY NOT NULL,"
    " value TEXT NOT NULL);";

/* What of a VM itself was granted beyond an ordinary one, in words. */
static const char version_5[] = "ALTER TABLE vm ADD COLUMN granted TEXT;";

const char *const store_schema_migrations[] = {
    version_1, version_2, version_3, version_4, version_5};
const int store_schema_version =
    sizeof(store_schema_migrations) / sizeof(store_schema_migrations[0]);
