// Package history is what a database remembers of its migrations: the tables, the queries that read them, and the answers as
// values. It judges nothing, and knows neither files nor connections.
package history

import (
	_ "embed"
	"strings"
	"time"
)

//go:embed history.sql
var historySQL string

// DDL creates the table.
func (t Table) DDL() string {
	return strings.TrimSpace(strings.Replace(historySQL, DefaultTable, t.SQL(), 1))
}

// History is what a database has recorded, and what was learned about its server on the way.
type History struct {
	Server   Server
	Table    Table // qualified
	Exists   bool
	Records  []Record
	index    map[string]*Record
	Progress []Progress // of no-transaction files that are begun and not done

	// Only where nothing is recorded:
	Search       *Search    // other tables that may be histories; nil: nobody has searched
	NextRecords  []Record   // rows of the table that the name means further on in the search_path
	NextProgress []Progress // its unfinished files
	Finds        []Find     // what may have been applied elsewhere, or by another tool
}

// Has reports whether a version is recorded.
func (h *History) Has(version string) bool { return h.Row(version) != nil }

// Row returns a version's row, or nil. Its index is made at the first call: where nothing is pending there is none.
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

// Record is a row of the history.
type Record struct {
	Version   string
	AppliedAt time.Time
	Checksum  string // "": not known yet
}

// Same reports whether two records are about the same file with the same text.
func (r Record) Same(other Record) bool {
	return r.Version == other.Version && r.Checksum == other.Checksum
}

// ProgressOf returns the progress of a version, or nil where it is not begun.
func (h *History) ProgressOf(version string) *Progress {
	for i := range h.Progress {
		if h.Progress[i].Version == version {
			return &h.Progress[i]
		}
	}
	return nil
}

// Next is the history that an unqualified name finds in a later schema of the search_path, where the first one has none; or nil.
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
