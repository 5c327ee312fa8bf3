package migrator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// newHistory makes a History of the answers. If needed is not "", it is a query for the rows, which must be read from the right
// table first: the name meant another table, or the table has partitions or inheriting tables.
func newHistory(configured history.Table, read *history.Reader) (h *history.History, needed string, err error) {
	h = &history.History{Server: read.Server, Table: configured}
	if h.Table.Schema == "" {
		h.Table.Schema = read.Server.Schema
	}
	if h.Table.Schema == "" || strings.HasPrefix(h.Table.Schema, "pg_") {
		return nil, "", &HistoryError{
			Table: configured.String(), Message: "the search_path of the connection begins with no schema to keep it in",
			Hint: "set the search_path of the role or database to a schema that exists and that the role may use, or name the schema: app.schema_migrations",
		}
	}
	if read.Server.NoSchema {
		return nil, "", &HistoryError{
			Table: h.Table.String(), Message: "there is no schema of this name",
			Hint: "create schema " + sqltext.Ident(h.Table.Schema) + ", or name another one; capital letters count",
		}
	}
	ours := read.Server.Find(h.Table)
	if err := validateTable(&read.Server, h.Table, ours); err != nil {
		return nil, "", err
	}
	if ours != nil && len(ours.Below) > 0 {
		return h, history.RecordsQuery(h.Table.AllRows()), nil
	}
	if ours != nil && ours.OID != read.Server.Resolved {
		return h, history.RecordsQuery(h.Table.Rows()), nil
	}
	if ours == nil {
		h.Search, h.NextRecords = read.Search, read.Records
		return h, "", nil
	}
	h.Fill(read.Records)
	return h, "", nil
}

// validateTable refuses a table at the history's place that this tool cannot use. found is nil if there is none.
func validateTable(s *history.Server, t history.Table, found *history.CatalogTable) error {
	switch {
	case found == nil:
		return nil
	case found.Kind != "r" && found.Kind != "p":
		return &HistoryError{
			Table: t.String(), Message: "is not a table, but something else of this name",
			Hint: "rename that, or keep the history under another name: app.schema_migrations",
		}
	case slices.Contains(found.Below, "f"):
		return &HistoryError{
			Table: t.String(), Message: "has a foreign table among its partitions, or among the tables that inherit from it",
			Hint: "detach that, or keep the history under another name: app.schema_migrations",
		}
	case found.Owner() != "":
		return &HistoryError{
			Table: t.String(), Message: fmt.Sprintf("belongs to %s (its columns are %s)", found.Owner(), found.Describe()),
			Hint: "keep this tool's history under another name or in a schema of its own (--table app.schema_migrations, Config.Table), and record there what is applied already with baseline",
		}
	case found.Guarded:
		user := sqltext.Ident(s.User)
		return &HistoryError{
			Table: t.String(), Message: "has row level security, which may hide rows from " + s.User + ": what has run could run again",
			Hint: fmt.Sprintf("alter table %s disable row level security; or alter table %[1]s owner to %s; or alter role %[2]s bypassrls", t.SQL(), user),
		}
	case found.Columns["applied_at"] != "timestamp without time zone":
		return &HistoryError{
			Table: t.String(), Message: "has the type " + found.Columns["applied_at"] + " for applied_at, where timestamp is meant, in UTC",
			Hint: fmt.Sprintf("alter table %s alter applied_at type timestamp using applied_at at time zone 'UTC'", t.SQL()),
		}
	case !found.Keyed:
		return &HistoryError{
			Table: t.String(), Message: "has no unique index on version, which decides who applies a file",
			Hint: fmt.Sprintf("alter table %s add primary key (version)", t.SQL()),
		}
	}
	return nil
}
