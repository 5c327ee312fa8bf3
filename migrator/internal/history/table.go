package history

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// maxIdentifier is what PostgreSQL keeps of a name, in bytes.
const maxIdentifier = 63

// DefaultTable is the name of the history table where none is configured.
const DefaultTable = "schema_migrations"

// A Table is a table's name, schema-qualified once the schema is known.
type Table struct {
	Schema string // "": the connection's current schema
	Name   string
}

// maxTable leaves room for the suffix of the progress table's name.
const maxTable = maxIdentifier - len(progressSuffix)

// ParseTable reads "name" or "schema.name", without folding to lower case. "" is DefaultTable.
func ParseTable(text string) (Table, error) {
	schema, name, qualified := strings.Cut(cmp.Or(text, DefaultTable), ".")
	if !qualified {
		schema, name = "", schema
	}
	if strings.HasPrefix(schema, "pg_") || schema == "information_schema" {
		return Table{}, fmt.Errorf("history table %q: the schema is PostgreSQL's own", text)
	}
	if name == "" || (qualified && schema == "") || strings.ContainsAny(text, "\x00\"") || strings.Contains(name, ".") ||
		len(schema) > maxIdentifier || len(name) > maxTable {
		return Table{}, fmt.Errorf("history table %q: want a name such as schema_migrations or app.schema_migrations, of %d bytes at most, and %d in the schema's", text, maxTable, maxIdentifier)
	}
	return Table{Schema: schema, Name: name}, nil
}

// SQL is the table as a quoted identifier.
func (t Table) SQL() string {
	if t.Schema == "" {
		return sqltext.Ident(t.Name)
	}
	return sqltext.Ident(t.Schema, t.Name)
}

// String is the name for people.
func (t Table) String() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Progress is the table that records the progress of no-transaction files.
func (t Table) Progress() Table { return Table{Schema: t.Schema, Name: t.Name + progressSuffix} }

// LockKey is the key of the advisory lock that a run holds. It comes from the qualified name, so that runs on histories in
// different schemas do not wait for each other. Advisory locks of different databases never meet.
func (t Table) LockKey() int64 { return t.key("migrator") }

// GuardKey is the key of a second lock, by which a run shows that it is alive while it runs a statement that may release the first.
func (t Table) GuardKey() int64 { return t.key("migrator guard") }

func (t Table) key(what string) int64 {
	h := fnv.New64a()
	h.Write([]byte(what + "\x00" + t.Schema + "\x00" + t.Name))
	return int64(h.Sum64())
}
