package servertest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestTheNameInTheHintIsTheOneThatTheServerWouldChoose(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `create schema app; create table app.users (id int, email text, "Name" text, at timestamptz); create table "Odd.One" ("a""b" int, c int)`)
	for _, statement := range []string{
		"create index concurrently on app.users (id)", "CREATE UNIQUE INDEX CONCURRENTLY ON App.USERS USING btree (ID desc nulls last, Email)", `create index concurrently on app.users (email collate "C", "Name")`,
		"create index concurrently on only app.users (lower(email), (id + 1))", "create index concurrently on app.users (date_trunc('day', at at time zone 'utc')) include (id) where (email <> 'x  y')",
		`create index concurrently on "Odd.One" ("a""b", c)`, "create index concurrently -- a comment\n on only (app.users) (at)",
	} {
		_, err := open(t, url, files("1_a.sql", "-- migrator: no-transaction\n"+statement+";\n"), migrator.Config{}).Plan(patience(t), migrator.Up())
		require.ErrorContains(t, err, "the index has no name")
		_, named, found := strings.Cut(err.Error(), "HINT: name it: ")
		require.True(t, found, err.Error())
		execute(t, url, named)
		execute(t, url, statement)
		names := query(t, url, "select relname::text from pg_class where relkind = 'i' and relname not like 'schema_migrations%' and relnamespace <> 'pg_catalog'::regnamespace and relnamespace <> 'pg_toast'::regnamespace order by oid desc limit 2")
		require.Equal(t, names[1]+"1", names[0], "of two of a name PostgreSQL numbers the second")
	}
}
