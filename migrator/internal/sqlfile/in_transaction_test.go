package sqlfile

import "testing"

func TestAStatementThatCannotRunInATransactionIsRefused(t *testing.T) {
	t.Parallel()
	const message = "cannot run inside a transaction"
	refused(t, message, "create index concurrently i on t (a)", "create unique index concurrently if not exists i on t (a)", "create index concurrently on t (a)",
		"CREATE INDEX /* why */ CONCURRENTLY i ON t (a)", "drop index concurrently i", "drop index concurrently if exists a, b cascade")
	refused(t, message, "create database d", "drop database if exists d", "create tablespace s location '/s'", "drop tablespace s",
		"alter database d set tablespace s", "alter system set work_mem = '1GB'", "alter system reset all")
	refused(t, message, "vacuum", "vacuum t", "vacuum (full, analyze) t", "vacuum analyze", "cluster", "cluster verbose", "discard all")
	refused(t, message, "reindex schema s", "reindex database d", "reindex system d", "reindex (verbose) schema s", "reindex schema concurrently s",
		"reindex index concurrently i", "reindex table concurrently t", "reindex (concurrently) table t", "reindex (verbose, concurrently true) index i",
		"reindex (concurrently on, tablespace s) table t", "reindex table concurrently database")
	refused(t, message, "alter table p detach partition c concurrently", "alter table if exists only s.p detach/**/partition s.c Concurrently")
	refused(t, message, "create subscription s connection 'x' publication p", "create subscription s connection 'x' publication p with (create_slot)",
		"create subscription s connection 'x' publication p with (create_slot = true, enabled = false)",
		"create subscription s connection 'x' publication p with (create_slot = on)")
}

func TestItsNeighbourThatCanRunInATransactionIsLegal(t *testing.T) {
	t.Parallel()
	legal(t, "create index i on t (a)", "create unique index if not exists i on t (a)", `create index i on "concurrently" (a)`, `create index "concurrently" on t (a)`,
		"drop index i", `drop index "concurrently"`, "drop index if exists a, b", "create index i on t (a) where b = 'concurrently'")
	legal(t, "alter database d set work_mem = '1GB'", "alter database d rename to e", "alter database d set default_tablespace = s", "create table t (a int) tablespace s",
		"alter table t set tablespace s", "comment on database d is 'x'", `create table "database" (a int)`, "create table systems (a int)")
	legal(t, "analyze", "analyze t", "cluster t", "cluster t using i", "cluster verbose t", "discard temp", "discard plans", "discard sequences")
	legal(t, "reindex index i", "reindex table t", "reindex (verbose) table t", "reindex (concurrently false) table t", "reindex (concurrently off) index i",
		"reindex (concurrently 0, verbose) table t", `reindex table "concurrently"`, `reindex table "schema"`, "reindex index schema.i", "reindex (tablespace s) table t")
	legal(t, "alter table p detach partition c", "alter table p detach partition c finalize", "alter table p attach partition c default",
		`alter table p detach partition "concurrently"`, "alter table t add column detach int", "alter table t rename detach to attach")
	legal(t, "create subscription s connection 'x' publication p with (create_slot = false)", "create subscription s connection 'x' publication p with (connect = off)",
		"create subscription s connection 'x' publication p with (enabled = false, create_slot = 'false', slot_name = none)",
		"create subscription s connection 'x' publication p with (CREATE_SLOT = 0)", "drop subscription s", "alter subscription s disable")
	legal(t, "alter type mood add value 'happy'", "refresh materialized view concurrently v", "notify c", "listen c", "lock table t in access exclusive mode",
		"create extension if not exists pgcrypto", "truncate t", "call p()")
}

func TestAStatementThatPostgreSQLRefusesInATransactionWhateverTheCatalogSaysIsRefused(t *testing.T) {
	t.Parallel()
	const message = "cannot run inside a transaction"
	refused(t, message, "cluster (verbose)", "alter subscription s refresh publication", "alter subscription s refresh publication with (copy_data = false)",
		"alter subscription s set publication p", "alter subscription s add publication p", "alter subscription s drop publication p with (refresh)")
	legal(t, "alter subscription s set publication p with (refresh = false)", "alter subscription s enable")
}
