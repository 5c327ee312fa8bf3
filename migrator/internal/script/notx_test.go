package script

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A notxCase is a no-transaction file with a statement of each kind, and what its script depends on.
type notxCase struct {
	Writer
	move  *Move
	steps []*Step
}

// notxVariants calls check under every combination of what the script of a no-transaction file depends on.

func notxVariants(t *testing.T, check func(t *testing.T, c notxCase)) {
	t.Helper()
	for _, down := range []bool{false, true} {
		for _, asked := range []Move{{LockTimeout: time.Second}, {LockTimeout: time.Second, Isolation: "repeatable read"}, {LockTimeout: 10 * time.Second}} {
			for _, major := range []int{14, 17} {
				for _, keepsLock := range []bool{false, true} {
					move := asked
					move.Version, move.Down, move.File = "1_a.sql", down, separateFile(t, `
insert into t values ('æ');
set search_path = app; set role app_owner;
create index concurrently i on t (a);
vacuum (full) t;
insert into t values (4) -- and no semicolon`)
					s := Writer{Table: history.Table{Schema: "app", Name: "o'clock"}, RunID: "1a2b3c4d", Major: major, KeepsLock: keepsLock, CheckInterval: true}
					check(t, notxCase{s, &move, s.NoTransaction(&move, nil)})
				}
			}
		}
	}
}

// separateFile is a file whose statements run one by one.
func separateFile(t *testing.T, sql string) *sqlfile.File {
	t.Helper()
	file, problems := sqlfile.Parse("1_a.sql", sql, true)
	require.Empty(t, problems)
	return file
}

func stepTitles(steps []*Step) (titles []string) {
	for _, s := range steps {
		titles = append(titles, s.title)
	}
	return titles
}

// where returns the places of the operations that hold a text.
func where(ops []Op, text string) (places []int) {
	for i, o := range ops {
		if strings.Contains(o.SQL, text) {
			places = append(places, i)
		}
	}
	return places
}

// once is where the only operation is that holds a text.
func once(t *testing.T, ops []Op, text string) int {
	t.Helper()
	places := where(ops, text)
	require.Len(t, places, 1, "%q in\n%s", text, strings.Join(sqls(ops), ";\n"))
	return places[0]
}

func TestEachStatementOutsideATransactionIsRecordedBeforeAndAfterIt(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		verb := map[bool]string{false: "apply 1_a.sql: ", true: "revert 1_a.sql: "}[c.move.Down]
		all := []string{
			"keep other runs away", "begin", "statement 1 of 4", "statement 2 of 4: begins", "statement 2 of 4", "statement 2 of 4: is done",
			"statement 3 of 4: begins", "statement 3 of 4", "statement 3 of 4: is done", "statement 4 of 4", "record it",
		}
		for i := range all {
			all[i] = verb + all[i]
		}
		require.Equal(t, all, stepTitles(c.steps))
		for done, first := range []int{2, 3, 6, 9, 10} { // a run that goes on takes the session's lock, and no new row
			left := c.NoTransaction(c.move, &history.Progress{Done: done})
			require.Equal(t, append([]string{all[0]}, all[first:]...), stepTitles(left))
		}
		for i, s := range c.steps {
			require.Same(t, c.move, s.Move)
			require.Equal(t, i < len(c.steps)-1, s.Part, s.title)
			require.Equal(t, i == 4 || i == 7, s.Alone, s.title)
			require.Equal(t, i == 4, s.Patient, "only CONCURRENTLY waits as long as it takes: %s", s.title)
			require.Equal(t, map[int]int{2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 3, 8: 3, 9: 4}[i], s.Number, s.title)
			require.Equal(t, i == 3 || i == 6, s.Begins != nil, s.title)
			require.Equal(t, s.Number > 0 && s.Begins == nil, s.Runs != nil, s.title)
		}
	})
}

