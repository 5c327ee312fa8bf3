//go:build unix

package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestAFileWithoutATransactionDoesNotStopReplication has a subscriber that gets all tables, the history among them.
func TestAFileWithoutATransactionDoesNotStopReplication(t *testing.T) {
	t.Parallel()
	server := startServer(t, map[string]string{"wal_level": "logical"})
	for name, publication := range map[string]string{"every": "for all tables", "schema": "for tables in schema public"} {
		url, subscriber := server.database(t, name), server.database(t, name+"_reader")
		if name == "schema" && query(t, url, "select (current_setting('server_version_num')::int >= 150000)::text")[0] == "false" {
			continue // there is no such publication
		}
		first := []string{"001_t.sql", "create table t (a int primary key);\n"}
		_, err := open(t, url, files(first...), migrator.Config{}).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		execute(t, subscriber, "create table t (a int primary key); create table schema_migrations (version text primary key, applied_at timestamp, checksum text)")

		execute(t, url, "create publication everything "+publication)
		execute(t, url, "select pg_create_logical_replication_slot('slot_"+name+"', 'pgoutput')")
		execute(t, subscriber, "create subscription s_"+name+" connection '"+url+"' publication everything with (create_slot = false, slot_name = slot_"+name+")")
		t.Cleanup(func() {
			execute(t, subscriber, "alter subscription s_"+name+" disable; alter subscription s_"+name+" set (slot_name = none); drop subscription s_"+name)
		})

		m := open(t, url, files(append(first, "002_i.sql", noTransaction+"insert into t values (1);\ncreate index concurrently i on t (a);\ninsert into t values (2);\n")...), migrator.Config{})
		_, err = m.Run(patience(t), migrator.Up())
		var refused *migrator.HistoryError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "public.schema_migrations_progress", refused.Table)
		require.Contains(t, refused.Message, `002_i.sql runs without a transaction and needs this table, but publication "everything" would contain it`)
		_, err = m.Plan(patience(t), migrator.Up())
		require.ErrorAs(t, err, &refused)
		require.NoError(t, m.Verify(patience(t)))

		ddl := between(t, refused.Hint+"\n", "stays:\n", ";\n")
		execute(t, subscriber, ddl)
		execute(t, url, ddl)
		_, err = m.Run(patience(t), migrator.Up())
		require.NoError(t, err)
		waitFor(t, subscriber, "select (count(*) = 2)::text from t")
		require.Equal(t, []string{"true"}, query(t, url, "select (to_regclass('schema_migrations_progress') is not null)::text"))
	}
}

func TestAFileThatMakesThePublicationIsFollowedByNoTableOfOurs(t *testing.T) {
	t.Parallel()
	url := startServer(t, map[string]string{"wal_level": "logical"}).database(t, "published")
	_, err := open(t, url, files("001_p.sql", "create publication everything for all tables;\n", "002_i.sql", noTransaction+"create table t (a int);\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, `publication "everything" would contain it`)
	require.Equal(t, []string{"001_p.sql"}, query(t, url, "select version from schema_migrations"))
}

// TestAPublicationThatNobodyCanSubscribeToRefusesNothing: without wal_level = logical there is no replication of tables.
func TestAPublicationThatNobodyCanSubscribeToRefusesNothing(t *testing.T) {
	t.Parallel()
	url := startServer(t, map[string]string{"wal_level": "replica"}).database(t, "published")
	execute(t, url, "create publication everything for all tables; create publication t_only")
	_, err := open(t, url, indexFiles(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
}
