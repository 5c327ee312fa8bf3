package script

import (
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// PsqlVariables sets the psql variables that could make psql send something else than the script, or continue after a failure.
// With FETCH_COUNT psql makes a cursor of everything that looks like a query, even of SELECT INTO. With ON_ERROR_ROLLBACK it puts
// each statement into a subtransaction, which the seals refuse.
const PsqlVariables = `\set ON_ERROR_STOP on
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT on
\set SINGLELINE off
\set FETCH_COUNT 0
`

// NewSession gives psql a clean session, as a run has it. A psqlrc may have set something, or may have begun a transaction while
// AUTOCOMMIT was off.
const NewSession = "begin;\nrollback;\ndiscard all;\n" + conforming

// conforming makes the server read quotes as a run does, in case the database has another setting. In a run it is the session's
// default, to which RESET ALL returns; psql needs it again after RESET ALL.
const conforming = "set standard_conforming_strings = on;\n"

// encoding tells psql the encoding of the script, which has file names in our own statements too. The RESET ALL after a file
// undoes it, so it is printed again.
const encoding = "\\encoding UTF8\n"

// Print writes the step to b as a script for psql.
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

// Comment writes text to b as an SQL comment, one comment for each line.
func Comment(b *strings.Builder, text string) {
	lines := strings.NewReplacer("\r\n", "\n-- ", "\r", "\n-- ", "\n", "\n-- ") // each of them ends a comment in psql
	b.WriteString("-- " + printable.Text(lines.Replace(text)) + "\n")
}
