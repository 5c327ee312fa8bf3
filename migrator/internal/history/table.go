package history

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// maxIdentifier is the longest name that PostgreSQL does not cut, in bytes.
const maxIdentifier = 63

// DefaultTable is the name of the history table if none is configured.
const DefaultTable = "schema_migrations"

// A Table is the name of a table, schema-qualified once the schema is known.
type Table struct {
	Schema string // "": the connection's current schema
	Name   string
}

// maxTable is the longest name of a history table, in bytes: it leaves room for progressSuffix.
const maxTable = maxIdentifier - len(progressSuffix)

// ParseTable reads "name" or "schema.name" and keeps its case. "" means DefaultTable. It fails on names that are too long,
// contain quotes, NUL bytes or more dots, or lie in PostgreSQL's own schemas.
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

// SQL returns the name as a quoted identifier.
func (t Table) SQL() string {
	if t.Schema == "" {
		return sqltext.Ident(t.Name)
	}
	return sqltext.Ident(t.Schema, t.Name)
}

// String returns the name for people.
func (t Table) String() string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Progress returns the table that records the progress of no-transaction files.
func (t Table) Progress() Table { return Table{Schema: t.Schema, Name: t.Name + progressSuffix} }

// LockKey returns the key of the advisory lock that a run holds. It comes from the qualified name, so runs on histories in
// different schemas do not wait for each other. Advisory locks of different databases never conflict.
func (t Table) LockKey() int64 { return t.key("migrator") }

// GuardKey returns the key of a second lock. A run holds it while it runs a statement that may release the run lock. It shows
// that the run is alive.
func (t Table) GuardKey() int64 { return t.key("migrator guard") }

func (t Table) key(what string) int64 {
	h := fnv.New64a()
	h.Write([]byte(what + "\x00" + t.Schema + "\x00" + t.Name))
	return int64(h.Sum64())
}
