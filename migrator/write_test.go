package migrator

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

func printed(t *testing.T, p *Plan) string {
	t.Helper()
	var b strings.Builder
	n, err := p.WriteTo(&b)
	require.NoError(t, err)
	require.EqualValues(t, b.Len(), n)
	return b.String()
}

// forPsql are the lines of a printed plan that a run does not send.
var forPsql = regexp.MustCompile(`(?m)^(\\.*|begin;\nrollback;\ndiscard all;|set standard_conforming_strings = on;)\n`)

func TestAPrintedPlanHoldsWhatARunSendsAndNothingElse(t *testing.T) {
	t.Parallel()
	plan := planned(t, loaded(t, "1_a.sql", "select 'é';\nselect 2 -- end", "2_b.sql", "", "3_c.sql", "begin;select 3;;commit;\n", "4_d.sql", "create function f() returns int begin atomic select 1; end"),
		never(), Up())
	var want []string // one for each statement
	for s := range plan.steps {
		for _, o := range s.LayOut() {
			if o.Kind != script.OpFile {
				want = append(want, o.SQL)
				continue
			}
			for _, statement := range o.File.Statements {
				want = append(want, statement.Text(o.SQL))
			}
		}
	}
	text := printed(t, plan)
	require.True(t, strings.HasPrefix(text, "\\set ON_ERROR_STOP on\n"), "psql has to stop at a failure")
	text = forPsql.ReplaceAllString(text, "")
	statements, err := sqllex.Split(text)
	require.NoError(t, err)
	require.Len(t, statements, len(want))
	for i, s := range statements {
		require.Contains(t, want[i], s.Text(text))
	}
}

func TestAVariableOfPsqlIsPrintedSoThatPsqlSendsIt(t *testing.T) {
	t.Parallel()
	text := printed(t, planned(t, loaded(t, "1_a.sql", `select :name, :'x', ':y', a::int, $$ :z $$ -- :c`), never(), Up()))
	require.Contains(t, text, `select \:name, \:'x', ':y', a::int, $$ :z $$ -- :c`)
}

func TestAWarningStaysAComment(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r", "\r\n"} { // to psql each of them ends a comment
		text := printed(t, &Plan{Warnings: []string{"row x" + end + "drop table users;" + end}})
		for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			require.True(t, strings.HasPrefix(line, "--") || strings.HasPrefix(line, `\set `), "%q", line)
		}
	}
}

func TestAnEmptyPlanSaysSo(t *testing.T) {
	t.Parallel()
	require.Equal(t, script.PsqlVariables+"-- nothing to do\n", printed(t, &Plan{}))
}

// Without it psql takes the text to be in the encoding of the database, or of the terminal.
func TestThePrintedPlanSaysThatItIsUTF8WhereverAFileBegins(t *testing.T) {
	t.Parallel()
	text := printed(t, planned(t, loaded(t, "1_a.sql", "select 'é'", "2_b.sql", "select 'ü'"), never(), Up()))
	for _, part := range strings.SplitAfter(text, "reset all;")[:2] { // which takes the setting back
		require.Regexp(t, `(?i)(\\encoding|client_encoding).*UTF-?8`, part)
	}
}

// broken takes a few bytes and no more.
type broken struct{}

func (broken) Write(p []byte) (int, error) { return 3, errors.New("no space left") }

func TestAWriterThatFailsIsReported(t *testing.T) {
	t.Parallel()
	var _ io.WriterTo = &Plan{}
	n, err := (&Plan{}).WriteTo(broken{})
	require.EqualError(t, err, "write plan: no space left")
	require.EqualValues(t, 3, n)
}
