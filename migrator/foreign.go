package migrator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

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
			Hint: "keep this tool's history under another name or in a schema of its own (--table app.schema_migrations, Config.Table), and record there what is applied already with baseline",
		}
	case found.Guarded:
		user := sqltext.Ident(s.User)
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

// owner names the tool that a table of our name belongs to; "" is ours.
func (c *catalogTable) owner() string {
	has := func(column string) bool { return c.Columns[column] != "" }
	switch {
	case has("version") && has("applied_at") && has("checksum") && isText(c.Columns["version"]) && (isText(c.Columns["checksum"]) || c.Columns["checksum"] == "character"):
		return ""
	}
	if tool := toolOf(c); tool != nil {
		return tool.name
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
