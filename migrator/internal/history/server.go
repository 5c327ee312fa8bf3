package history

import (
	"fmt"
	"strings"
)

// Server is what a Query learns about the server and the role.
type Server struct {
	Instance

	Schema    string         `json:"schema"` // the current schema; "": no schema of the search_path exists
	User      string         `json:"user"`
	Superuser bool           `json:"superuser"`
	Resolved  int64          `json:"resolved"`  // OID of the table that the name means on the search_path; 0: none
	NoSchema  bool           `json:"no_schema"` // the configured schema of the history does not exist
	Published string         `json:"published"` // a publication that a new table in the history's schema would join; "": none
	Tables    []CatalogTable `json:"tables"`    // those with the name of the history or of its progress table

	// Only from FastQuery:
	Own        int64 `json:"own"`        // OID of the history; 0: there is none
	Unfinished bool  `json:"unfinished"` // the progress table exists
}

// An Instance says which server answers, and how it behaves.
type Instance struct {
	Platform        string  `json:"platform"`         // version()
	PID             uint32  `json:"pid"`              // of the process that answers
	ServerStart     string  `json:"server_start"`     // when it was started, which identifies it
	DeadlockTimeout float64 `json:"deadlock_timeout"` // seconds
	Standby         bool    `json:"standby"`
	Citus           bool    `json:"citus"`
	Pooled          bool    `json:"-"` // a pooler is in between: another process answers than the one that greeted us
}

// Major returns the major version; 0 if the server is not PostgreSQL.
func (s *Instance) Major() int {
	var major int
	_, _ = fmt.Sscanf(s.Platform, "PostgreSQL %d", &major)
	return major
}

// ChecksClients reports whether the server accepts client_connection_check_interval. From 15 on it does if its poll, epoll or
// kqueue reports a closed socket. 14 accepts it on Linux only.
func (s *Instance) ChecksClients() bool {
	major := s.Major()
	return (major >= 14 && strings.Contains(s.Platform, "linux")) ||
		(major >= 15 && (strings.Contains(s.Platform, "apple-darwin") || strings.Contains(s.Platform, "bsd")))
}

// Find returns a table that Query has found, or nil.
func (s *Server) Find(t Table) *CatalogTable {
	for i := range s.Tables {
		if s.Tables[i].Schema == t.Schema && s.Tables[i].Name == t.Name {
			return &s.Tables[i]
		}
	}
	return nil
}

// Exposed returns our tables if a write to one of them may run code of a stranger as a superuser. Otherwise it returns nil.
func (s *Server) Exposed(t Table) (tables []Table) {
	stranger := false
	for _, ours := range []Table{t, t.Progress()} {
		if found := s.Find(ours); found != nil {
			tables, stranger = append(tables, ours), stranger || found.Exposed
		}
	}
	if !stranger {
		return nil
	}
	return tables
}
