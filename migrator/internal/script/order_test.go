package script

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// variants calls check with the step of one file under every combination of what a script depends on.
func variants(t *testing.T, check func(t *testing.T, s Writer, move *Move, ops []Op)) {
	t.Helper()
	bools := []bool{false, true}
	for _, down := range []bool{false, true} {
		for _, isolation := range []string{"", "read committed", "repeatable read", "serializable"} {
			for _, timeout := range []time.Duration{time.Second, 10 * time.Second} {
				for _, major := range []int{0, 14, 15, 16, 17, 18} {
					for _, keepsLock := range bools {
						for _, pooled := range bools {
							for _, checks := range bools {
								for _, citus := range bools {
									file, problems := sqlfile.Parse("1_a.sql", "select 1; select 'æ' -- end", false)
									require.Empty(t, problems)
									move := &Move{Version: "1_a.sql", Checksum: "c0ffee", Down: down, Isolation: isolation, LockTimeout: timeout, File: file}
									s := Writer{
										Table: history.Table{Schema: "app", Name: "history"}, RunID: "1a2b3c4d", Major: major,
										KeepsLock: keepsLock, Pooled: pooled, CheckInterval: checks, Citus: citus,
									}
									check(t, s, move, (&Step{Move: move, Framing: s.Framing()}).LayOut())
								}
							}
						}
					}
				}
			}
		}
	}
}

// index returns where the only operation of a kind is.
func index(t *testing.T, ops []Op, kind OpKind) int {
	t.Helper()
	at := slices.IndexFunc(ops, func(o Op) bool { return o.Kind == kind })
	require.GreaterOrEqual(t, at, 0, "kind %d", kind)
	require.False(t, slices.ContainsFunc(ops[at+1:], func(o Op) bool { return o.Kind == kind }), "kind %d twice", kind)
	return at
}

func sqls(ops []Op) (texts []string) {
	for _, o := range ops {
		texts = append(texts, o.SQL)
	}
	return texts
}

func TestTheRowIsClaimedBeforeTheFileAndSealedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, move *Move, ops []Op) {
		claim, file, seal, commit := index(t, ops, OpClaim), index(t, ops, OpFile), index(t, ops, OpSeal), index(t, ops, OpCommit)
		deferred := index(t, ops, OpDeferred)
		require.True(t, slices.IsSorted([]int{0, claim, file, deferred, seal, commit}))
		isolation := move.Isolation
		if isolation == "" {
			isolation = "read committed"
		}
		require.Equal(t, "begin isolation level "+isolation, ops[0].SQL)
		require.Equal(t, "commit", ops[commit].SQL)
		for i, o := range ops {
			require.NotEmpty(t, o.SQL)
			if i != 0 {
				require.NotContains(t, o.SQL, "begin isolation")
			}
			switch {
			case i < claim:
				require.Contains(t, []OpKind{OpFrame, OpLock}, o.Kind)
			case i > commit:
				require.Equal(t, OpClean, o.Kind)
			case i != claim && i != file && i != deferred && i != seal && i != commit:
				require.Equal(t, OpFrame, o.Kind)
			}
		}
		verbs := map[bool][2]string{false: {"insert into", "update"}, true: {"update", "delete from"}}[move.Down]
		require.Contains(t, ops[claim].SQL, verbs[0]+` "app"."history" `)
		require.Contains(t, ops[seal].SQL, verbs[1]+` "app"."history"`)
	})
}

func TestTheRunLockIsTakenFirst(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, _ *Move, ops []Op) {
		lock := index(t, ops, OpLock)
		require.Less(t, lock, index(t, ops, OpClaim))
		function := "pg_try_advisory_xact_lock"
		if s.KeepsLock {
			function = "pg_try_advisory_lock"
		}
		require.Contains(t, ops[lock].SQL, fmt.Sprintf("if not pg_catalog.%s(%d) then", function, s.Table.LockKey()))
		require.Contains(t, ops[lock].SQL, sqlstate.LockHeld)
	})
}

// TestASessionThatKeepsTheRunLockIsLeftReadyToWait: nothing that the file has left but that lock, and what ends it when the
// client's host has vanished.
func TestASessionThatKeepsTheRunLockIsLeftReadyToWait(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, _ *Move, ops []Op) {
		after := sqls(ops[index(t, ops, OpCommit)+1:])
		settings := []string{"set idle_session_timeout = 0", "set tcp_keepalives_idle = '15s'", "set tcp_keepalives_interval = '10s'", "set tcp_user_timeout = '45s'"}
		if !s.KeepsLock {
			require.Equal(t, sqltext.Block("  perform pg_catalog.pg_advisory_unlock_all();"), after[len(after)-1])
			require.NotContains(t, after, settings[0])
			return
		}
		require.Equal(t, settings, after[len(after)-4:])
		require.Regexp(t, fmt.Sprintf(`pg_try_advisory_xact_lock\(%[1]d\).*pg_advisory_unlock_all\(\).*pg_try_advisory_lock\(%[1]d\)`, s.Table.LockKey()), after[len(after)-5])
	})
}

