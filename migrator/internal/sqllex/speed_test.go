package sqllex_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// Texts in which each part invites to look at all that follows.
var tiresome = map[string]func(n int) string{
	"unterminated strings":          func(n int) string { return strings.Repeat("'", 2*n+1) },
	"unterminated names":            func(n int) string { return strings.Repeat(`"`, 2*n+1) },
	"unterminated dollar quote":     func(n int) string { return "$a$" + strings.Repeat("$b$", n) },
	"unterminated nested comments":  func(n int) string { return strings.Repeat("/*", n) },
	"closed nested comments":        func(n int) string { return strings.Repeat("/*", n) + strings.Repeat("*/", n) },
	"dollar signs":                  func(n int) string { return strings.Repeat("$ ", n) },
	"tags that do not close":        func(n int) string { return strings.Repeat("$a ", n) },
	"one long tag":                  func(n int) string { return "$" + strings.Repeat("a", n) },
	"many tags":                     func(n int) string { return strings.Repeat("$a$b$a$", n) },
	"long tag almost found":         func(n int) string { return strings.Repeat("$"+strings.Repeat("a", n/2), 2) + "$" },
	"parameters":                    func(n int) string { return strings.Repeat("$1", n) },
	"signs":                         func(n int) string { return strings.Repeat("+", n) },
	"alternating signs":             func(n int) string { return strings.Repeat("+-", n) },
	"slashes":                       func(n int) string { return strings.Repeat("/", n) },
	"colons":                        func(n int) string { return strings.Repeat(":", n) },
	"dots":                          func(n int) string { return strings.Repeat(".", n) },
	"zeros":                         func(n int) string { return strings.Repeat("0x ", n) },
	"underscores":                   func(n int) string { return "0" + strings.Repeat("_", n) },
	"parentheses":                   func(n int) string { return strings.Repeat("(", n) + strings.Repeat(")", n) },
	"unclosed parentheses":          func(n int) string { return strings.Repeat("(;", n) },
	"nested bodies":                 func(n int) string { return strings.Repeat("create function f() begin atomic ", n/10) },
	"line ends of old":              func(n int) string { return strings.Repeat("--\r", n) },
	"strings before comments":       func(n int) string { return strings.Repeat("'' --\n,", n) },
	"strings in many parts":         func(n int) string { return strings.Repeat("''\n", n) },
	"strings before space":          func(n int) string { return strings.Repeat("''"+strings.Repeat(" ", 100), n/100) },
	"empty statements":              func(n int) string { return strings.Repeat(";", n) },
	"short statements":              func(n int) string { return strings.Repeat("a;", n) },
	"backslashes in E strings":      func(n int) string { return "E'" + strings.Repeat(`\'`, n) },
	"characters of several bytes":   func(n int) string { return strings.Repeat("ä", n) },
	"bytes that are no characters":  func(n int) string { return strings.Repeat("\xff", n) },
	"stars that close and open":     func(n int) string { return strings.Repeat("*/", n) },
	"comments one after another":    func(n int) string { return strings.Repeat("/**/", n) },
	"psql variables":                func(n int) string { return strings.Repeat(":a", n) },
	"psql variables that are cut":   func(n int) string { return strings.Repeat(":{?a", n) },
	"psql variables without an end": func(n int) string { return ":'" + strings.Repeat("a", n) },
}

// With work that grows with the square of the length, a text of this size would
// take from half a minute to hours; as it is, each takes well below a second.
func TestWorkGrowsWithTheLengthOnly(t *testing.T) {
	t.Parallel()
	for name, text := range tiresome {
		src := text(600_000)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = sqllex.Split(src)
			_ = sqllex.ForPsql(src)
			_, _ = sqllex.Position(src, len(src))
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			require.Fail(t, "no end after 20 seconds", name)
		}
	}
}

func oneLargeStatement(size int) string {
	row := "(1, 'it''s a value', $$ another; one $$, now() /* note */),\n"
	return "insert into t values\n" + strings.Repeat(row, size/len(row)) + "(2, '', '', null);"
}

func TestALargeStatementTakesFewAllocations(t *testing.T) {
	src := oneLargeStatement(5 << 20)
	allocations := testing.AllocsPerRun(3, func() {
		statements, err := sqllex.Split(src)
		require.NoError(t, err)
		require.Len(t, statements, 1)
	})
	require.LessOrEqual(t, allocations, 4.0)
}

func BenchmarkSplitOneLargeStatement(b *testing.B) {
	benchmarkSplit(b, oneLargeStatement(5<<20))
}

func BenchmarkSplitManyStatements(b *testing.B) {
	benchmarkSplit(b, strings.Repeat("alter table t add column c text; -- so\n", 5<<20/39))
}

func BenchmarkSplitSmallFile(b *testing.B) {
	benchmarkSplit(b, `-- Migration: Add notifications
create table notifications (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null references agents (id) on delete cascade,
    type varchar(20) not null default 'info' check (type in ('info', 'warning', 'error', 'success'))
);
create index notifications_unread on notifications (user_id) where not read;
`)
}

func benchmarkSplit(b *testing.B, src string) {
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sqllex.Split(src); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWords(b *testing.B) {
	src := "create unique index concurrently if not exists i on s.t (a, b) where c is not null"
	statement := sqllex.Statement{Start: 0, End: len(src)}
	b.ReportAllocs()
	for b.Loop() {
		if len(statement.Words(src)) == 0 {
			b.Fatal("no words")
		}
	}
}
