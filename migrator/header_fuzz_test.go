package migrator

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// said are ways to write one directive, which the fuzzer puts into texts.
var said = []string{
	"-- migrator: lock-timeout=7.5s\n", "--migrator:lock-timeout=7500ms\n", "--\t MIGRATOR:\t,lock-timeout=7.5s ,\n", "--  Migrator: lock-timeout=0h0m7s500ms\r",
}

const saidTimeout = 7500 * time.Millisecond

// FuzzHeader puts a directive at a place in a text.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"", "-- migrator: no-transaction, batch\n", "-- migrator: isolation=serializable lock-timeout=2s\nselect 1", "/* x */ --migrator:=,=\r\n",
		"-- migrator: lock-timeout=9999999999h", "--migrator:lock-timeout=1ns", "-- migrator: \xff", "/*", "select 1; -- migrator: batch",
		"-- MIGRATOR: isolation=read-committed\n/* a */;", "-- migrator: lock-timeout=1h2m3.5s\n", "'a'\n'b'", "select $$\n$$, 'open\n", "-- x\r-- y\n", "\\d\n",
	} {
		for i, at := range []uint16{0, 3, 11, 1 << 15} {
			f.Add(seed, at, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, sql string, at uint16, spelling uint8) {
		s, err := parsed(sql)
		require.Contains(t, []Mode{Transactional, NoTransaction, batchMode}, s.Mode)
		require.True(t, s.LockTimeout == 0 || (s.LockTimeout >= time.Millisecond && s.LockTimeout <= MaxLockTimeout))
		if !strings.Contains(strings.ToLower(sql), "migrator:") {
			require.NoError(t, err)
			require.Equal(t, Script{Path: "1_a.sql", SQL: sql, Mode: Transactional}, s)
		}
		if err != nil {
			hasPlace(t, sql, err)
			return
		}
		printedAndReadAgain(t, s)
		directive := said[int(spelling)%len(said)]
		saidOnTop(t, directive, s)
		notLost(t, directive, sql, min(int(at), len(sql)))
	})
}

func parsed(sql string) (Script, error) {
	s := Script{Path: "1_a.sql", SQL: sql}
	err := s.readHeader()
	return s, err
}

func hasPlace(t *testing.T, sql string, err error) {
	var refused *FileError
	require.ErrorAs(t, err, &refused)
	line, column := sqllex.Position(sql, len(sql))
	require.Positive(t, refused.Line)
	require.True(t, refused.Line < line || (refused.Line == line && refused.Column <= column))
	require.Contains(t, sql, refused.Source)
	require.NotEmpty(t, refused.Error())
}

func printedAndReadAgain(t *testing.T, s Script) {
	items := []string{}
	if s.Mode != Transactional {
		items = append(items, string(s.Mode))
	}
	for name, level := range map[string]string{"read-committed": "read committed", "repeatable-read": "repeatable read", "serializable": "serializable"} {
		if level == s.Isolation {
			items = append(items, "isolation="+name)
		}
	}
	if s.LockTimeout != 0 {
		items = append(items, "lock-timeout="+s.LockTimeout.String())
	}
	again, err := parsed("-- migrator: " + strings.Join(items, ", ") + "\n")
	require.NoError(t, err, "%q", items)
	again.SQL = s.SQL
	require.Equal(t, s, again)
}

// saidOnTop checks that a directive above everything else is obeyed, or that two of a kind are refused, and that it
// takes nothing from those below it.
func saidOnTop(t *testing.T, directive string, s Script) {
	got, err := parsed(directive + s.SQL)
	if s.LockTimeout != 0 {
		require.ErrorContains(t, err, "lock-timeout is said twice")
		return
	}
	require.NoError(t, err)
	want := s
	want.SQL, want.LockTimeout = directive+s.SQL, saidTimeout
	require.Equal(t, want, got)
}

// notLost checks that a directive is obeyed or refused wherever it stands on a line of its own, but within a literal, a
// quoted name or a comment.
func notLost(t *testing.T, directive, sql string, at int) {
	if !utf8.ValidString(sql[:at]) {
		return
	}
	sql = sql[:at] + "\n" + directive + sql[at:]
	at++
	lexer := sqllex.New(sql)
	token, ok := lexer.Next()
	for ok && token.End <= at {
		token, ok = lexer.Next()
	}
	if !ok || token.Start < at {
		return // something was opened above it
	}
	require.Equal(t, sqllex.Comment, token.Kind)
	s, err := parsed(sql)
	if err == nil && s.LockTimeout != saidTimeout {
		_, err = review(transactional("1_a.sql", sql))
		require.Error(t, err, "%q", sql)
	}
}
