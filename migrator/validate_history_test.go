package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// ourColumns are those of a history of ours, as the server describes them.
var ourColumns = map[string]string{"version": "character varying", "applied_at": "timestamp without time zone", "checksum": "character varying"}

func ours(oid int64, schema, name string) history.CatalogTable {
	return history.CatalogTable{OID: oid, Schema: schema, Name: name, Kind: "r", Columns: ourColumns, Keyed: true}
}

func TestAHistoryIsReadFromTheTableThatTheNameMeans(t *testing.T) {
	t.Parallel()
	read := &history.Reader{
		Server:  history.Server{Schema: "app", Resolved: 7, Tables: []history.CatalogTable{ours(7, "app", "schema_migrations")}},
		Records: rows("1 2?"),
	}
	h, needed, err := newHistory(history.Table{Name: "schema_migrations"}, read)
	require.NoError(t, err)
	require.Empty(t, needed)
	require.True(t, h.Exists)
	require.Equal(t, history.Table{Schema: "app", Name: "schema_migrations"}, h.Table, "qualified from now on")
	require.True(t, h.Has("1_x.sql"))
	require.False(t, h.Has("3_x.sql"))
	require.Empty(t, h.Row("2_x.sql").Checksum)
	require.Nil(t, h.Row("3_x.sql"))
}

func TestWhereThereIsNoTableTheHistoryIsEmptyAndDoesNotExist(t *testing.T) {
	t.Parallel()
	h, needed, err := newHistory(history.Table{Name: "schema_migrations"}, &history.Reader{Server: history.Server{Schema: "public"}})
	require.NoError(t, err)
	require.Empty(t, needed)
	require.False(t, h.Exists)
	require.False(t, h.Has("1_x.sql"))
	require.Equal(t, history.Table{Schema: "public", Name: "schema_migrations"}, h.Table)
}

func TestRowsOfATableThatHidesOursAreReadAgainFromOurs(t *testing.T) {
	t.Parallel()
	read := &history.Reader{
		Server:  history.Server{Schema: "app", Resolved: 99, Tables: []history.CatalogTable{ours(7, "app", "schema_migrations")}}, // 99 is temporary
		Records: rows("1 2 3"),
	}
	h, needed, err := newHistory(history.Table{Name: "schema_migrations"}, read)
	require.NoError(t, err)
	require.Equal(t, history.RecordsQuery(history.Table{Schema: "app", Name: "schema_migrations"}.Rows()), needed)
	require.False(t, h.Has("1_x.sql"), "those rows are another table's")
}

func TestRowsThatAreNotOursDoNotDecideWhetherOurHistoryIsEmpty(t *testing.T) {
	t.Parallel()
	read := &history.Reader{Server: history.Server{Schema: "app", Resolved: 99, Tables: []history.CatalogTable{
		ours(7, "app", "schema_migrations"), {OID: 8, Schema: "app", Name: "goose_db_version"},
	}}}
	_, needed, err := newHistory(history.Table{Name: "schema_migrations"}, read)
	require.NoError(t, err, "the table that was read is not the history")
	require.NotEmpty(t, needed)
}

func TestAConnectionWithoutASchemaIsRefused(t *testing.T) {
	t.Parallel()
	_, _, err := newHistory(history.Table{Name: "h"}, &history.Reader{})
	var refused *HistoryError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Hint, "search_path")
	h, _, err := newHistory(history.Table{Schema: "app", Name: "h"}, &history.Reader{})
	require.NoError(t, err, "whoever names the schema needs no search_path")
	require.Equal(t, history.Table{Schema: "app", Name: "h"}, h.Table)
}
