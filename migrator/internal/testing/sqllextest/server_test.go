package sqllextest_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgparse"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/sqllextest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// FuzzSplitAgainstServer asks PostgreSQL where tokens and statements end, in texts of any kind.
func FuzzSplitAgainstServer(f *testing.F) {
	for _, c := range sqllextest.Cases(f, "../../sqllex/testdata") {
		f.Add(c.SQL)
	}
	for _, src := range []string{
		"select 1;/**/;commit;", "begin atomic;end;", "create or replace drop access method",
		"create function f() returns int return 1; create procedure p() begin atomic; ; end;",
		"select e'a' /* */\n'b\\', 'c;'", "n'", "b'0''1' x'1''", "select n'a'\n'b;", "select u&'!0041' uescape '!'; select u&\"a\"\nuescape/**/'!', not 'a' with 'b' nulls 'c'",
		"select e'\\xff', e'\\u12', \"\", 0x1f, 1_0, 12ab, $99999999999, 1 ~~~~ 2; 'open", "e'\\u",
	} {
		f.Add(src)
	}
	server := connect(f)
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 4000 || !utf8.ValidString(src) || strings.ContainsAny(src, "\x00\v") {
			return // no text that would be loaded, or a long one; and to servers before 16 a \v is no space
		}
		tokensAreTheServers(t, server, src)
		statementsAreTheServers(t, server, src)
	})
}

// FuzzSplitOfWhatServerAccepts writes texts that the server accepts, and knows what they are made of.
func FuzzSplitOfWhatServerAccepts(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for size := range 100 {
		choices := make([]byte, 4*size)
		_, _ = random.Read(choices)
		f.Add(choices)
	}
	server := connect(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		src, want := write(choices[:min(len(choices), 1000)])
		got, err := sqllex.Split(src)
		require.NoError(t, err, src)
		require.Equal(t, texts(src, want), texts(src, got), src)
		require.Equal(t, want, got)
		readings, err := server.Read(t.Context(), src)
		require.NoError(t, err)
		require.NotEqual(t, pgparse.Refused, readings[0].Kind, "%+v\n%s", readings[0].Error, src)
		statementsAreTheServers(t, server, src)
	})
}

func texts(src string, statements []sqllex.Statement) []string {
	var list []string
	for _, s := range statements {
		list = append(list, s.Text(src))
	}
	return list
}

// connect returns a connection on which texts are read and nothing runs.
func connect(f *testing.F) *pgparse.Server {
	server, err := pgparse.Connect(f.Context(), migratortest.Database(f))
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, server.Close(context.Background())) })
	if worker := flag.Lookup("test.fuzzworker"); worker.Value.String() == "true" {
		require.Equal(f, "TEST_DATABASE_URL", migratortest.Source(), "a server for each worker")
	}
	return server
}

// statementsAreTheServers compares as far as the server understands the text. Up to the place of its complaint each
// semicolon that ends a statement leaves a whole text before it, and each other one does not.
func statementsAreTheServers(t *testing.T, server *pgparse.Server, src string) {
	statements, problem := sqllex.Split(src)
	semicolons := semicolons(t, src, statements, problem)
	questions := []string{src}
	for _, s := range semicolons {
		questions = append(questions, src[:s.offset])
	}
	for _, s := range statements {
		questions = append(questions, s.Text(src))
	}
	readings, err := server.Read(t.Context(), questions...)
	require.NoError(t, err)

	whole, prefixes, pieces := readings[0], readings[1:1+len(semicolons)], readings[1+len(semicolons):]
	understood := len(src) + 1
	if whole.Kind == pgparse.Refused {
		understood = 0
		if whole.Error.Position > 0 {
			understood = sqllex.ByteOffset(src, int(whole.Error.Position))
		}
	} else {
		require.NoError(t, problem, "the server accepts %q", src)
		require.Equal(t, min(len(statements), 2), count(whole), "%q", src)
	}
	ended := 0
	for i, s := range semicolons {
		if s.offset >= understood {
			break
		}
		require.Equal(t, s.ends, prefixes[i].Kind != pgparse.Refused, "the semicolon after %q", questions[1+i])
		if s.ends {
			require.Equal(t, min(s.statements, 2), count(prefixes[i]), "%q", questions[1+i])
			ended = s.statements
		}
	}
	for i, s := range statements {
		if i < ended || whole.Kind != pgparse.Refused {
			require.Equal(t, 1, count(pieces[i]), "%q of %q", s.Text(src), src)
		}
		require.NotContains(t, []pgparse.Kind{pgparse.Nothing, pgparse.Several}, pieces[i].Kind, "%q of %q", s.Text(src), src)
	}
}

// count is how many statements the server saw, where 2 stands for any number above 1, and -1 for a refusal.
func count(r pgparse.Reading) int {
	switch r.Kind {
	case pgparse.Nothing:
		return 0
	case pgparse.One, pgparse.Exit:
		return 1
	case pgparse.Several:
		return 2
	case pgparse.Refused:
	}
	return -1
}

// A semicolon, whether Split ends a statement there, and how many there are before it.
type semicolon struct {
	offset     int
	ends       bool
	statements int
}

func semicolons(t *testing.T, src string, statements []sqllex.Statement, problem error) []semicolon {
	all, _ := sqllextest.TokensWithoutGaps(t, src)
	var list []semicolon
	i, pending := 0, false // pending: in the one that Split could not finish
	for _, token := range all {
		for i < len(statements) && statements[i].End <= token.Start {
			i++
		}
		inside := pending || i < len(statements) && statements[i].Start <= token.Start
		switch {
		case token.Kind == sqllex.Semicolon:
			list = append(list, semicolon{offset: token.Start, ends: !inside, statements: i})
		case token.Significant() && !inside:
			require.Error(t, problem)
			pending = true
		}
	}
	return list
}
