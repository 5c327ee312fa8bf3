package migrator

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// ourColumns are those of a history of ours, as the server describes them.
var ourColumns = map[string]string{"version": "character varying", "applied_at": "timestamp without time zone", "checksum": "character varying"}

func ours(oid int64, schema, name string) catalogTable {
	return catalogTable{OID: oid, Schema: schema, Name: name, Kind: "r", Columns: ourColumns, Keyed: true}
}

func TestAHistoryIsReadFromTheTableThatTheNameMeans(t *testing.T) {
	t.Parallel()
	read := &historyReader{
		server:  server{Schema: "app", Resolved: 7, Tables: []catalogTable{ours(7, "app", "schema_migrations")}},
		records: rows("1 2?"),
	}
	h, needed, err := newHistory(table{name: "schema_migrations"}, read)
	require.NoError(t, err)
	require.Empty(t, needed)
	require.True(t, h.exists)
	require.Equal(t, table{"app", "schema_migrations"}, h.table, "qualified from now on")
	require.True(t, h.has("1_x.sql"))
	require.False(t, h.has("3_x.sql"))
	require.Empty(t, h.row("2_x.sql").checksum)
	require.Nil(t, h.row("3_x.sql"))
}

func TestWhereThereIsNoTableTheHistoryIsEmptyAndDoesNotExist(t *testing.T) {
	t.Parallel()
	h, needed, err := newHistory(table{name: "schema_migrations"}, &historyReader{server: server{Schema: "public"}})
	require.NoError(t, err)
	require.Empty(t, needed)
	require.False(t, h.exists)
	require.False(t, h.has("1_x.sql"))
	require.Equal(t, table{"public", "schema_migrations"}, h.table)
}

func TestRowsOfATableThatHidesOursAreReadAgainFromOurs(t *testing.T) {
	t.Parallel()
	read := &historyReader{
		server:  server{Schema: "app", Resolved: 99, Tables: []catalogTable{ours(7, "app", "schema_migrations")}}, // 99 is temporary
		records: rows("1 2 3"),
	}
	h, needed, err := newHistory(table{name: "schema_migrations"}, read)
	require.NoError(t, err)
	require.Equal(t, recordsQuery(table{"app", "schema_migrations"}.rows()), needed)
	require.False(t, h.has("1_x.sql"), "those rows are another table's")
}

func TestRowsThatAreNotOursDoNotDecideWhetherOurHistoryIsEmpty(t *testing.T) {
	t.Parallel()
	read := &historyReader{server: server{Schema: "app", Resolved: 99, Tables: []catalogTable{
		ours(7, "app", "schema_migrations"), {OID: 8, Schema: "app", Name: "goose_db_version"},
	}}}
	_, needed, err := newHistory(table{name: "schema_migrations"}, read)
	require.NoError(t, err, "the table that was read is not the history")
	require.NotEmpty(t, needed)
}

func TestAConnectionWithoutASchemaIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := newHistory(table{name: "h"}, &historyReader{})
	var refused *HistoryError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint, "search_path")
	h, _, err := newHistory(table{"app", "h"}, &historyReader{})
	require.NoError(t, err, "whoever names the schema needs no search_path")
	require.Equal(t, table{"app", "h"}, h.table)
}

func TestTheHistoryIsReadInOneMessage(t *testing.T) {
	t.Parallel()
	for _, tbl := range []table{{"", "schema_migrations"}, {"app", "o'clock $reference $table"}} {
		query := historyQuery(tbl)
		statements, err := sqllex.Split(query)
		require.NoError(t, err)
		require.Len(t, statements, 5, "with two settings under which the rows are read")
		require.True(t, strings.HasSuffix(query, recordsQuery(tbl.rows())))
		require.Contains(t, query, "any (array["+sqltext.Literal(tbl.name)+", "+sqltext.Literal(tbl.progress().name)+"]")
		require.Contains(t, query, "to_regclass("+sqltext.Literal(tbl.sql())+")")
		require.NotContains(t, query, "--")
	}
}

func TestWhatTheServerAnswersIsUnderstood(t *testing.T) {
	t.Parallel()
	var s server
	require.NoError(t, json.Unmarshal([]byte(`{"schema": null, "user": "joe", "platform": "PostgreSQL 15.4 on x86_64-pc-linux-gnu", "pid": 4000000000,
		"deadlock_timeout": 0.25, "read_only": true, "standby": true, "citus": true, "resolved": null, "tables": null, "new": 1}`), &s))
	require.Equal(t, server{User: "joe", Platform: "PostgreSQL 15.4 on x86_64-pc-linux-gnu", PID: 4_000_000_000, DeadlockTimeout: 0.25, ReadOnly: true, Standby: true, Citus: true}, s)
	require.NoError(t, json.Unmarshal([]byte(`{"schema": "app", "resolved": 4294967295, "tables": [{"oid": 4294967295, "schema": "app", "name": "h", "columns": null, "keyed": false}]}`), &s))
	require.Equal(t, "h", s.find(table{"app", "h"}).Name)
	require.Nil(t, s.find(table{"public", "h"}))
}

func TestClientsAreCheckedWhereTheServerCan(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]bool{
		"PostgreSQL 18.1 (Debian 18.1-1) on x86_64-pc-linux-gnu, compiled by gcc": true,
		"PostgreSQL 15.4 on aarch64-unknown-linux-musl":                           true,
		"PostgreSQL 14.9 on x86_64-pc-linux-gnu":                                  true,
		"PostgreSQL 14.9 on aarch64-apple-darwin21":                               false,
		"PostgreSQL 15.1 on aarch64-apple-darwin22":                               true,
		"PostgreSQL 16.0 on amd64-portbld-freebsd13.2":                            true,
		"PostgreSQL 17.0 on x86_64-windows, compiled by msvc":                     false,
		"PostgreSQL 16.2, compiled by Visual C++ build 1937, 64-bit":              false,
		"": false,
	} {
		require.Equal(t, want, (&server{Platform: platform}).checksClients(), platform)
	}
}

// The setting is of 14; to an older server it is an error that no file survives.
func TestAServerBefore14IsNotAskedToCheckItsClients(t *testing.T) {
	t.Parallel()
	require.False(t, (&server{Platform: "PostgreSQL 13.12 on x86_64-pc-linux-gnu"}).checksClients())
}
