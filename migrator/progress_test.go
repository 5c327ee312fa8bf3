package migrator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// begun is the record of a file of which so many steps have run, as it was then.
func begun(was *sqlfile.File, direction Direction, done int) *history.Progress {
	p := &history.Progress{Version: "1_a.sql", Direction: string(direction), Done: done}
	for _, u := range was.Separate[:done] {
		p.Hashes = append(p.Hashes, u.Hash)
	}
	return p
}

const threeSteps = noTransactionHeader + "insert into t values (1);\nset search_path = app;\ncreate index concurrently i on t (a);\ninsert into t values (3);\n"

// judged is what progress says of a file that was threeSteps when so many of them ran, and has this text now.
func judged3(t *testing.T, done int, now string) error {
	t.Helper()
	was := withoutTransaction(t, strings.TrimPrefix(threeSteps, noTransactionHeader))
	script, err := loadedScript("1_a.sql", now)
	require.NoError(t, err)
	file, err := review(script)
	require.NoError(t, err)
	return validateProgress(begun(was, DirectionUp, done), &Move{DirectionUp, Migration{Version: "1_a.sql", Up: *script}}, file)
}

func TestAnUnfinishedFileMayBeMendedWhereItHasNotRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		done int
		now  string
	}{
		{"as it was, before the first", 0, threeSteps},
		{"as it was", 2, threeSteps},
		{"as it was, after the last", 3, threeSteps},
		{"with other comments and white space", 2, noTransactionHeader + "/* why */ insert into t\n  values(1);;\nset search_path = app; create index\nconcurrently i on t (a) -- slow\n; insert into t values (3)"},
		{"with other settings", 2, strings.Replace(threeSteps, "set search_path = app;", "set search_path = app, public;\nset work_mem = '1GB';", 1)},
		{"with another header", 2, strings.Replace(threeSteps, "no-transaction", "no-transaction, lock-timeout=5s", 1)},
		{"with another third statement", 2, strings.Replace(threeSteps, "(3)", "(4)", 1)},
		{"without the third statement", 2, strings.Replace(threeSteps, "insert into t values (3);\n", "", 1)},
		{"with a fourth statement", 3, threeSteps + "vacuum t;\n"},
		{"another file, where nothing of it has run", 0, noTransactionHeader + "vacuum t;"},
		{"empty, where nothing of it has run", 0, noTransactionHeader},
	} {
		require.NoError(t, judged3(t, c.done, c.now), c.name)
	}
}

func TestAnUnfinishedFileThatWasChangedWhereItHasRunIsRefused(t *testing.T) {
	t.Parallel()
	const putBack = "\nHINT: put the statements that have run back as they were; mend only what comes after them"
	for _, c := range []struct {
		name      string
		done      int
		now, want string
	}{
		{
			"the first", 2, strings.Replace(threeSteps, "(1)", "(2)", 1),
			"1_a.sql:2:1: was changed, but statements 1–2 are applied\n  2 | insert into t values (2);\n    | ^" + putBack,
		},
		{
			"the second", 2, strings.Replace(threeSteps, "create index", "create unique index", 1),
			"1_a.sql:4:1: was changed, but statements 1–2 are applied\n  4 | create unique index concurrently i on t (a);\n    | ^" + putBack,
		},
		{
			"one before the first", 1, strings.Replace(threeSteps, "insert", "vacuum t;  insert", 1),
			"1_a.sql:2:1: was changed, but statement 1 is applied\n  2 | vacuum t;  insert into t values (1);\n    | ^" + putBack,
		},
		{
			"two that have changed places", 3, noTransactionHeader + "create index concurrently i on t (a);\ninsert into t values (1);\ninsert into t values (3);",
			"1_a.sql:2:1: was changed, but statements 1–3 are applied\n  2 | create index concurrently i on t (a);\n    | ^" + putBack,
		},
		{"fewer than have run", 3, strings.Replace(threeSteps, "insert into t values (3);\n", "", 1), "1_a.sql: has 2 statements now, but statements 1–3 are applied" + putBack},
		{"none any more", 1, noTransactionHeader + "set search_path = app;", "1_a.sql: has 0 statements now, but statement 1 is applied" + putBack},
		{
			"the header", 1, strings.TrimPrefix(strings.Replace(threeSteps, "concurrently ", "", 1), noTransactionHeader),
			"1_a.sql: was begun without a transaction, and statement 1 is applied\nHINT: put `-- migrator: no-transaction` back at its top",
		},
	} {
		err := judged3(t, c.done, c.now)
		require.EqualError(t, err, c.want, c.name)
		var refused *FileError
		require.ErrorAs(t, err, &refused, c.name)
	}
}

