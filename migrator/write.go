package migrator

import (
	"fmt"
	"io"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// WriteTo prints the plan as the SQL script that would run, history writes included. psql runs it to the same effect,
// and stops at a failure as a run does: what is complete stays, the file that failed is rolled back.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	b.WriteString("\\set ON_ERROR_STOP on\n")
	for _, warning := range p.Warnings {
		comment(&b, "WARNING: "+warning)
	}
	if p.Empty() {
		comment(&b, "nothing to do")
	} else {
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

func (s *step) print(b *strings.Builder) {
	b.WriteString("\n")
	comment(b, s.heading())
	b.WriteString(encoding)
	for _, o := range s.layOut() {
		text := o.sql
		if o.kind == opFile {
			text = sqllex.ForPsql(strings.TrimSuffix(text, "\n"))
		}
		b.WriteString(text)
		b.WriteString(o.end())
		if o.sql == resetAll {
			b.WriteString(encoding)
		}
	}
}

// encoding says what psql reads, and the names of files in what is the tool's own; what follows a file resets it.
const encoding = "\\encoding UTF8\n"

func comment(b *strings.Builder, text string) {
	lines := strings.NewReplacer("\r\n", "\n-- ", "\r", "\n-- ", "\n", "\n-- ") // to psql each of them ends a comment
	b.WriteString("-- " + lines.Replace(text) + "\n")
}
