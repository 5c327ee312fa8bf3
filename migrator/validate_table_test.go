package migrator

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// judged is what newHistory says of a server's tables, where the connection's schema is public.
func judged(configured history.Table, records []history.Record, tables ...history.CatalogTable) error {
	s := history.Server{Schema: "public", Tables: tables}
	for _, found := range tables {
		if found.Name == configured.Name && (found.Schema == configured.Schema || configured.Schema == "") {
			s.Resolved = found.OID
		}
	}
	_, _, err := newHistory(configured, &history.Reader{Server: s, Records: records})
	return err
}

func TestAHistoryOfAnotherToolIsRefusedWithItsName(t *testing.T) {
	t.Parallel()
	const hint = "\nHINT: keep this tool's history under another name or in a schema of its own (--table app.schema_migrations, Config.Table), and record there what is applied already with baseline"
	plain := history.Table{Name: "schema_migrations"}
	for want, found := range map[string]map[string]string{
		"belongs to golang-migrate (its columns are dirty boolean, version bigint)":   {"version": "bigint", "dirty": "boolean"},
		"belongs to dbmate or Rails (its columns are version character varying)":      {"version": "character varying"},
		"belongs to another tool (its columns are id integer, version text)":          {"version": "text", "id": "integer"},
		"belongs to another tool (its columns are )":                                  nil,
		"belongs to another tool (its columns are applied_at date, version smallint)": {"version": "smallint", "applied_at": "date"},
	} {
		foreign := history.CatalogTable{OID: 7, Schema: "public", Name: "schema_migrations", Kind: "r", Columns: found, Keyed: true}
		require.EqualError(t, judged(plain, nil, foreign), "history table public.schema_migrations: "+want+hint)
		require.Error(t, judged(history.Table{Schema: "public", Name: "schema_migrations"}, nil, foreign), "also where the schema is named")
	}
}

func TestAHistoryWithoutItsKeyIsRefused(t *testing.T) {
	t.Parallel()
	keyless := ours(7, "public", "schema_migrations")
	keyless.Keyed = false
	require.EqualError(t, judged(history.Table{Name: "schema_migrations"}, rows("1"), keyless),
		"history table public.schema_migrations: has no unique index on version, which decides who applies a file\n"+
			`HINT: alter table "public"."schema_migrations" add primary key (version)`)
}

func TestSomethingElseOfTheHistorysNameIsRefused(t *testing.T) {
	t.Parallel()
	view := ours(7, "public", "schema_migrations")
	view.Kind = "v"
	require.ErrorContains(t, judged(plainName, nil, view), "is not a table, but something else of this name")
	for column, other := range map[string]string{"version": "character", "checksum": "bytea"} {
		table := ours(7, "public", "schema_migrations")
		table.Columns = maps.Clone(table.Columns)
		table.Columns[column] = other
		require.ErrorContains(t, judged(plainName, nil, table), "belongs to another tool", column)
	}
	zoned := ours(7, "public", "schema_migrations")
	zoned.Columns = maps.Clone(zoned.Columns)
	zoned.Columns["applied_at"] = "timestamp with time zone"
	require.ErrorContains(t, judged(plainName, nil, zoned), "HINT: alter table \"public\".\"schema_migrations\" alter applied_at type timestamp using applied_at at time zone 'UTC'")
}

var plainName = history.Table{Name: "schema_migrations"}
