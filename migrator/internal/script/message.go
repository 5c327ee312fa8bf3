package script

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A Message is what is sent at once, in the simple protocol: some operations of a step, or several steps. How many go into
// one is the choice of whoever walks the script.
type Message struct {
	SQL   string
	Parts []Part
}

// A Part is an operation, or one statement of its file, in a message.
type Part struct {
	Step      *Step // where the message holds several
	Op        *Op
	Prepares  bool              // it prepares or executes a statement, whose text the places in its errors belong to
	Start     int               // where it begins in the message, in bytes
	statement *sqllex.Statement // of the file, the one that is this part; nil: all of the operation
}

// statements are those of the file in this part.
func (p Part) statements() []sqllex.Statement {
	if p.statement != nil {
		return []sqllex.Statement{*p.statement}
	}
	return p.Op.statements
}

// offset is where in the file the part begins.
func (p Part) offset() int {
	if p.statement != nil {
		return p.statement.Start
	}
	return p.Op.offset
}

func (p Part) Results() int {
	if p.Op.Kind == OpFile && p.statement == nil {
		return len(p.Op.statements)
	}
	return 1
}

// A messageWriter puts operations into a message.
type messageWriter struct {
	text  strings.Builder
	parts []Part
}

// grow makes room for so many bytes and parts.
func (w *messageWriter) grow(size, parts int) {
	w.text.Grow(size)
	w.parts = slices.Grow(w.parts, parts)
}

// write adds an operation as it is.
func (w *messageWriter) write(s *Step, o *Op) { w.writePart(Part{Step: s, Op: o}) }

func (w *messageWriter) writePart(p Part) {
	p.Start = w.text.Len()
	w.parts = append(w.parts, p)
	w.text.WriteString(p.Op.SQL)
	w.text.WriteString(p.Op.end())
}

func (w *messageWriter) end() Message {
	return Message{SQL: w.text.String(), Parts: w.parts}
}

// Whole puts all operations into one message.
func Whole(operations []Op) []Message {
	size := 0
	for i := range operations {
		size += len(operations[i].SQL) + len(operations[i].end())
	}
	var w messageWriter
	w.grow(size, len(operations))
	for i := range operations {
		w.write(nil, &operations[i])
	}
	return []Message{w.end()}
}

// Committed counts the steps whose commit is among so many results.
func (m Message) Committed(answered int) (steps int) {
	for _, p := range m.Parts {
		if answered -= p.Results(); answered < 0 {
			break
		}
		if p.Op.Kind == OpCommit {
			steps++
		}
	}
	return steps
}

// Clocks are which of the results tell when a step has begun.
func (m Message) Clocks() (clocks []int) {
	results := 0
	for _, p := range m.Parts {
		if p.Op.Kind == OpClock {
			clocks = append(clocks, results)
		}
		results += p.Results()
	}
	return clocks
}

// OneByOne puts each statement of a file into a message of its own, as Citus needs it. What is the tool's own stays
// together: behind a pooler, what follows the commit has to reach the same session.
func OneByOne(operations []Op) []Message {
	var messages []Message
	ours := 0 // where the operations begin that are not sent yet
	for i := range operations {
		o := &operations[i]
		if o.Kind != OpFile && o.Kind != OpSettle {
			continue
		}
		if ours < i {
			messages = append(messages, Whole(operations[ours:i])...)
		}
		ours = i + 1
		if o.Kind == OpSettle {
			messages = append(messages, Message{SQL: o.SQL, Parts: []Part{{Op: o}}})
		}
		for j := range o.statements {
			s := &o.statements[j]
			messages = append(messages, Message{SQL: o.SQL[s.Start-o.offset : s.End-o.offset], Parts: []Part{{Op: o, statement: s}}})
		}
	}
	return append(messages, Whole(operations[ours:])...)
}

// A place is the operation of a message that has failed, and where.
type Place struct {
	Step     *Step // of those that were sent together; nil where there is one
	Op       Op
	Prepares bool // it has prepared or executed a statement
	Offset   int  // in the file's text; -1 when not known, or when it was not the file
	Unread   bool // the server has refused the message before it ran any of it
}

// Locate finds the operation that failed after so many results were answered, and the place in its file. PostgreSQL
// counts positions in characters of the whole message, from 1; most errors at run time have none, but the number of
// answers tells the statement.
func (m Message) Locate(answered, position int, bytes bool) Place {
	unread := answered == 0
	p, statement := m.after(answered)
	if position > 0 && (statement < 0 || !p.Prepares) { // those of prepared statements are in the text that has prepared them
		at := position - 1
		if !bytes {
			at = sqllex.ByteOffset(m.SQL, position)
		}
		for i := len(m.Parts) - 1; i >= 0; i-- {
			if p := m.Parts[i]; at >= p.Start {
				return Place{Step: p.Step, Op: *p.Op, Prepares: p.Prepares, Offset: p.place(at - p.Start + p.offset()), Unread: unread}
			}
		}
	}
	f := Place{Step: p.Step, Op: *p.Op, Prepares: p.Prepares, Offset: -1}
	if statement < 0 {
		return f
	}
	if f.Unread = unread; p.Op.Kind == OpFile {
		f.Offset = p.statements()[statement].Start
	}
	return f
}

// after returns the part whose answer comes after so many, and which of its statements it is; where all have come it is the
// last part, and -1.
func (m Message) after(answered int) (p Part, statement int) {
	for _, p = range m.Parts {
		if answered < p.Results() {
			return p, answered
		}
		answered -= p.Results()
	}
	return p, -1
}

// place bounds an offset to the file's statements: an error at the end of the input is at the semicolon that we have added.
func (p Part) place(offset int) int {
	if p.Op.Kind != OpFile {
		return -1
	}
	statements := p.statements()
	if len(statements) == 0 {
		return 0
	}
	if offset < p.Op.offset+len(strings.TrimRight(p.Op.SQL, " \t\r\n")) {
		return offset
	}
	end := statements[len(statements)-1].End
	_, size := utf8.DecodeLastRuneInString(p.Op.File.Text[:end])
	return end - size
}
