package script

import (
	"strings"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A run sends many statements in one message, which the server reads before it runs any of them. psql sends one after the
// other, so that a statement of a file may change how the next one is read.

// reading says whether what follows is read as a run has it read.
type reading uint8

const (
	readAsRun   reading = iota
	readUnknown         // a function may have changed the settings
	readReset           // they are what the database has
)

// A printer prints the operations of a step.
type printer struct {
	b       *strings.Builder
	alone   bool // a run sends each statement of the step in a message of its own, too
	reading reading
}

// restore prints what makes a text be read as a run has it read, where that may be lost. It leaves out what would change nothing.
func (p *printer) restore(text string) {
	if p.reading == readReset || p.reading == readUnknown && dependsOnReading(text) {
		p.b.WriteString(conforming + encoding)
		p.reading = readAsRun
	}
}

// file prints what a run sends of a file.
func (p *printer) file(o *Op) {
	text := strings.TrimSuffix(o.SQL, "\n")
	var buffer [sqllex.MaxWords]string
	printed := 0
	for _, s := range o.statements {
		statement := s.Text(o.File.Text)
		if p.reading == readReset || p.reading == readUnknown && !p.alone {
			p.b.WriteString(sqllex.ForPsql(text[printed : s.Start-o.offset]))
			printed = s.Start - o.offset
			p.restore(statement)
		}
		p.note(s.AppendWords(buffer[:0], o.File.Text), statement)
	}
	p.b.WriteString(sqllex.ForPsql(text[printed:]) + o.end())
}

// note notes what a statement may do to how the next one is read. SET itself is refused where it would change that.
func (p *printer) note(words []string, statement string) {
	switch {
	case sqllex.Matches(words, "RESET|DISCARD", "ALL"):
		p.reading = readReset
	case sqllex.Matches(words, "DO|CALL|SELECT|WITH|VALUES|EXECUTE|EXPLAIN|FETCH|ROLLBACK|("), sqltext.ContainsFold(statement, "set_config"):
		p.reading = readUnknown
	}
}

// dependsOnReading reports whether standard_conforming_strings or the encoding matters to a text.
func dependsOnReading(text string) bool {
	return strings.Contains(text, `\`) || strings.Contains(text, "&'") || strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}
