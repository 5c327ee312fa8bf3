package migrator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// placed is a history that is not there, with what was found around it.
func placed(schema, source string, finds ...history.Find) *history.History {
	return &history.History{
		Table: history.Table{Schema: schema, Name: history.DefaultTable}, Server: history.Server{Schema: schema, User: "joe"}, Search: &history.Search{Source: source}, Finds: finds,
	}
}

func TestFilesThatAreAppliedElsewhereAreRefusedWhereNobodyChoseThePlace(t *testing.T) {
	t.Parallel()
	migrations := versions("1 2")
	applied := func(schema, name string, relations ...string) history.Find {
		return history.Find{Candidate: &history.Candidate{CatalogTable: ours(9, schema, name), Relations: relations}, Shared: []string{string(migrations[0].Version)}}
	}
	owned := func(f history.Find) history.Find {
		f.Owned = true
		return f
	}
	for _, c := range []struct {
		name    string
		config  Config
		h       *history.History
		refused bool
	}{
		{"the default", Config{}, placed("public", "default", applied("app", "history")), true},
		{"the server's search_path", Config{}, placed("app", "configuration file", applied("public", history.DefaultTable)), true},
		{"the database's search_path", Config{}, placed("app", "database", applied("public", history.DefaultTable)), true},
		{"a name without a schema", Config{Table: history.DefaultTable}, placed("public", "default", applied("app", history.DefaultTable)), true},
		{"a schema that the files have made", Config{}, placed("app", "user", applied("public", history.DefaultTable, "1")), true},
		{"the role's search_path, which led to its history", Config{}, placed("app", "user", owned(applied("public", history.DefaultTable))), true},
		{"the same in one database", Config{}, placed("app", "database user", owned(applied("public", history.DefaultTable))), true},
		{"the role's own schema, and its history elsewhere", Config{}, placed("joe", "default", owned(applied("app", history.DefaultTable))), true},

		{"the table is named", Config{Table: "public.schema_migrations"}, placed("public", "default", applied("app", "history")), false},
		{"another name", Config{Table: history.DefaultTable}, placed("public", "default", applied("public", "tenant_history")), false},
		{"the role's search_path", Config{}, placed("tenant", "user", applied("public", history.DefaultTable, "by_hand")), false},
		{"the connection's search_path", Config{}, placed("tenant", "client", owned(applied("other", history.DefaultTable))), false},
		{"the role's own schema", Config{}, placed("joe", "default", applied("ann", history.DefaultTable)), false},
	} {
		m := New(nil, migrations, c.config)
		_, err := m.plan(c.h, Up(), script.Writer{Table: c.h.Table}, &reviewer{})
		_, downErr := m.plan(c.h, Down(1), script.Writer{Table: c.h.Table}, &reviewer{})
		if c.refused {
			f := c.h.Finds[0]
			message, hint := "history table "+c.h.Table.String()+": is empty, but "+f.Table().String()+" records 1_x.sql: ", "\nHINT: if that is their history: --table "+f.Table().String()+" (Config.Table)"
			require.EqualError(t, err, message+"they would be applied again"+hint+"; to apply them here too: --table "+c.h.Table.String(), c.name)
			require.EqualError(t, downErr, message+"there is nothing to revert here"+hint, c.name)
			_, err = m.plan(c.h, Baseline(""), script.Writer{Table: c.h.Table}, &reviewer{})
			require.NoError(t, err, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.NoError(t, downErr, c.name)
		plan, err := m.plan(c.h, Up(), script.Writer{Table: c.h.Table}, &reviewer{})
		require.NoError(t, err)
		require.Len(t, plan.Warnings, 1, c.name)
		require.Contains(t, plan.Warnings[0], " records 1_x.sql too", c.name)
	}
}

func TestFilesAreSharedByNameOrChecksum(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		files, records string
		want, same     int
	}{
		{"1 2", "1 2", 2, 2},
		{"1 2", "1? 3", 1, 1},
		{"1 2", "1! 3", 1, 0}, // two services have a file of that name
		{"1 2", "7=2 8", 1, 1},
		{"1 2", "1 2!", 2, 1}, // and have another file in common
		{"1 2", "3 4", 0, 0},
		{"1=", "7=", 0, 0}, // files without a statement are all alike
		{"", "1", 0, 0},
	} {
		applied, same := shared(rows(c.records), versions(c.files))
		require.Len(t, applied, c.want, "%s and %s", c.files, c.records)
		require.Len(t, same, c.same, "%s and %s", c.files, c.records)
	}
}

func TestTheFilesThatHaveMadeASchemaCountInTheirOrder(t *testing.T) {
	t.Parallel()
	first, second := &Migration{Version: "1_x.sql", Up: Script{SQL: "create table app.t ();"}}, &Migration{Version: "2_x.sql", Up: Script{SQL: "drop table app.t;"}}
	require.False(t, sqlfile.HaveMade(textsOf([]*Migration{second, first}), "app", "joe", []string{"t"}))
}
