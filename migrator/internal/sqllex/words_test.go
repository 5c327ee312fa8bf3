package sqllex_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

func words(t *testing.T, src string) []string {
	t.Helper()
	statements, err := sqllex.Split(src)
	require.NoError(t, err)
	require.Len(t, statements, 1)
	return statements[0].Words(src)
}

func TestWordsAreUpperCaseAndEverythingElseIsAsWritten(t *testing.T) {
	t.Parallel()
	for src, want := range map[string][]string{
		"-- x\ncreate /* y */ Index ON t(a);": {"CREATE", "INDEX", "ON", "T", "(", "A", ")"},
		`set "Role" to 'None', E'it''s'`:      {"SET", `"Role"`, "TO", "'None'", ",", "E'it''s'"},
		"ſelect äbc::text, $1, 1e5":           {"ſELECT", "äBC", "::", "TEXT", ",", "$1", ",", "1e5"},
	} {
		require.Equal(t, want, words(t, src), src)
	}
}

func TestWordsStopAtTheirLimitButTokensDoNot(t *testing.T) {
	t.Parallel()
	src := "select 0; insert into t values (" + strings.Repeat("1, ", 100) + "2)"
	statements, err := sqllex.Split(src)
	require.NoError(t, err)
	require.Len(t, statements, 2)

	require.Len(t, statements[1].Words(src), sqllex.MaxWords)
	require.Equal(t, []string{"INSERT", "INTO", "T"}, statements[1].Words(src)[:3])
	var last string
	count := 0
	for token := range statements[1].Tokens(src) {
		last = token.Text(src)
		count++
	}
	require.Equal(t, 207, count)
	require.Equal(t, ")", last)
}

func TestMatchesReadsAPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		src     string
		pattern string
		want    bool
	}{
		{"create index concurrently on t (a)", "CREATE UNIQUE? INDEX CONCURRENTLY", true},
		{"create unique index concurrently i on t (a)", "CREATE UNIQUE? INDEX CONCURRENTLY", true},
		{"create unique index i on t (a)", "CREATE UNIQUE? INDEX CONCURRENTLY", false},
		{`create index "concurrently" on t (a)`, "CREATE UNIQUE? INDEX CONCURRENTLY", false},
		{"commit work", "COMMIT|END WORK|TRANSACTION?", true},
		{"end", "COMMIT|END WORK|TRANSACTION?", true},
		{"commit prepared 'x'", "COMMIT|END PREPARED", true},
		{"begin", "COMMIT|END", false},
		{"set local standard_conforming_strings = off", "SET SESSION|LOCAL? STANDARD_CONFORMING_STRINGS", true},
		{"drop", "DROP INDEX", false},
		{"drop", "DROP INDEX?", true},
		{"drop", "", true},
	} {
		require.Equal(t, c.want, sqllex.Matches(words(t, c.src), strings.Fields(c.pattern)...), "%s: %s", c.src, c.pattern)
	}
}
