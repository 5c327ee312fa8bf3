package history

import (
	_ "embed"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

var (
	//go:embed server.sql
	serverSQL string
	//go:embed fast.sql
	fastSQL string
	//go:embed search.sql
	searchSQL string
)

// TimestampLayout is the layout of AsTimestamp for time.Parse.
const TimestampLayout = "2006-01-02 15:04:05.999999"

// AsTimestamp returns an SQL expression for a timestamp as text. Its form does not depend on the settings of the session.
func AsTimestamp(sql string) string {
	return "pg_catalog.to_char(" + sql + ", 'YYYY-MM-DD HH24:MI:SS.US')"
}

// Query returns one message with three answers: the Server, a Search if there is no history, and the rows of the table that the
// name means. If there is no such table, only the last part fails, after the others are answered.
func Query(t Table) string {
	reference := sqltext.Literal(t.SQL())
	schema := "null"
	if t.Schema != "" {
		schema = sqltext.Literal(t.Schema)
	}
	first := strings.NewReplacer(
		"$table", sqltext.Literal(t.Name), "$progress", sqltext.Literal(t.Progress().Name), "$schema", schema, "$reference", reference, "$start", ServerStart,
		"$filled", "case when c.relname operator(pg_catalog.=) "+sqltext.Literal(t.Name)+" then "+Columns+" else "+ProgressColumns+" end",
		"$trusted", TrustedOwner("c.relowner", "n.nspowner"),
	).Replace(sqltext.WithoutComments(serverSQL))
	return first + ";\n" + SearchQuery(t, notThere(t)) + ";\n" + RecordsQuery(t.Rows())
}

// RecordsQuery returns a query for the history rows in a FROM clause. It sets DateStyle, so that times have one form.
func RecordsQuery(rows string) string {
	return ReadSafely + "set local datestyle = 'ISO';\nselect version, applied_at, checksum from " + rows
}

// FastQuery is Query for a simple history. Most runs find nothing pending, and asking the catalog for tables costs the server
// more than all the rest.
func FastQuery(t Table) string {
	schema := "pg_catalog.current_schema()"
	if t.Schema != "" {
		schema = sqltext.Literal(t.Schema)
	}
	first := strings.NewReplacer(
		"$schema", schema, "$table", sqltext.Literal(t.Name), "$progress", sqltext.Literal(t.Progress().Name), "$reference", sqltext.Literal(t.SQL()), "$start", ServerStart,
	).Replace(sqltext.WithoutComments(fastSQL))
	return first + ";\n" + ReadSafely + "select version, null, checksum from " + t.Rows()
}

// ServerStart is an SQL expression for the time at which the server was started. It identifies the server.
var ServerStart = AsTimestamp("pg_catalog.timezone('utc', pg_catalog.pg_postmaster_start_time())")