func TestAFileThatWasBegunInTheOtherDirectionIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	file := withoutTransaction(t, "vacuum a", "vacuum b")
	script := Script{Path: "1_a.sql", SQL: file.SQL, Mode: NoTransaction}
	move := &Move{DirectionUp, Migration{Version: "1_a.sql", Up: script, Down: &script}}
	err := validateProgress(begun(file, DirectionDown, 1), move, file)
	var unfinished *UnfinishedError
	require.ErrorAs(t, err, &unfinished)
	require.Equal(t, UnfinishedError{Version: "1_a.sql", Unfinished: Unfinished{Direction: DirectionDown, Done: 1}}, *unfinished)
}

func TestWhatTheDatabaseContainsOfAFileIsSaidWithWhatTheNextRunDoes(t *testing.T) {
	t.Parallel()
	file := withoutTransaction(t, "vacuum a", "set role x", "vacuum b", "\n\nvacuum c")
	for _, c := range []struct {
		progress *history.Progress
		want     string
	}{
		{nil, "none of its statements is applied; the next run goes on at statement 1 of 3 (line 2)"},
		{&history.Progress{}, "none of its statements is applied; the next run goes on at statement 1 of 3 (line 2)"},
		{&history.Progress{Done: 1}, "statement 1 is applied; the next run goes on at statement 2 of 3 (line 4)"},
		{&history.Progress{Done: 2}, "statements 1–2 are applied; the next run goes on at statement 3 of 3 (line 7)"},
		{&history.Progress{Done: 1, Started: "vacuum b"}, "statement 1 is applied; the next run finds out what became of statement 2 of 3 (line 4) and goes on there"},
		{&history.Progress{Done: 3}, "statements 1–3 are applied: all of them; the next run records the file"},
	} {
		require.Equal(t, c.want, progressStanding(c.progress, file))
	}
}

// A redo reverts and applies the same version: what is recorded is of the first of the two.
func TestProgressIsThatOfTheFirstMoveOfAVersion(t *testing.T) {
	t.Parallel()
	h := &history.History{Progress: []history.Progress{{Version: "1_a.sql", Done: 1}, {Version: "2_b.sql", Done: 2}}}
	moves := []Move{{DirectionDown, Migration{Version: "2_b.sql"}}, {DirectionUp, Migration{Version: "3_c.sql"}}, {DirectionUp, Migration{Version: "2_b.sql"}}}
	require.Equal(t, &h.Progress[1], progressFor(h, moves, 0))
	require.Nil(t, progressFor(h, moves, 1))
	require.Nil(t, progressFor(h, moves, 2))
	require.Equal(t, 1, h.ProgressOf("1_a.sql").Done)
	require.Nil(t, h.ProgressOf("3_c.sql"))
}

func TestARowOfProgressIsReadAsTheServerWritesIt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		row  []string
		want history.Progress
	}{
		{[]string{"1_a.sql", "up", "2", "{0a1b,2c3d}", ""}, history.Progress{Version: "1_a.sql", Direction: string(DirectionUp), Done: 2, Hashes: []string{"0a1b", "2c3d"}}},
		{[]string{"2_b.sql", "down", "0", "{}", "vacuum b"}, history.Progress{Version: "2_b.sql", Direction: string(DirectionDown), Started: "vacuum b"}},
	} {
		p, err := history.ParseProgress(test.row)
		require.NoError(t, err)
		require.Equal(t, test.want, p)
	}
	_, err := history.ParseProgress([]string{"1_a.sql", "up", "many", "{}", ""})
	require.Error(t, err)
}

func TestAFileThatWasBegunUnderAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	const file = noTransactionHeader + "insert into t values (1);\nvacuum t;\n"
	was := begun(withoutTransaction(t, strings.TrimPrefix(file, noTransactionHeader)), DirectionUp, 1)
	was.Version = "2_was.sql"
	for _, c := range []struct {
		name    string
		done    int
		files   []string
		refused bool
	}{
		{"renamed", 1, []string{"3_is.sql", file}, true},
		{"renamed, and mended", 1, []string{"3_is.sql", strings.Replace(file, "vacuum", "analyze", 1)}, true},
		{"a copy, where the first one is still there", 1, []string{"2_was.sql", file, "3_is.sql", file}, false},
		{"another file", 1, []string{"3_is.sql", strings.Replace(file, "(1)", "(2)", 1)}, false},
		{"nothing has run", 0, []string{"3_is.sql", file}, false},
		{"renamed, into another mode", 1, []string{"3_is.sql", "insert into t values (1);\nselect 1;\n"}, true},
	} {
		h, p := never(), *was
		p.Done, p.Hashes = c.done, was.Hashes[:c.done]
		h.Progress = []history.Progress{p}
		_, err := New(nil, loaded(t, c.files...), Config{}).plan(h, Up(), script.Writer{Table: h.Table}, &reviewer{})
		if !c.refused {
			require.NoError(t, err, c.name)
			continue
		}
		require.EqualError(t, err, "3_is.sql: begins like 2_was.sql, which is gone: statement 1 is applied\nHINT: put 2_was.sql back, or, if it was renamed: "+
			`update "public"."schema_migrations_progress" set version = '3_is.sql' where version = '2_was.sql'`, c.name)
	}
}

func TestAFileWhoseFirstStatementWasCutOffUnderAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	h := never()
	h.Progress = []history.Progress{{Version: "2_was.sql", Direction: string(DirectionUp), Started: "call p()"}}
	for text, refused := range map[string]bool{"call /* it */ p();\nselect 1;\n": true, "call q();\n": false} {
		_, err := New(nil, loaded(t, "3_is.sql", noTransactionHeader+text), Config{}).plan(h, Up(), script.Writer{Table: h.Table}, &reviewer{})
		if !refused {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "3_is.sql: begins like 2_was.sql, which is gone: statement 1 was begun and its end is not recorded\nHINT: put 2_was.sql back")
	}
}

func TestAFileThatWasBegunAndIsEmptyNowIsRecordedWithItsProgress(t *testing.T) {
	t.Parallel()
	h := never()
	h.Exists, h.Progress = true, []history.Progress{{Version: "1_a.sql", Direction: string(DirectionUp)}}
	plan := planned(t, loaded(t, "1_a.sql", noTransactionHeader), h, Up())
	require.Equal(t, []string{"apply 1_a.sql: keep other runs away", "apply 1_a.sql: record it"}, titles(plan))

	h.Progress = nil
	require.Equal(t, []string{"apply 1_a.sql"}, titles(planned(t, loaded(t, "1_a.sql", noTransactionHeader), h, Up())))
}

func TestAFileWithoutATransactionIsRefusedBehindAPooler(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		progress []history.Progress
	}{
		{noTransactionHeader + "vacuum", nil},
		{noTransactionHeader, []history.Progress{{Version: "1_a.sql", Direction: string(DirectionUp)}}},
	} {
		h := never()
		h.Server.Pooled, h.Progress = true, c.progress
		_, err := New(nil, loaded(t, "1_a.sql", c.text, "2_b.sql", "select 1"), Config{}).plan(h, Up(), script.Writer{Table: h.Table}, &reviewer{})
		require.ErrorContains(t, err, "1_a.sql: runs without a transaction, which takes a direct connection, but this one goes through a pooler\nHINT: ")
		require.NotContains(t, err.Error(), "2_b.sql")
	}
}
