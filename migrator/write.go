package migrator

import (
	"fmt"
	"io"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// WriteTo prints the plan as the SQL script that a run would send, including the writes to the history. psql runs it with the same
// effect, whatever its psqlrc says. It stops at a failure as a run does: complete files stay, and the failed one is rolled back.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	b.WriteString(script.PsqlVariables)
	for _, warning := range p.Warnings {
		script.Comment(&b, "WARNING: "+warning)
	}
	if p.Empty() {
		script.Comment(&b, "nothing to do")
	} else {
		b.WriteString(script.NewSession)
		for s := range p.steps {
			s.Print(&b)
		}
	}
	n, err := io.WriteString(w, b.String())
	if err != nil {
		return int64(n), fmt.Errorf("write plan: %w", err)
	}
	return int64(n), nil
}
