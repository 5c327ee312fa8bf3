package sqllex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/sqllextest"
)

func FuzzSplit(f *testing.F) {
	for _, c := range sqllextest.Cases(f, "testdata") {
		f.Add(c.SQL)
	}
	f.Fuzz(func(t *testing.T, src string) {
		all, lexErr := sqllextest.TokensWithoutGaps(t, src)
		statements, err := sqllex.Split(src)
		if lexErr != nil {
			require.Error(t, err)
		}
		covered := coveredOnce(t, src, all, statements)
		if err == nil {
			nothingElse(t, src, all[covered:])
		} else {
			at := (*sqllex.Error)(nil)
			require.ErrorAs(t, err, &at)
			require.Less(t, at.Offset, len(src))
			require.GreaterOrEqual(t, at.Offset, 0)
			if len(statements) > 0 {
				require.Greater(t, at.Offset, statements[len(statements)-1].End)
			}
		}
		for _, s := range statements {
			again, err := sqllex.Split(s.Text(src))
			require.NoError(t, err)
			require.Equal(t, []sqllex.Statement{{Start: 0, End: len(s.Text(src))}}, again)
		}
	})
}

// coveredOnce checks that the statements follow each other, begin and end with
// significant tokens and have nothing but space, comments and semicolons between
// them. It returns how many tokens there are up to the end of the last one.
func coveredOnce(t *testing.T, src string, all []sqllex.Token, statements []sqllex.Statement) int {
	i := 0
	for _, s := range statements {
		first := i
		for all[i].Start < s.Start {
			i++
		}
		nothingElse(t, src, all[first:i])
		require.Equal(t, s.Start, all[i].Start)
		require.True(t, all[i].Significant())

		var inside []sqllex.Token
		for ; i < len(all) && all[i].End <= s.End; i++ {
			if all[i].Significant() {
				inside = append(inside, all[i])
			}
		}
		require.Equal(t, s.End, inside[len(inside)-1].End)
		var got []sqllex.Token
		for token := range s.Tokens(src) {
			got = append(got, token)
		}
		require.Equal(t, inside, got)
	}
	return i
}

func nothingElse(t *testing.T, src string, gap []sqllex.Token) {
	for _, token := range gap {
		require.False(t, token.Significant() && token.Kind != sqllex.Semicolon, "%q", token.Text(src))
	}
}

// FuzzForPsql checks what needs no psql: a text changes only by backslashes before
// colons and by protected quotes that become doubled ones.
func FuzzForPsql(f *testing.F) {
	for _, c := range sqllextest.Cases(f, "testdata") {
		f.Add(c.SQL)
	}
	f.Add(":a:'b'\"c\"::d e'\\'' \n '\\''")
	f.Fuzz(func(t *testing.T, src string) {
		printed := sqllex.ForPsql(src)
		j := 0
		for i := range len(src) {
			if src[i] == ':' && printed[j] == '\\' {
				j++
			}
			same := printed[j] == src[i] || printed[j] == '\'' && src[i] == '\\' && src[i+1] == '\''
			require.True(t, same, "byte %d of %q in %q", i, src, printed)
			j++
		}
		require.Len(t, printed, j)
	})
}
