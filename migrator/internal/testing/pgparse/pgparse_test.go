package pgparse_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgparse"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

func TestTheServerSaysWhatItSeesInATextAndRunsNothing(t *testing.T) {
	t.Parallel()
	server, err := pgparse.Connect(t.Context(), migratortest.Database(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close(context.Background())) }()

	cases := []struct {
		text string
		want pgparse.Kind
	}{
		{"", pgparse.Nothing},
		{";; -- comment", pgparse.Nothing},
		{"/* ; */", pgparse.Nothing},
		{"select 1", pgparse.One},
		{"select pg_sleep(3600);", pgparse.One},
		{"drop table no_such_table; -- comment", pgparse.One},
		{"begin", pgparse.One},
		{"savepoint a", pgparse.One},
		{"release a", pgparse.One},
		{"commit prepared 'a'", pgparse.One},
		{"create function f() returns int begin atomic select 1; commit; end", pgparse.One},
		{"commit", pgparse.Exit},
		{"end -- comment", pgparse.Exit},
		{";ABORT work;", pgparse.Exit},
		{"rollback and chain", pgparse.Exit},
		{"rollback to a", pgparse.Exit},
		{"prepare transaction 'a'", pgparse.Exit},
		{"select 1; select 2", pgparse.Several},
		{"commit; select 1", pgparse.Several},
		{"select 1;; commit", pgparse.Several},
		{"selec 1", pgparse.Refused},
		{"select 1; commit; 'open", pgparse.Refused},
		{"select '" + strings.Repeat("x", 1<<20) + "'", pgparse.One},
	}
	var texts []string
	for _, c := range cases {
		texts = append(texts, c.text)
	}
	for range 2 { // the answers change nothing
		readings, err := server.Read(t.Context(), texts...)
		require.NoError(t, err)
		for i, c := range cases {
			require.Equal(t, c.want, readings[i].Kind, c.text)
			require.Equal(t, c.want == pgparse.Refused, readings[i].Error != nil, c.text)
		}
	}
	one, err := server.Read(t.Context(), "select é 2")
	require.NoError(t, err)
	require.Equal(t, `syntax error at or near "2"`, one[0].Error.Message)
	require.EqualValues(t, 10, one[0].Error.Position)
}

func TestAServerThatDoesNotAnswerIsAnError(t *testing.T) {
	t.Parallel()
	_, err := pgparse.Connect(t.Context(), "postgres://127.0.0.1:1/x")
	require.Error(t, err)

	server, err := pgparse.Connect(t.Context(), migratortest.Database(t))
	require.NoError(t, err)
	require.NoError(t, server.Close(t.Context()))
	_, err = server.Read(t.Context(), "select 1")
	require.ErrorContains(t, err, "ask how the server reads a text")
}