func TestEachPartOfAFileIsClaimedBeforeItsStatementAndSealedAfterItsResets(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		for i, s := range c.steps[1 : len(c.steps)-1] {
			if s.Alone {
				continue
			}
			ops, isolation := s.Ops, "read committed"
			if c.move.Isolation != "" {
				isolation = "repeatable read"
			}
			require.Equal(t, "begin isolation level "+isolation, ops[0].SQL)
			seal, commit := index(t, ops, OpSeal), index(t, ops, OpCommit)
			after := ops[commit+1:]
			inside := s.Runs != nil && s.Runs.NonTx == nil
			if inside { // its settings are reset when what it has left is known
				require.Equal(t, "begin read write", after[0].SQL)
				require.Equal(t, []string{"reset session authorization", "reset role"}, sqls(after[2:4]))
				require.Equal(t, []string{"commit", resetAll, "unlisten *"}, sqls(after[5:8]))
				after = after[8:]
			}
			require.Equal(t, sqls(c.Idle()), sqls(after), "nothing that the session holds is freed: its lock least of all")

			history := where(ops, `"app"."o'clock" `)[0]
			require.Equal(t, OpClaim, ops[history].Kind)
			for limit, times := range map[string]int{ // before the claim, and after the resets what the commit needs
				"set local lock_timeout = 0": 2, "set local statement_timeout = 0": 2,
				"set local idle_in_transaction_session_timeout = 0": 1, "set local client_connection_check_interval": 2,
			} {
				places := where(ops, limit)
				require.Len(t, places, times, "%s in %s", limit, s.title)
				require.Less(t, places[0], history)
				require.Less(t, places[len(places)-1], seal)
			}
			require.Less(t, index(t, ops, OpLock), history, "the run lock comes first")
			progress := where(ops, `"app"."o'clock_progress"`)
			require.Less(t, history, progress[0])
			reset := where(ops, resetAll)
			if inside {
				reset = where(ops, "set local role to default")
			} else {
				require.Equal(t, []string{"reset session authorization", "reset role", resetAll}, sqls(ops[reset[len(reset)-1]-2:][:3]))
			}
			require.Less(t, reset[len(reset)-1], seal)
			for at, o := range ops {
				switch o.Kind {
				case OpFile:
					require.True(t, progress[0] < at && at < reset[len(reset)-1], "%s in %s", o.SQL, s.title)
				case OpFrame, OpClaim, OpLock, OpSeal, OpCommit:
				case OpClean:
					require.Greater(t, at, commit, o.SQL)
				case OpSettle:
					require.Fail(t, o.SQL)
				}
			}
			require.Contains(t, ops[seal].SQL, `from "app"."o'clock_progress" where version operator(pg_catalog.=) '1_a.sql' and xmin operator(pg_catalog.=)`)
			verb := map[bool]string{false: "  delete from", true: "  perform from"}[c.move.Down]
			require.Contains(t, ops[seal].SQL, verb+` "app"."o'clock" where version operator(pg_catalog.=) '1_a.sql' and xmin operator(pg_catalog.=)`, "step %d", i)
		}
	})
}

func TestAStatementOutsideATransactionIsAloneInItsMessage(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		var limits string
		for _, o := range c.settings("1_a.sql") {
			limits += strings.Replace(o.SQL, "set local ", "set ", 1) + ";\n"
		}
		require.Contains(t, limits, "set statement_timeout = 0;\n")
		limits += "set default_transaction_isolation = 'read committed';\n"
		timeout := "1000ms"
		if c.move.LockTimeout > time.Second {
			timeout = "10000ms"
		}
		for i, want := range map[int][]string{
			4: {limits + "set lock_timeout = '0ms';\n", "create index concurrently i on t (a)"},
			7: {limits + "set lock_timeout = '" + timeout + "';\n", "vacuum (full) t"},
		} {
			var sent []string
			for _, m := range OneByOne(c.steps[i].Ops) {
				sent = append(sent, m.SQL)
			}
			after := ""
			for _, o := range append(resets(), c.Idle()...) {
				after += o.SQL + ";\n"
			}
			require.Equal(t, []string{want[0], "set search_path = app", "set role app_owner", want[1], after}, sent)
		}
	})
}

// TestTheEndOfWhatTellsNothingIsRecordedWhoeverHoldsTheLock: a procedure may have let it go.
func TestTheEndOfWhatTellsNothingIsRecordedWhoeverHoldsTheLock(t *testing.T) {
	t.Parallel()
	s := Writer{Table: history.Table{Schema: "app", Name: "history"}, KeepsLock: true}
	var locks []bool
	for _, st := range s.NoTransaction(&Move{Version: "1_a.sql", File: separateFile(t, "create database d;\n")}, nil) {
		locks = append(locks, len(where(st.Ops, sqlstate.LockHeld)) > 0)
	}
	require.Equal(t, []bool{true, true, true, false, false, true}, locks, "the session's, begin, start, the statement, its record, end")
}

func TestTheRunLockIsTheSessionsFirst(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[0].Ops
		require.Len(t, ops, 1)
		require.Equal(t, OpLock, ops[0].Kind)
		require.Contains(t, ops[0].SQL, fmt.Sprintf("pg_catalog.pg_try_advisory_lock(%d)", c.Table.LockKey()))
		require.Contains(t, ops[0].SQL, sqlstate.LockHeld)
	})
}

// literals are strings, and quoted names, which may hold a quote.
var literals = regexp.MustCompile(`'[^']*'|"[^"]*"`)

func TestWhatIsOurOwnInANoTransactionFileIsOneStatementWithNamesThatNoSettingChanges(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		for _, s := range append(c.steps, c.Restart(c.move, 1)) {
			fixed := false // the search_path is pg_catalog alone
			for _, o := range s.Ops {
				fixed = (fixed || o.SQL == "set local search_path = pg_catalog, pg_temp") && o.Kind != OpFile && o.SQL != resetAll
				if o.Kind == OpFile {
					continue
				}
				statements, err := sqllex.Split(o.SQL + o.end())
				require.NoError(t, err)
				require.Len(t, statements, 1, o.SQL)
				if fixed {
					continue
				}
				sql := literals.ReplaceAllString(o.SQL, "''")
				for _, name := range call.FindAllStringSubmatch(sql, -1) {
					require.True(t, name[1] == "operator" || name[1] == "coalesce" || strings.HasPrefix(name[1], "pg_catalog."), "%s in %s", name[1], o.SQL)
				}
				require.NotRegexp(t, `(where|and) \w+ (=|<|>)`, sql, "an operator of the search_path")
			}
		}
	})
}
