package history

import (
	"fmt"
	"strings"
)

// Server is what was learned about the server together with the history.
type Server struct {
	Instance

	Schema    string         `json:"schema"` // the current one; "": no schema of the search_path exists
	User      string         `json:"user"`
	Superuser bool           `json:"superuser"`
	Resolved  int64          `json:"resolved"`  // oid of the table that the name means on the search_path; 0: none
	NoSchema  bool           `json:"no_schema"` // the schema that was named for the history does not exist
	Published string         `json:"published"` // a publication that would contain a new table in the history's schema; "": none
	Tables    []CatalogTable `json:"tables"`

	// Of FastQuery only:
	Own        int64 `json:"own"`        // oid of the history; 0: there is none
	Unfinished bool  `json:"unfinished"` // there is a progress table
}

// An Instance says which server answers, and how it behaves.
type Instance struct {
	Platform        string  `json:"platform"` // version()
	PID             uint32  `json:"pid"`
	ServerStart     string  `json:"server_start"`     // identifies the server
	DeadlockTimeout float64 `json:"deadlock_timeout"` // seconds
	Standby         bool    `json:"standby"`
	Citus           bool    `json:"citus"`
	Pooled          bool    `json:"-"` // a pooler is in between: another process answers than has greeted us
}

// Major is the major version; 0 for a server that is not PostgreSQL.
func (s *Instance) Major() int {
	var major int
	_, _ = fmt.Sscanf(s.Platform, "PostgreSQL %d", &major)
	return major
}

// ChecksClients reports whether the server takes client_connection_check_interval: from 15 on where its poll, epoll or
// kqueue reports a closed socket, in 14 on Linux alone.
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

// Exposed returns our tables if a write to one of them may run code of a stranger as a superuser, else nil.
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
