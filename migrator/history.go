package migrator

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

var (
	//go:embed history.sql
	historySQL string
	//go:embed server.sql
	serverSQL string
)

// server is what was read of the server together with the history.
type server struct {
	Schema          string         `json:"schema"` // "": nothing on the search_path exists
	User            string         `json:"user"`
	Superuser       bool           `json:"superuser"`
	Platform        string         `json:"platform"` // version()
	PID             uint32         `json:"pid"`
	ServerStart     string         `json:"server_start"`     // when it was started: which server it is
	DeadlockTimeout float64        `json:"deadlock_timeout"` // seconds
	ReadOnly        bool           `json:"read_only"`
	Standby         bool           `json:"standby"`
	Citus           bool           `json:"citus"`
	Pooled          bool           `json:"-"`         // the process that answers is not the one that greeted us
	Resolved        int64          `json:"resolved"`  // oid of the table that the unqualified name means; 0: none
	NoSchema        bool           `json:"no_schema"` // the one that was named for the history does not exist
	Published       string         `json:"published"` // a publication that would contain a new table in the history\'s schema; "": none
	Tables          []catalogTable `json:"tables"`

	// Of a glance only:
	Own        int64 `json:"own"` // oid of the history; 0: none
	Unfinished bool  `json:"unfinished"`
}

// major is the server's major version; 0 where it is something else than PostgreSQL.
func (s *server) major() int {
	var major int
	_, _ = fmt.Sscanf(s.Platform, "PostgreSQL %d", &major)
	return major
}

// checksClients reports whether the server takes client_connection_check_interval: from 15 on where its poll, epoll or
// kqueue reports a closed socket, in 14 on Linux alone.
func (s *server) checksClients() bool {
	major := s.major()
	return (major >= 14 && strings.Contains(s.Platform, "linux")) ||
		(major >= 15 && (strings.Contains(s.Platform, "apple-darwin") || strings.Contains(s.Platform, "bsd")))
}

// grant is what the role needs for a statement of ours, about a history or the progress of its files.
func (s *server) grant(history table, sql string) string {
	user := sqltext.Ident(s.User)
	if strings.Contains(sql, "create table ") {
		return fmt.Sprintf("grant create on schema %s to %s", sqltext.Ident(history.schema), user)
	}
	if strings.Contains(sql, history.progress().sql()) {
		history = history.progress()
	}
	return fmt.Sprintf("grant select, insert, update, delete on %s to %s", history.sql(), user)
}

// missingGrant is a hint where an error says that the table may not be read, else "".
func (s *server) missingGrant(err error, oid int64) string {
	var pg *pgconn.PgError
	var note strings.Builder
	for _, t := range s.Tables {
		if t.OID == oid && errors.As(err, &pg) && pg.Code == "42501" {
			writeNote(&note, "HINT", s.grant(table{t.Schema, t.Name}, ""))
		}
	}
	return note.String()
}

// catalogTable is a table that is, or may be, some tool's history.
type catalogTable struct {
	OID     int64             `json:"oid"`
	Schema  string            `json:"schema"`
	Name    string            `json:"name"`
	Kind    string            `json:"kind"`    // pg_class.relkind
	Columns map[string]string `json:"columns"` // name to type
	Keyed   bool              `json:"keyed"`   // version alone is unique
	Guarded bool              `json:"guarded"` // row level security counts for this role
	Below   []string          `json:"below"`   // the kinds of its partitions, or of the tables that inherit from it
	Exposed bool              `json:"exposed"` // we are a superuser, and what runs when it is written may be a stranger's
}

// timestampLayout is how timestamps are read.
const timestampLayout = "2006-01-02 15:04:05.999999"

// asTimestamp is an expression for one, as text in that layout: whatever the session's settings.
func asTimestamp(sql string) string {
	return "pg_catalog.to_char(" + sql + ", 'YYYY-MM-DD HH24:MI:SS.US')"
}

// history is what a database has of its past, and what was learned of its server on the way.
type history struct {
	server   server
	table    table // qualified
	exists   bool
	records  []record
	index    map[Version]*record
	progress []progress // of no-transaction files that are not done

	// Where nothing is recorded:
	search       *search    // what else there may be; nil: it was not looked for
	nextRecords  []record   // of the table that the name means further on in the search_path
	nextProgress []progress // the same of unfinished files
	finds        []find     // what may have been applied elsewhere, or by another tool
}

func (h *history) has(v Version) bool { return h.row(v) != nil }