func TestNoLimitOfARoleIsLeftExceptThatOfLocksWhileTheFileRuns(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, move *Move, ops []Op) {
		claim, file, seal := index(t, ops, OpClaim), index(t, ops, OpFile), index(t, ops, OpSeal)
		limit := "set local lock_timeout = '1000ms'"
		if move.LockTimeout > time.Second {
			limit = "set local lock_timeout = '10000ms'"
		}
		require.NotContains(t, sqls(ops[:claim]), limit, "the claim waits as long as it takes")
		before, after := sqls(ops[claim:file]), sqls(ops[file+1:])
		if s.Citus { // what it adds there is tested for itself
			before, after = before[:len(before)-1], after[1:]
		}
		require.Equal(t, limit, before[len(before)-1])
		require.Equal(t, []string{"reset session authorization", "reset role", "reset all", "unlisten *"}, after[:4])

		again := map[string]bool{ // what a role may have that would end a seal or a commit
			"set local statement_timeout = 0": true, "set local transaction_timeout = 0": s.Major >= 17,
			"set local client_connection_check_interval = '500ms'": s.CheckInterval,
		}
		settings := map[string]bool{
			"set local lock_timeout = 0": true, "set local statement_timeout = 0": true, "set local idle_in_transaction_session_timeout = 0": true,
			"set local tcp_keepalives_idle = '15s'": true, "set local tcp_keepalives_interval = '10s'": true, "set local tcp_user_timeout = '45s'": true,
			"set local transaction_timeout = 0":                        s.Major >= 17,
			"set local client_connection_check_interval = '500ms'":     s.CheckInterval,
			"set local application_name = 'migrator 1a2b3c4d 1_a.sql'": true,
		}
		for sql, want := range settings {
			require.Equal(t, want, slices.Contains(sqls(ops[:claim]), sql), "%s before the claim", sql)
			require.Equal(t, again[sql], slices.Contains(sqls(ops[file:seal]), sql), "%s before the seal", sql)
		}
	})
}

func TestWhatOutlivesATransactionIsFreedAfterIt(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, _ *Move, ops []Op) {
		deferred, seal := index(t, ops, OpDeferred), index(t, ops, OpSeal)
		require.Equal(t, []string{"close all", "discard temp"}, sqls(ops[deferred+1:seal]), "in the transaction, when no trigger needs it any more")
		after := strings.Join(sqls(ops[index(t, ops, OpCommit)+1:]), "\n")
		for _, want := range []string{"pg_catalog.pg_advisory_unlock_all()", "deallocate"} {
			require.Contains(t, after, want)
		}
		require.Equal(t, s.Pooled, !strings.Contains(after, "deallocate all"), "a pooler's own prepared statements stay")
		abandon := s.Abort()
		require.Equal(t, []string{"rollback", "reset session authorization", "reset role", "reset all", "unlisten *"}, sqls(abandon[:5]))
		left := []string{"discard temp", sqls(s.free())[0], "close all"}
		require.Equal(t, append(left, sqls(s.free())[1:]...), sqls(abandon[5:]))
	})
}

// TestTablesThatAStrangerMayChangeAreLockedBeforeAStrictSnapshot: only SET and LOCK take none.
func TestTablesThatAStrangerMayChangeAreLockedBeforeAStrictSnapshot(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"select 1", "prepare p as select 1"} { // the prepared and the plain form
		file, problems := sqlfile.Parse("1_a.sql", text, false)
		require.Empty(t, problems)
		w := Writer{Table: history.Table{Schema: "app", Name: "history"}, Exposed: []history.Table{{Schema: "app", Name: "history"}}}
		step := &Step{Move: &Move{Version: "1_a.sql", Isolation: "serializable", File: file}, Framing: w.Framing()}
		for _, message := range []string{Batch([]*Step{step, step}, &Session{}).SQL, Whole(step.LayOut())[0].SQL} {
			for _, transaction := range strings.Split(message, "begin isolation level serializable;\n")[1:] {
				before, _, found := strings.Cut(transaction, "lock table ")
				require.True(t, found)
				require.Regexp(t, `^(set local \w+ = [^;]*;\n)*$`, before)
			}
		}
	}
}

var call = regexp.MustCompile(`([\w.]+)\(`)

func TestEachOperationOfOurOwnIsOneStatementWithQualifiedNames(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, _ *Move, ops []Op) {
		for _, o := range append(ops, s.Abort()...) {
			if o.Kind == OpFile {
				continue
			}
			statements, err := sqllex.Split(o.SQL + o.end())
			require.NoError(t, err)
			require.Len(t, statements, 1, o.SQL)
			require.False(t, strings.HasSuffix(o.SQL, ";"), o.SQL)
			for _, name := range call.FindAllStringSubmatch(o.SQL, -1) {
				require.True(t, name[1] == "operator" || strings.HasPrefix(name[1], "pg_catalog."), "%s in %s", name[1], o.SQL)
			}
			require.NotRegexp(t, `where \w+ (=|<|>)`, o.SQL, "an operator of the search_path")
		}
	})
}
