package migrator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// variants calls check with the step of one file under every combination of what a script depends on.
func variants(t *testing.T, check func(t *testing.T, s scripter, move *Move, ops []operation)) {
	t.Helper()
	bools := []bool{false, true}
	for _, direction := range []Direction{DirectionUp, DirectionDown} {
		for _, isolation := range []string{"", "read committed", "repeatable read", "serializable"} {
			for _, timeout := range []time.Duration{0, 10 * time.Second} {
				for _, major := range []int{0, 14, 15, 16, 17, 18} {
					for _, keepsLock := range bools {
						for _, pooled := range bools {
							for _, checks := range bools {
								for _, citus := range bools {
									file := *transactional("1_a.sql", "select 1; select 'æ' -- end")
									file.Isolation, file.LockTimeout = isolation, timeout
									move := &Move{direction, Migration{Version: "1_a.sql", Up: file, Down: &file}}
									reviewed, err := review(&file)
									require.NoError(t, err)
									s := scripter{
										table: history.Table{Schema: "app", Name: "history"}, runID: "1a2b3c4d", major: major, lockTimeout: time.Second,
										keepsLock: keepsLock, pooled: pooled, checkInterval: checks, citus: citus,
									}
									check(t, s, move, s.framing().move(move, reviewed))
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
func index(t *testing.T, ops []operation, kind operationKind) int {
	t.Helper()
	at := slices.IndexFunc(ops, func(o operation) bool { return o.kind == kind })
	require.GreaterOrEqual(t, at, 0, "kind %d", kind)
	require.False(t, slices.ContainsFunc(ops[at+1:], func(o operation) bool { return o.kind == kind }), "kind %d twice", kind)
	return at
}

func sqls(ops []operation) (texts []string) {
	for _, o := range ops {
		texts = append(texts, o.sql)
	}
	return texts
}

func TestTheRowIsClaimedBeforeTheFileAndSealedBeforeTheCommit(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, move *Move, ops []operation) {
		claim, file, seal, commit := index(t, ops, opClaim), index(t, ops, opFile), index(t, ops, opSeal), index(t, ops, opCommit)
		deferred := index(t, ops, opDeferred)
		require.True(t, slices.IsSorted([]int{0, claim, file, deferred, seal, commit}))
		isolation := move.Migration.Up.Isolation
		if isolation == "" {
			isolation = "read committed"
		}
		require.Equal(t, "begin isolation level "+isolation, ops[0].sql)
		require.Equal(t, "commit", ops[commit].sql)
		for i, o := range ops {
			require.NotEmpty(t, o.sql)
			if i != 0 {
				require.NotContains(t, o.sql, "begin isolation")
			}
			switch {
			case i < claim:
				require.Contains(t, []operationKind{opFrame, opLock}, o.kind)
			case i > commit:
				require.Equal(t, opClean, o.kind)
			case i != claim && i != file && i != deferred && i != seal && i != commit:
				require.Equal(t, opFrame, o.kind)
			}
		}
		verbs := map[Direction][2]string{DirectionUp: {"insert into", "update"}, DirectionDown: {"update", "delete from"}}[move.Direction]
		require.Contains(t, ops[claim].sql, verbs[0]+` "app"."history" `)
		require.Contains(t, ops[seal].sql, verbs[1]+` "app"."history"`)
	})
}

func TestTheRunLockIsTakenFirst(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, _ *Move, ops []operation) {
		lock := index(t, ops, opLock)
		require.Less(t, lock, index(t, ops, opClaim))
		function := "pg_try_advisory_xact_lock"
		if s.keepsLock {
			function = "pg_try_advisory_lock"
		}
		require.Contains(t, ops[lock].sql, fmt.Sprintf("if not pg_catalog.%s(%d) then", function, s.table.LockKey()))
		require.Contains(t, ops[lock].sql, codeLocked)
	})
}

// TestASessionThatKeepsTheRunLockIsLeftReadyToWait: nothing that the file has left but that lock, and what ends it when the
// client's host has vanished.
func TestASessionThatKeepsTheRunLockIsLeftReadyToWait(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, _ *Move, ops []operation) {
		after := sqls(ops[index(t, ops, opCommit)+1:])
		settings := []string{"set idle_session_timeout = 0", "set tcp_keepalives_idle = '15s'", "set tcp_keepalives_interval = '10s'", "set tcp_user_timeout = '45s'"}
		if !s.keepsLock {
			require.Equal(t, sqltext.Block("  perform pg_catalog.pg_advisory_unlock_all();"), after[len(after)-1])
			require.NotContains(t, after, settings[0])
			return
		}
		require.Equal(t, settings, after[len(after)-4:])
		require.Regexp(t, fmt.Sprintf(`pg_try_advisory_xact_lock\(%[1]d\).*pg_advisory_unlock_all\(\).*pg_try_advisory_lock\(%[1]d\)`, s.table.LockKey()), after[len(after)-5])
	})
}

func TestNoLimitOfARoleIsLeftExceptThatOfLocksWhileTheFileRuns(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, move *Move, ops []operation) {
		claim, file, seal := index(t, ops, opClaim), index(t, ops, opFile), index(t, ops, opSeal)
		limit := "set local lock_timeout = '1000ms'"
		if move.Migration.Up.LockTimeout > 0 {
			limit = "set local lock_timeout = '10000ms'"
		}
		require.NotContains(t, sqls(ops[:claim]), limit, "the claim waits as long as it takes")
		before, after := sqls(ops[claim:file]), sqls(ops[file+1:])
		if s.citus { // what it adds there is tested for itself
			before, after = before[:len(before)-1], after[1:]
		}
		require.Equal(t, limit, before[len(before)-1])
		require.Equal(t, []string{"reset session authorization", "reset role", "reset all", "unlisten *"}, after[:4])

		again := map[string]bool{ // what a role may have that would end a seal or a commit
			"set local lock_timeout = 0": true, "set local statement_timeout = 0": true, "set local transaction_timeout = 0": s.major >= 17,
			"set local client_connection_check_interval = '500ms'": s.checkInterval,
		}
		settings := map[string]bool{
			"set local lock_timeout = 0": true, "set local statement_timeout = 0": true, "set local idle_in_transaction_session_timeout = 0": true,
			"set local tcp_keepalives_idle = '15s'": true, "set local tcp_keepalives_interval = '10s'": true, "set local tcp_user_timeout = '45s'": true,
			"set local transaction_timeout = 0":                        s.major >= 17,
			"set local client_connection_check_interval = '500ms'":     s.checkInterval,
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
	variants(t, func(t *testing.T, s scripter, _ *Move, ops []operation) {
		after := strings.Join(sqls(ops[index(t, ops, opCommit)+1:]), "\n")
		for _, want := range []string{"discard temp", "close all", "pg_catalog.pg_advisory_unlock_all()", "deallocate"} {
			require.Contains(t, after, want)
		}
		require.Equal(t, s.pooled, !strings.Contains(after, "deallocate all"), "a pooler's own prepared statements stay")
		abandon := s.abandon()
		require.Equal(t, []string{"rollback", "reset session authorization", "reset role", "reset all", "unlisten *"}, sqls(abandon[:5]))
		require.Equal(t, after, strings.Join(sqls(abandon[5:]), "\n"))
	})
}

var call = regexp.MustCompile(`([\w.]+)\(`)

func TestEachOperationOfOurOwnIsOneStatementWithQualifiedNames(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, _ *Move, ops []operation) {
		for _, o := range append(ops, s.abandon()...) {
			if o.kind == opFile {
				continue
			}
			statements, err := sqllex.Split(o.sql + o.end())
			require.NoError(t, err)
			require.Len(t, statements, 1, o.sql)
			require.False(t, strings.HasSuffix(o.sql, ";"), o.sql)
			for _, name := range call.FindAllStringSubmatch(o.sql, -1) {
				require.True(t, name[1] == "operator" || strings.HasPrefix(name[1], "pg_catalog."), "%s in %s", name[1], o.sql)
			}
			require.NotRegexp(t, `where \w+ (=|<|>)`, o.sql, "an operator of the search_path")
		}
	})
}

func TestTheToolsOwnTransactionsLockAndLiftLimitsToo(t *testing.T) {
	t.Parallel()
	for _, keepsLock := range []bool{false, true} {
		s := scripter{table: history.Table{Schema: "app", Name: "o'clock"}, major: 17, keepsLock: keepsLock, lockTimeout: time.Second}
		plan, err := New(nil, nil, Config{}).plan(&history.History{Table: s.table}, Up(), s, &reviewer{})
		require.NoError(t, err)
		steps := slices.Collect(plan.steps)
		require.Len(t, steps, 1)
		require.Nil(t, steps[0].move)
		ops := steps[0].operations
		require.Less(t, index(t, ops, opLock), index(t, ops, opClaim))
		require.Contains(t, sqls(ops), "set local transaction_timeout = 0")
		require.Equal(t, "commit", ops[len(ops)-1].sql)
		require.Contains(t, ops[index(t, ops, opClaim)].sql, `create table if not exists "app"."o'clock" (`)
	}
}

func TestChecksumsAreRecordedForWhatIsAppliedAndHasNone(t *testing.T) {
	t.Parallel()
	h := &history.History{Exists: true}
	h.Fill(rows("1? 2 3? 9?"))
	fill := scripter{table: history.Table{Schema: "public", Name: "h"}}.fillChecksums(h, versions("1 2 3 4"))
	sql := fill.operations[index(t, fill.operations, opClaim)].sql
	require.Contains(t, sql, fmt.Sprintf("values\n('1_x.sql', '%s'),\n('3_x.sql', '%s'))", checksum("select 1"), checksum("select 3")))
	require.NotContains(t, sql, "2_x")

	h.Fill(rows("1 9?"))
	require.Nil(t, scripter{}.fillChecksums(h, versions("1 2")))
}
