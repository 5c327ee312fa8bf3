package script

import (
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// PsqlVariables are those by which psql would send something else than the script, or go on after a failure. With FETCH_COUNT it
// makes a cursor of what looks like a query, SELECT INTO too; ON_ERROR_ROLLBACK would put each statement into a
// subtransaction, which the seals refuse.
const PsqlVariables = `\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SINGLELINE off
\set FETCH_COUNT 0
`

// NewSession takes back what a psqlrc has set, or has begun while AUTOCOMMIT was off: a run has a session of its own.
const NewSession = "begin;\nrollback;\ndiscard all;\n" + conforming

// conforming says how quotes are read, where the database's own setting is another one. A run has it as its session's default,
// which RESET ALL goes back to.
const conforming = "set standard_conforming_strings = on;\n"

// encoding says what psql reads, and the names of files in what is the tool's own; what follows a file resets it.
const encoding = "\\encoding UTF8\n"

func (s *Step) Print(b *strings.Builder) {
	b.WriteString("\n")
	Comment(b, s.Heading())
	b.WriteString(encoding)
	p := printer{b: b, alone: s.Alone}
	for _, o := range s.LayOut() {
		if o.Kind == OpFile {
			p.file(&o)
			continue
		}
		p.restore(o.SQL)
		b.WriteString(o.SQL)
		b.WriteString(o.end())
		if o.SQL == resetAll {
			b.WriteString(conforming + encoding)
			p.reading = readAsRun
		}
	}
}

func Comment(b *strings.Builder, text string) {
	lines := strings.NewReplacer("\r\n", "\n-- ", "\r", "\n-- ", "\n", "\n-- ") // to psql each of them ends a comment
	b.WriteString("-- " + printable.Text(lines.Replace(text)) + "\n")
}
