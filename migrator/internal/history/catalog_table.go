package history

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A CatalogTable is what the catalog says about a table that may be a tool's history.
type CatalogTable struct {
	OID     int64             `json:"oid"`
	Schema  string            `json:"schema"`
	Name    string            `json:"name"`
	Kind    string            `json:"kind"`    // pg_class.relkind
	Columns map[string]string `json:"columns"` // column name to type name
	Keyed   bool              `json:"keyed"`   // a unique index covers version alone
	Guarded bool              `json:"guarded"` // row-level security applies to our role
	Below   []string          `json:"below"`   // the kinds of its partitions and of the tables that inherit from it
	Exposed bool              `json:"exposed"` // we are a superuser, and a write may run code of a stranger
}

// Owner returns the name of the tool whose history this is; "" if it is ours, "another tool" if it is not known.
func (c *CatalogTable) Owner() string {
	has := func(column string) bool { return c.Columns[column] != "" }
	switch {
	case has("version") && has("applied_at") && has("checksum") && isText(c.Columns["version"]) && (isText(c.Columns["checksum"]) || c.Columns["checksum"] == "character"):
		return ""
	}
	if tool := ToolOf(c); tool != nil {
		return tool.Name
	}
	return "another tool"
}

// isText reports whether a type holds text. char(n) is excluded, because it pads a version with spaces.
func isText(columnType string) bool {
	return columnType == "text" || columnType == "character varying"
}

// Describe lists the columns by name, with their types.
func (c *CatalogTable) Describe() string {
	names := slices.SortedFunc(maps.Keys(c.Columns), func(a, b string) int { return cmp.Compare(a, b) })
	for i, name := range names {
		names[i] = name + " " + c.Columns[name]
	}
	return strings.Join(names, ", ")
}
