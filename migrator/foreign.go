package migrator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// foreignTables are the history tables of other tools, whose migrations would be applied a second time if an empty
// history of ours were begun beside them.
var foreignTables = map[string]string{
	"goose_db_version":        "goose",
	"schema_version":          "tern",
	"atlas_schema_revisions":  "Atlas",
	"flyway_schema_history":   "Flyway",
	"_sqlx_migrations":        "sqlx",
	"refinery_schema_history": "refinery",
	"_prisma_migrations":      "Prisma",
	"pgmigrate_migrations":    "pgmigrate",
}

func (s *server) find(t table) *catalogTable {
	for i := range s.Tables {
		if s.Tables[i].Schema == t.schema && s.Tables[i].Name == t.name {
			return &s.Tables[i]
		}
	}
	return nil
}

// judgeTable refuses a table that is not ours to write, where t belongs; nil is none.
func (s *server) judgeTable(t table, found *catalogTable) error {
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
	case found.owner() != "":
		return &HistoryError{
			Table: t.String(), Message: fmt.Sprintf("belongs to %s (its columns are %s)", found.owner(), found.describe()),
			Hint: "keep this tool's history under another name or in a schema of its own: app.schema_migrations",
		}
	case found.Guarded:
		user := pgx.Identifier{s.User}.Sanitize()
		return &HistoryError{
			Table: t.String(), Message: "has row level security, which may hide rows from " + s.User + ": what has run could run again",
			Hint: fmt.Sprintf("alter table %s disable row level security; or alter table %[1]s owner to %s; or alter role %[2]s bypassrls", t.sql(), user),
		}
	case found.Columns["applied_at"] != "timestamp without time zone":
		return &HistoryError{
			Table: t.String(), Message: "has the type " + found.Columns["applied_at"] + " for applied_at, where timestamp is meant, in UTC",
			Hint: fmt.Sprintf("alter table %s alter applied_at type timestamp using applied_at at time zone 'UTC'", t.sql()),
		}
	case !found.Keyed:
		return &HistoryError{
			Table: t.String(), Message: "has no unique index on version, which decides who applies a file",
			Hint: fmt.Sprintf("alter table %s add primary key (version)", t.sql()),
		}
	}
	return nil
}

// judgeOthers refuses to begin a second history in silence. Whoever names the schema knows where the history is.
func (s *server) judgeOthers(configured table, h *history) error {
	if configured.schema != "" {
		return nil
	}
	for _, other := range s.Tables {
		switch {
		case !h.exists && other.Name == h.table.name && other.Schema != h.table.schema && other.owner() == "":
			return &HistoryError{
				Table: h.table.String(), Message: fmt.Sprintf("is not in schema %s, but in %s: a second history would begin in silence", h.table.schema, other.Schema),
				Hint: fmt.Sprintf("set the search_path back, or name the one that is meant: %s.%s", other.Schema, other.Name),
			}
		case len(h.records) == 0 && other.Schema == h.table.schema && foreignTables[other.Name] != "" && other.Name != h.table.name:
			h.foreign = &HistoryError{
				Table: h.table.String(), Message: fmt.Sprintf("is empty, but %s has applied migrations here (%s.%s)", foreignTables[other.Name], other.Schema, other.Name),
				Hint: fmt.Sprintf("record what is applied already as a baseline; if that table has nothing to do with these files, name the history's schema: %s", h.table),
			}
		}
	}
	return nil
}

// owner names the tool that a table of our name belongs to; "" is ours.
func (c *catalogTable) owner() string {
	has := func(column string) bool { return c.Columns[column] != "" }
	switch {
	case has("version") && has("applied_at") && has("checksum") && isText(c.Columns["version"]) && (isText(c.Columns["checksum"]) || c.Columns["checksum"] == "character"):
		return ""
	case has("version") && has("dirty"):
		return "golang-migrate"
	case has("version") && len(c.Columns) == 1:
		return "dbmate or Rails"
	}
	return "another tool"
}

// isText leaves char(n) out: it fills a version up with spaces.
func isText(columnType string) bool {
	return columnType == "text" || columnType == "character varying"
}

func (c *catalogTable) describe() string {
	names := slices.SortedFunc(maps.Keys(c.Columns), func(a, b string) int { return cmp.Compare(a, b) })
	for i, name := range names {
		names[i] = name + " " + c.Columns[name]
	}
	return strings.Join(names, ", ")
}
