package script

import (
	"strings"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A run sends many statements in one message, and the server reads the whole message before it runs any of them. psql sends one
// statement after the other, so a statement of a file may change how the server reads the next one.

// reading tells whether the server would read the following text as in a run.
type reading uint8

const (
	readAsRun   reading = iota
	readUnknown         // a function may have changed the settings
	readReset           // the settings are the defaults of the database
)

// A printer prints the operations of a step.
type printer struct {
	b       *strings.Builder
	alone   bool // a run sends each statement of the step in its own message too
	reading reading
}

// restore prints the settings with which the server reads text as in a run, if they may have changed. It prints nothing if that
// makes no difference.
func (p *printer) restore(text string) {
	if p.reading == readReset || p.reading == readUnknown && dependsOnReading(text) {
		p.b.WriteString(conforming + encoding)
		p.reading = readAsRun
	}
}

// file prints the statements of a file, and restores the settings between them where needed.
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

// note notes how a statement may change the way the server reads the next one. SET does not matter here: files in which it would
// change that are refused.
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
