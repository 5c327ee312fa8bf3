package history

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A Search is the answer to SearchQuery: other tables that may hold the history of the files.
type Search struct {
	Source string      `json:"source"` // where the search_path was set: pg_settings.source
	Tables []Candidate `json:"tables"` // tables on the search_path come first
}

// A Candidate is a table that looks like a history, ours or another tool's.
type Candidate struct {
	CatalogTable

	OnPath    bool     `json:"on_path"`   // in the schema of the history, or on the search_path
	Owned     bool     `json:"owned"`     // our role owns it
	Denied    bool     `json:"denied"`    // our role may not read it
	Readable  bool     `json:"readable"`  // our role may read it, and a read runs nobody's code
	Relations []string `json:"relations"` // of a table of our layout: relations in the history's schema that its own schema lacks
}

// Table returns the name of the candidate.
func (c *Candidate) Table() Table { return Table{c.Schema, c.Name} }

// SearchQuery returns a query for candidates. It returns no row unless the SQL condition wanted is true.
func SearchQuery(t Table, wanted string) string {
	marks, names := []string{"applied_at"}, []string{}
	for _, tool := range otherTools {
		columns, _ := tool.all()
		if tool.like == "" {
			marks = append(marks, nameOf(columns[0]))
		} else {
			names = append(names, "%"+strings.ReplaceAll(tool.like, "_", `\_`)+"%")
		}
		if tool.table != "" {
			names = append(names, strings.ReplaceAll(tool.table, "_", `\_`))
		}
	}
	return strings.NewReplacer(
		"$schema", schemaOf(t), "$marks", array(marks), "$names", array(names), "$wanted", wanted,
	).Replace(sqltext.WithoutComments(searchSQL))
}

// schemaOf returns an SQL expression for the schema of a table.
func schemaOf(t Table) string {
	if t.Schema == "" {
		return "pg_catalog.current_schema()"
	}
	return sqltext.Literal(t.Schema)
}

// array returns an SQL array of the texts, sorted and without duplicates.
func array(texts []string) string {
	slices.Sort(texts)
	var literals []string
	for _, text := range slices.Compact(texts) {
		literals = append(literals, sqltext.Literal(text))
	}
	return "array[" + strings.Join(literals, ", ") + "]"
}

// notThere returns an SQL condition: the schema exists and the history does not.
func notThere(t Table) string {
	schema := schemaOf(t)
	return fmt.Sprintf("case when %s is not null then pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %[1]s, %s)) is null end", schema, sqltext.Literal(t.Name))
}

// A Find is a candidate that records migrations.
type Find struct {
	*Candidate

	Shared  []string   // files that it records with the text that they have here
	Differs bool       // it records at least as many file names with another text, so it belongs to another service
	Tool    *otherTool // nil: the table has our layout
	Newest  string     // the newest version that the tool has recorded; "": our role cannot read it
}
