package migrator

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A message is what is sent at once, in the simple protocol: some operations of a step, or several steps. How many go into
// one is the choice of whoever walks the script.
type message struct {
	sql   string
	parts []part
}

// A part is an operation, or one statement of its file, in a message.
type part struct {
	step      *step // where the message holds several
	operation *operation
	start     int               // where it begins in the message, in bytes
	statement *sqllex.Statement // of the file, the one that is this part; nil: all of the operation
}

// statements are those of the file in this part.
func (p part) statements() []sqllex.Statement {
	if p.statement != nil {
		return []sqllex.Statement{*p.statement}
	}
	return p.operation.statements
}

// offset is where in the file the part begins.
func (p part) offset() int {
	if p.statement != nil {
		return p.statement.Start
	}
	return p.operation.offset
}

func (p part) results() int {
	if p.operation.kind == opFile && p.statement == nil {
		return len(p.operation.statements)
	}
	return 1
}

// A messageWriter puts operations into a message.
type messageWriter struct {
	text  strings.Builder
	parts []part
}

// grow makes room for so many bytes and parts.
func (w *messageWriter) grow(size, parts int) {
	w.text.Grow(size)
	w.parts = slices.Grow(w.parts, parts)
}

func (w *messageWriter) add(s *step, operations []operation) {
	for i := range operations {
		w.write(s, &operations[i], operations[i].sql)
	}
}

// write puts the text of an operation into it.
func (w *messageWriter) write(s *step, o *operation, text ...string) {
	w.parts = append(w.parts, part{step: s, operation: o, start: w.text.Len()})
	for _, piece := range text {
		w.text.WriteString(piece)
	}
	w.text.WriteString(o.end())
}

func (w *messageWriter) end() message {
	return message{sql: w.text.String(), parts: w.parts}
}

// whole puts all operations into one message.
func whole(operations []operation) []message {
	size := 0
	for i := range operations {
		size += len(operations[i].sql) + len(operations[i].end())
	}
	var w messageWriter
	w.grow(size, len(operations))
	w.add(nil, operations)
	return []message{w.end()}
}

// committed counts the steps whose commit is among so many results.
func (m message) committed(answered int) (steps int) {
	for _, p := range m.parts {
		if answered -= p.results(); answered < 0 {
			break
		}
		if p.operation.kind == opCommit {
			steps++
		}
	}
	return steps
}

// clocks are which of the results tell when a step has begun.
func (m message) clocks() (clocks []int) {
	results := 0
	for _, p := range m.parts {
		if p.operation.kind == opClock {
			clocks = append(clocks, results)
		}
		results += p.results()
	}
	return clocks
}

// oneByOne puts each statement of a file into a message of its own, as Citus needs it. What is the tool's own stays
// together: behind a pooler, what follows the commit has to reach the same session.
func oneByOne(operations []operation) []message {
	var messages []message
	ours := 0 // where the operations begin that are not sent yet
	for i := range operations {
		o := &operations[i]
		if o.kind != opFile && o.kind != opSettle {
			continue
		}
		if ours < i {
			messages = append(messages, whole(operations[ours:i])...)
		}
		ours = i + 1
		if o.kind == opSettle {
			messages = append(messages, message{sql: o.sql, parts: []part{{operation: o}}})
		}
		for j := range o.statements {
			s := &o.statements[j]
			messages = append(messages, message{sql: o.sql[s.Start-o.offset : s.End-o.offset], parts: []part{{operation: o, statement: s}}})
		}
	}
	return append(messages, whole(operations[ours:])...)
}

// end is what separates an operation from the next one. A file may end in a comment, or without a semicolon.
func (o *operation) end() string {
	if o.kind == opFile {
		return "\n;\n"
	}
	return ";\n"
}

// A failure is an error of the server, or of the connection, and where it struck.
type failure struct {
	err       error
	step      *step // of those that were sent together
	operation operation
	offset    int       // in the file's text; -1 when not known, or when it was not the file
	after     bool      // the file's part of the step had come back
	partly    bool      // the statement may have committed a part of its work before
	unread    bool      // the server has refused the message before it ran any of it
	ahead     int       // of the steps that it has not run, those before this one
	blockers  []Backend // who was in the way, where it got no lock
}

// answered reports whether the server has said that it failed.
func (f *failure) answered() bool {
	var pg *pgconn.PgError
	return errors.As(f.err, &pg)
}

// nowhere reports whether the server has refused a message without saying where.
func (f *failure) nowhere() bool {
	var pg *pgconn.PgError
	return f.unread && f.offset < 0 && errors.As(f.err, &pg) && pg.Code != "57014" // query cancelled
}

// locate finds the operation that failed after so many results were answered, and the place in its file. PostgreSQL
// counts positions in characters of the whole message, from 1; most errors at run time have none, but the number of
// answers tells the statement.
func (m message) locate(answered int, err error, pg *pgconn.PgError, bytes bool) *failure {
	unread := answered == 0
	p, statement := m.after(answered)
	if pg != nil && pg.Position > 0 && (statement < 0 || !p.operation.prepared) { // those of prepared statements are in the text that has prepared them
		at := int(pg.Position) - 1
		if !bytes {
			at = sqllex.ByteOffset(m.sql, int(pg.Position))
		}
		for i := len(m.parts) - 1; i >= 0; i-- {
			if p := m.parts[i]; at >= p.start {
				return &failure{err: err, step: p.step, operation: *p.operation, offset: p.place(at - p.start + p.offset()), unread: unread}
			}
		}
	}
	f := &failure{err: err, step: p.step, operation: *p.operation, offset: -1}
	if statement < 0 {
		return f
	}
	if f.unread = unread; p.operation.kind == opFile {
		f.offset = p.statements()[statement].Start
	}
	return f
}

// after returns the part whose answer comes after so many, and which of its statements it is; where all have come it is the
// last part, and -1.
func (m message) after(answered int) (p part, statement int) {
	for _, p = range m.parts {
		if answered < p.results() {
			return p, answered
		}
		answered -= p.results()
	}
	return p, -1
}

// place bounds an offset to the file's statements: an error at the end of the input is at the semicolon that we have added.
func (p part) place(offset int) int {
	if p.operation.kind != opFile {
		return -1
	}
	statements := p.statements()
	if len(statements) == 0 {
		return 0
	}
	if offset < p.operation.offset+len(strings.TrimRight(p.operation.sql, " \t\r\n")) {
		return offset
	}
	end := statements[len(statements)-1].End
	_, size := utf8.DecodeLastRuneInString(p.operation.file.Text[:end])
	return end - size
}
