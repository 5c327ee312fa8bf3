package migrator

import (
	"fmt"
	"io"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// WriteTo prints the plan as the SQL script that would run, history writes included. psql runs it to the same effect, whatever its
// psqlrc says, and stops at a failure as a run does: what is complete stays, the file that failed is rolled back.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	b.WriteString(psqlVariables)
	for _, warning := range p.Warnings {
		comment(&b, "WARNING: "+warning)
	}
	if p.Empty() {
		comment(&b, "nothing to do")
	} else {
		b.WriteString(newSession)
		for s := range p.steps {
			s.print(&b)
		}
	}
	n, err := io.WriteString(w, b.String())
	if err != nil {
		return int64(n), fmt.Errorf("write plan: %w", err)
	}
	return int64(n), nil
}

// psqlVariables are those by which psql would send something else than the script, or go on after a failure. With FETCH_COUNT it
// makes a cursor of what looks like a query, SELECT INTO too; ON_ERROR_ROLLBACK would put each statement into a
// subtransaction, which the seals refuse.
const psqlVariables = `\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SINGLELINE off
\set FETCH_COUNT 0
`

// newSession takes back what a psqlrc has set, or has begun while AUTOCOMMIT was off: a run has a session of its own.
const newSession = "begin;\nrollback;\ndiscard all;\n" + conforming

// conforming says how quotes are read, where the database's own setting is another one. A run has it as its session's default,
// which RESET ALL goes back to.
const conforming = "set standard_conforming_strings = on;\n"

// encoding says what psql reads, and the names of files in what is the tool's own; what follows a file resets it.
const encoding = "\\encoding UTF8\n"

func (s *step) print(b *strings.Builder) {
	b.WriteString("\n")
	comment(b, s.heading())
	b.WriteString(encoding)
	p := printer{b: b, alone: s.alone}
	for _, o := range s.layOut() {
		if o.kind == opFile {
			p.file(&o)
			continue
		}
		p.restore(o.sql)
		b.WriteString(o.sql)
		b.WriteString(o.end())
		if o.sql == resetAll {
			b.WriteString(conforming + encoding)
			p.reading = readAsRun
		}
	}
}

func comment(b *strings.Builder, text string) {
	lines := strings.NewReplacer("\r\n", "\n-- ", "\r", "\n-- ", "\n", "\n-- ") // to psql each of them ends a comment
	b.WriteString("-- " + printable.Text(lines.Replace(text)) + "\n")
}
