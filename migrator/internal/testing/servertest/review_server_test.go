package servertest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgparse"
)

// vocabulary is all that FuzzReviewAgainstServer makes texts of. They run on the server: nothing here can harm it, or
// take long, in any order.
var vocabulary = strings.Fields(`
	; begin start transaction work commit end abort rollback to savepoint a release prepare prepared 'x' and no chain isolation
	level serializable repeatable read only write deferrable , select 1 ; set session local characteristics as create or replace
	function f ( ) returns int language sql atomic return procedure case when then else end; do $$begin commit; end$$ call declare
	cursor with hold for close all discard execute explain analyze copy t from stdin stdout = off on '' E'\'' --' "commit" $a$; $a$ b
	ſ \ /*;*/ /* begin ; begin; commit; ;commit insert into values reset temp table if exists not null default rule also instead
	return; begin/**/ rollback--
	`)

func sentence(choices []byte) string {
	var text strings.Builder
	for _, c := range choices {
		word := vocabulary[int(c)%len(vocabulary)]
		text.WriteString(word)
		if strings.Contains(word, "--") || c >= 200 {
			text.WriteString("\n")
		} else {
			text.WriteString(" ")
		}
	}
	return text.String()
}

// choices is the way back from a text of the vocabulary.
func choices(tb testing.TB, text string) (list []byte) {
	index := make(map[string]byte, len(vocabulary))
	for i, word := range vocabulary {
		index[word] = byte(i)
	}
	for word := range strings.FieldsSeq(text) {
		require.Contains(tb, index, word)
		list = append(list, index[word])
	}
	return list
}

// FuzzReviewAgainstServer sends what review accepts to PostgreSQL, in a transaction that must not end.
func FuzzReviewAgainstServer(f *testing.F) {
	require.Less(f, len(vocabulary), 200)
	for _, seed := range []string{
		"", "commit", "end", "abort", "rollback", "select 1 ; commit", "begin ; select 1 ; commit", "begin work ; end transaction", "start transaction isolation level serializable ; commit work",
		"begin ; commit ; begin ; commit", "begin ; select 1 ; end; select 1 ; commit", "end and chain", "abort work ; begin", "rollback and no chain ;", "rollback to a",
		"savepoint a ; rollback to savepoint a ; rollback work to a ; release a", "savepoint a ; rollback transaction to savepoint a ; rollback", "prepare transaction 'x'", "commit prepared 'x'",
		"prepare a as select 1 ; execute a", "create function f ( ) returns int begin atomic select 1 ; end; commit", "create or replace procedure f ( ) begin atomic commit; end ; commit",
		"create function f ( ) returns int begin atomic select case when 1 then 1 end ; end ; rollback", "do $$begin commit; end$$", "call f ( )", "select 1 /*;*/ ; begin/**/ ; ;commit",
		"select E'\\'' ; commit ; --' ", "select '' E'\\'' ; commit ; --' ; select 1", "select 'x' as \"commit\" ; ( commit )", "copy t from stdin ; select 1", "copy t ( a ) from stdout", "copy t to stdout", "set transaction read only", "set session characteristics as transaction read only",
		"discard all", "declare a cursor with hold for select 1 ; close all", "create rule a as on insert to t do also ( select 1 ; select 1 ) ; select 1", "create rule a as on insert to t do also ( select 1 ; commit )", "select 1 rollback-- ; ;commit", "/* commit; begin",
		"savepoint a ; rollback to a ; commit", "explain analyze select 1 ; reset all", "select 1 as end; commit", "begin ; begin ; commit ; commit", "ſ commit", "start transaction ; commit and chain", "\\ commit",
	} {
		f.Add(choices(f, seed))
	}
	url := newDatabase(f)
	reader, err := pgparse.Connect(f.Context(), url)
	require.NoError(f, err)
	conn, err := pgconn.Connect(f.Context(), url)
	require.NoError(f, err)
	f.Cleanup(func() {
		require.NoError(f, reader.Close(context.Background()))
		require.NoError(f, conn.Close(context.Background()))
	})
	_, err = conn.Exec(f.Context(), "create table mark (a int); create table t (a int); set client_min_messages = error").ReadAll()
	require.NoError(f, err)
	_, _ = conn.Exec(f.Context(), "set log_min_messages = panic").ReadAll() // for want of it the log only grows

	f.Fuzz(func(t *testing.T, choices []byte) {
		text := sentence(choices[:min(len(choices), 100)])
		// Each statement of a no-transaction file runs in a transaction of its own, or in none.
		if file, problems := sqlfile.Parse("1_a.sql", text, true); len(problems) == 0 {
			noneEnds(t, reader, file.Text, file.Statements)
		}
		file, problems := sqlfile.Parse("1_a.sql", text, false)
		if len(problems) > 0 {
			return
		}
		understood := noneEnds(t, reader, file.Text, file.Statements)
		staysOpen(t, conn, file.Text, understood)
	})
}

// noneEnds asks the server about each statement: a run stops at the first one that fails, and the others count too. It
// returns whether the server understands the whole.
func noneEnds(t *testing.T, reader *pgparse.Server, sent string, statements []sqllex.Statement) bool {
	questions := []string{sent}
	for _, s := range statements {
		questions = append(questions, s.Text(sent))
	}
	readings, err := reader.Read(t.Context(), questions...)
	require.NoError(t, err)
	for i, r := range readings[1:] {
		words := statements[i].Words(sent)
		if r.Kind == pgparse.Exit {
			require.True(t, sqllex.Matches(words, "ROLLBACK", "WORK|TRANSACTION?", "TO"), "%q of %q", words, sent)
			continue
		}
		require.Contains(t, []pgparse.Kind{pgparse.One, pgparse.Refused}, r.Kind, "%q of %q", words, sent)
		require.True(t, r.Kind == pgparse.One || readings[0].Kind == pgparse.Refused, "%q of %q", words, sent)
	}
	return readings[0].Kind != pgparse.Refused
}

// staysOpen runs a file between a BEGIN and a look at what the transaction has done.
func staysOpen(t *testing.T, conn *pgconn.PgConn, sent string, understood bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	results, err := conn.Exec(ctx, "begin isolation level read committed; insert into mark values (1);\n"+sent+"\n;\nselect count(*) from mark").ReadAll()
	switch {
	case err == nil:
		require.Equal(t, byte('T'), conn.TxStatus(), sent)
		require.Equal(t, "1", string(results[len(results)-1].Rows[0][0]), sent)
	case understood:
		require.Equal(t, byte('E'), conn.TxStatus(), "%s: %v", sent, err)
	default: // a message is read whole before any of it runs
		require.Equal(t, byte('I'), conn.TxStatus(), "%s: %v", sent, err)
	}
	results, err = conn.Exec(ctx, "rollback; select count(*) from mark").ReadAll()
	require.NoError(t, err, sent)
	require.Equal(t, "0", string(results[1].Rows[0][0]), sent)
}
