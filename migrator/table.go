package migrator

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// maxIdentifier is what PostgreSQL keeps of a name, in bytes.
const maxIdentifier = 63

// defaultTable is the history table's name where Config.Table is empty.
const defaultTable = "schema_migrations"

// A table is a table's name, schema-qualified once the schema is known.
type table struct {
	schema string // "": the connection's current schema
	name   string
}

// maxTable leaves room for the suffix of the progress table's name.
const maxTable = maxIdentifier - len(progressSuffix)

// parseTable reads Config.Table: "name" or "schema.name", taken as they are, without folding to lower case.
func parseTable(text string) (table, error) {
	schema, name, qualified := strings.Cut(cmp.Or(text, defaultTable), ".")
	if !qualified {
		schema, name = "", schema
	}
	if strings.HasPrefix(schema, "pg_") || schema == "information_schema" {
		return table{}, fmt.Errorf("history table %q: the schema is PostgreSQL's own", text)
	}
	if name == "" || (qualified && schema == "") || strings.ContainsAny(text, "\x00\"") || strings.Contains(name, ".") ||
		len(schema) > maxIdentifier || len(name) > maxTable {
		return table{}, fmt.Errorf("history table %q: want a name such as schema_migrations or app.schema_migrations, of %d bytes at most, and %d in the schema's", text, maxTable, maxIdentifier)
	}
	return table{schema: schema, name: name}, nil
}

// sql is the table as an identifier that no search_path changes the meaning of.
func (t table) sql() string {
	if t.schema == "" {
		return sqltext.Ident(t.name)
	}
	return sqltext.Ident(t.schema, t.name)
}

func (t table) String() string {
	if t.schema == "" {
		return t.name
	}
	return t.schema + "." + t.name
}

// progress is the table that records the progress of no-transaction files.
func (t table) progress() table { return table{schema: t.schema, name: t.name + progressSuffix} }

// lockKey is the key of the run lock. It comes from the qualified name, so that histories in different schemas of one
// database do not wait for each other; advisory locks of different databases never meet.
func (t table) lockKey() int64 { return t.key("migrator") }

// guardKey is the key of the lock by which a run shows that it is there while a statement runs of which nothing else tells.
func (t table) guardKey() int64 { return t.key("migrator guard") }

func (t table) key(what string) int64 {
	h := fnv.New64a()
	h.Write([]byte(what + "\x00" + t.schema + "\x00" + t.name))
	return int64(h.Sum64())
}
