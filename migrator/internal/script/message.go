package script

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A Message is SQL that a run sends at once, in the simple query protocol: some operations of a step, a step, or several steps.
// The caller chooses by calling OneByOne, Whole or Writer.Batch.
type Message struct {
	SQL   string
	Parts []Part
}

// A Part is one operation in a message, or one statement of an operation that sends several.
type Part struct {
	Step      *Step // the step of the operation; nil if Batch has not made the message
	Op        *Op
	Prepares  bool              // it is a PREPARE or an EXECUTE of ours
	Start     int               // the offset in the message, in bytes
	statement *sqllex.Statement // the statement of the file that is this part; nil: all of the operation
}

// statements returns the statements of the file that are in this part.
func (p Part) statements() []sqllex.Statement {
	if p.statement != nil {
		return []sqllex.Statement{*p.statement}
	}
	return p.Op.statements
}

// offset returns where the part begins in the file, in bytes.
func (p Part) offset() int {
	if p.statement != nil {
		return p.statement.Start
	}
	return p.Op.offset
}

// Results returns how many results the server sends for the part: one for each statement.
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

func (w *messageWriter) grow(size, parts int) {
	w.text.Grow(size)
	w.parts = slices.Grow(w.parts, parts)
}

// write adds an operation in its plain form, not in its prepared form.
func (w *messageWriter) write(s *Step, o *Op) {
	w.writePart(Part{Step: s, Op: o}, o.SQL, o.end())
}

// writePart begins a part, and writes text to the message.
func (w *messageWriter) writePart(p Part, text ...string) {
	p.Start = w.text.Len()
	w.parts = append(w.parts, p)
	for _, piece := range text {
		w.text.WriteString(piece)
	}
}

func (w *messageWriter) end() Message {
	return Message{SQL: w.text.String(), Parts: w.parts}
}

// Whole puts all operations into one message, which it returns as the only one.
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

// Committed returns how many steps are known to be committed when the server has sent so many results.
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

// Clocks returns the indexes of the results, from 0, that tell when a step has begun.
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

// OneByOne puts each statement of a file into its own message. Citus needs that, and so does a statement that cannot run in a
// transaction. Our own operations stay together: behind a pooler those after the commit must reach the same session.
func OneByOne(operations []Op) []Message {
	var messages []Message
	ours := 0 // the first operation that is in no message yet
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

// A Place is the operation of a message that failed, and the position of the error in the file.
type Place struct {
	Step     *Step // the step that failed; nil if Batch has not made the message
	Op       Op
	Prepares bool // it is a PREPARE or an EXECUTE of ours
	Offset   int  // in the file's text, in bytes; -1: not known, or the operation is not the file's
	Unread   bool // the server refused the message before it ran any part of it
}

// Locate finds the operation that failed after the server had answered with so many results, and the place in its file. position
// is that of the server's error, 0 if it has none. It counts from 1 in the whole message: in bytes if bytes is true, otherwise in
// characters. Most errors at run time have no position, but the number of results tells the statement.
func (m Message) Locate(answered, position int, bytes bool) Place {
	unread := answered == 0
	p, statement := m.after(answered)
	if position > 0 && (statement < 0 || !p.Prepares) { // an EXECUTE fails at a position in the message with its PREPARE
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

// after returns the part that sends the next result after so many, and the index of the statement in that part. If the server has
// sent all results, it returns the last part and -1.
func (m Message) after(answered int) (p Part, statement int) {
	for _, p = range m.Parts {
		if answered < p.Results() {
			return p, answered
		}
		answered -= p.Results()
	}
	return p, -1
}

// place limits an offset to the statements of the file, or returns -1 if the part is not a file's. The server reports an error at
// the end of the input at the semicolon that we have added; place moves it to the last character of the last statement.
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
