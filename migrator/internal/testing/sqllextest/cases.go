// Package sqllextest compares package sqllex with a server, and has what its other tests need as well.
package sqllextest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/archive"
)

// A Case is one of sqllex/testdata, whose README describes the format.
type Case struct {
	Name, SQL string
	Want      string // what Split makes of it
}

// Cases reads those of a directory.
func Cases(tb testing.TB, directory string) []Case {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(directory, "*.txtar"))
	require.NoError(tb, err)
	require.NotEmpty(tb, paths)
	var cases []Case
	for _, path := range paths {
		topic := strings.TrimSuffix(filepath.Base(path), ".txtar")
		a, err := archive.Read(path)
		require.NoError(tb, err)
		for _, file := range a.Files {
			text := strings.NewReplacer("␍", "\r", "␋", "\v", "⍽", "\u00a0").Replace(file.Data)
			end := wanted.FindStringIndex(text + "=> ")[0]
			cases = append(cases, Case{
				Name: topic + "/" + file.Name,
				SQL:  strings.TrimSuffix(text[:end], "\n"),
				Want: text[end:],
			})
		}
	}
	return cases
}

var wanted = regexp.MustCompile(`(?m)^(=> |error )`)

// TokensWithoutGaps returns the tokens of src, which add up to it or, beside an error, to a beginning of it.
func TokensWithoutGaps(t *testing.T, src string) ([]sqllex.Token, error) {
	t.Helper()
	var all []sqllex.Token
	end := 0
	lexer := sqllex.New(src)
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		require.Equal(t, end, token.Start)
		require.Greater(t, token.End, token.Start)
		end = token.End
		all = append(all, token)
	}
	if lexer.Err() == nil {
		require.Equal(t, len(src), end)
	} else {
		at := (*sqllex.Error)(nil)
		require.ErrorAs(t, lexer.Err(), &at)
		require.GreaterOrEqual(t, at.Offset, end)
	}
	return all, lexer.Err()
}
