// Package history holds what a database remembers of its migrations: the tables, the queries that read them, and the answers as
// values. It makes no decisions, and knows neither files nor connections.
package history

import (
	_ "embed"
	"strings"
	"time"
)

//go:embed history.sql
var historySQL string

// DDL returns the statement that creates the history table, unless it exists.
func (t Table) DDL() string {
	return strings.TrimSpace(strings.Replace(historySQL, DefaultTable, t.SQL(), 1))
}

// History is what a database has recorded, and what was learned about its server at the same time.
type History struct {
	Server   Server
	Table    Table // schema-qualified
	Exists   bool
	Records  []Record
	index    map[string]*Record
	Progress []Progress // the unfinished no-transaction files

	// Only if nothing is recorded:
	Search       *Search    // other tables that may be histories; nil: nobody has searched
	NextRecords  []Record   // rows of the next history, see Next
	NextProgress []Progress // unfinished files of the next history
	Finds        []Find     // histories that show that files may have been applied elsewhere, or by another tool
}

// Has reports whether a version has a history row.
func (h *History) Has(version string) bool { return h.Row(version) != nil }

// Row returns the history row of a version, or nil. The first call builds the index, so a run with nothing pending builds none.
func (h *History) Row(version string) *Record {
	if h.index == nil {
		h.index = make(map[string]*Record, len(h.Records))
		for i := range h.Records {
			h.index[h.Records[i].Version] = &h.Records[i]
		}
	}
	return h.index[version]
}

// Fill sets the rows of a table that exists.
func (h *History) Fill(records []Record) {
	h.Exists = true
	h.Records, h.index = records, nil
}

// Record is a history row.
type Record struct {
	Version   string
	AppliedAt time.Time // zero: not known
	Checksum  string    // "": not known yet
}

// Same reports whether two rows record the same file with the same text.
func (r Record) Same(other Record) bool {
	return r.Version == other.Version && r.Checksum == other.Checksum
}

// ProgressOf returns the progress of a version, or nil if it is not unfinished.
func (h *History) ProgressOf(version string) *Progress {
	for i := range h.Progress {
		if h.Progress[i].Version == version {
			return &h.Progress[i]
		}
	}
	return nil
}

// Next returns the history that the unqualified name means in a later schema of the search_path, if the first schema has none.
// Otherwise it returns nil.
func (h *History) Next() *Candidate {
	if h.Exists || h.Search == nil {
		return nil
	}
	for i := range h.Search.Tables {
		if c := &h.Search.Tables[i]; c.OID == h.Server.Resolved && c.Owner() == "" && c.Table() != h.Table {
			return c
		}
	}
	return nil
}