// row returns a version's row, nil for none. The index is made when it is first asked for: where nothing is pending
// nobody asks.
func (h *history) row(v Version) *record {
	if h.index == nil {
		h.index = make(map[Version]*record, len(h.records))
		for i := range h.records {
			h.index[h.records[i].version] = &h.records[i]
		}
	}
	return h.index[v]
}

// historyQuery is one message: what the server is, what else may be the history where there is none, and the rows of the table
// that t means to it. Where there is no such table the last part fails, after the others have been answered.
func historyQuery(t table) string {
	reference := sqltext.Literal(t.sql())
	schema := "null"
	if t.schema != "" {
		schema = sqltext.Literal(t.schema)
	}
	first := strings.NewReplacer(
		"$table", sqltext.Literal(t.name), "$progress", sqltext.Literal(t.progress().name), "$schema", schema, "$reference", reference, "$start", serverStart,
		"$filled", "case when c.relname operator(pg_catalog.=) "+sqltext.Literal(t.name)+" then "+historyColumns+" else "+progressColumns+" end",
		"$trusted", trusted("c.relowner", "n.nspowner"),
	).Replace(sqltext.WithoutComments(serverSQL))
	return first + ";\n" + searchQuery(t, notThere(t)) + ";\n" + recordsQuery(t.rows())
}

// recordsQuery reads the records of what stands after FROM, with times in one form, whatever the session's DateStyle.
func recordsQuery(rows string) string {
	return readSafely + "set local datestyle = 'ISO';\nselect version, applied_at, checksum from " + rows
}

// A historyReader takes the answers to historyQuery.
type historyReader struct {
	server  server
	search  *search
	records []record
	expect  []Migration // rows that come in their order need no text of their own
}

// read takes the rows of historyQuery or recordsQuery as they come.
func (r *historyReader) read(_ int, values [][]byte) error {
	switch len(values) {
	case 1:
		if err := json.Unmarshal(values[0], &r.server); err != nil {
			return fmt.Errorf("read what the server is: %w", err)
		}
		return nil
	case 2:
		if err := json.Unmarshal(values[1], &r.search); err != nil {
			return fmt.Errorf("read what other histories there are: %w", err)
		}
		return nil
	}
	row := r.expected(values[0], values[2])
	if values[1] != nil {
		row.appliedAt, _ = time.Parse(timestampLayout, string(values[1])) // zero: not known
	}
	if r.records == nil {
		r.records = make([]record, 0, len(r.expect))
	}
	r.records = append(r.records, row)
	return nil
}

func (r *historyReader) expected(version, checksum []byte) record {
	if i := len(r.records); i < len(r.expect) {
		if m := &r.expect[i]; string(version) == string(m.Version) && string(checksum) == m.Checksum() {
			return record{version: m.Version, checksum: m.Checksum()}
		}
	}
	return record{version: Version(version), checksum: string(checksum)}
}

// newHistory makes sense of what was read. When needed is not "", the rows have to be read from that table first: the
// name meant another one, or it has tables below it.
func newHistory(configured table, read *historyReader) (h *history, needed string, err error) {
	h = &history{server: read.server, table: configured}
	if h.table.schema == "" {
		h.table.schema = read.server.Schema
	}
	if h.table.schema == "" || strings.HasPrefix(h.table.schema, "pg_") {
		return nil, "", &HistoryError{
			Table: configured.String(), Message: "the search_path of the connection begins with no schema to keep it in",
			Hint: "set the search_path of the role or database to a schema that exists and that the role may use, or name the schema: app.schema_migrations",
		}
	}
	if read.server.NoSchema {
		return nil, "", &HistoryError{
			Table: h.table.String(), Message: "there is no schema of this name",
			Hint: "create schema " + sqltext.Ident(h.table.schema) + ", or name another one; capital letters count",
		}
	}
	ours := read.server.find(h.table)
	if err := read.server.judgeTable(h.table, ours); err != nil {
		return nil, "", err
	}
	if ours != nil && len(ours.Below) > 0 {
		return h, recordsQuery(h.table.allRows()), nil
	}
	if ours != nil && ours.OID != read.server.Resolved {
		return h, recordsQuery(h.table.rows()), nil
	}
	if ours == nil {
		h.search, h.nextRecords = read.search, read.records
		return h, "", nil
	}
	h.fill(read.records)
	return h, "", nil
}

// fill takes the rows of the table, which therefore exists.
func (h *history) fill(records []record) {
	h.exists = true
	h.records, h.index = records, nil
}
