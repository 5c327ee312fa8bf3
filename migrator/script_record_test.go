package migrator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStatementInATransactionTravelsWithItsRecordAndItsSettings(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		limit := "set local lock_timeout = '1000ms'"
		if c.move.Migration.Up.LockTimeout > 0 {
			limit = "set local lock_timeout = '10000ms'"
		}
		first, last := c.steps[2].operations, c.steps[9].operations
		require.Empty(t, where(first, "app_owner"), "what is set later does not hold yet")
		for _, part := range []struct {
			ops       []operation
			done      int
			statement string
			settings  []string
		}{
			{first, 0, "insert into t values ('æ')", nil},
			{last, 3, "insert into t values (4)", []string{"set search_path = app", "set role app_owner"}},
		} {
			record := once(t, part.ops, fmt.Sprintf("set done = %d, hashes[%d] = '%s', started = null", part.done+1, part.done+1, c.file.Separate[part.done].Hash))
			require.Equal(t, opClaim, part.ops[record].kind)
			require.Contains(t, part.ops[record].sql, fmt.Sprintf("where version operator(pg_catalog.=) '1_a.sql' and direction operator(pg_catalog.=) '%s' and done operator(pg_catalog.=) %d and started is null", c.move.Direction, part.done))
			require.Contains(t, part.ops[record].sql, codeStale)
			note := once(t, part.ops, "pg_catalog.set_config('migrator.before'")
			require.Equal(t, append([]string{limit}, part.settings...), sqls(part.ops[record+1:note]), "the limit is for the statement alone")
			require.Equal(t, part.statement, part.ops[note+1].sql)
		}
	})
}

func TestAStatementThatBeginsIsRecordedWithWhatTellsItsRemains(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[3].operations
		started := once(t, ops, "set started = 'create index concurrently i on t (a)'")
		require.Contains(t, ops[started].sql, "done operator(pg_catalog.=) 1 and started is null")
		objects := once(t, ops, "select pg_catalog.set_config('migrator.objects', pg_catalog.concat_ws(',', pg_catalog.to_regclass('t')::pg_catalog.oid), true)")
		scope := once(t, ops, "set scope = s.oids, spared = ")
		require.Equal(t, []string{"set search_path = app", "set role app_owner"}, sqls(ops[started+1:objects]), "its names mean what they will mean")
		require.Equal(t, []string{"reset session authorization", "reset role", "set local search_path = pg_catalog, pg_temp"}, sqls(ops[objects+1:scope]))
		require.Equal(t, opClaim, ops[scope].kind)
		require.Empty(t, where(ops, "create index concurrently i on t (a) "), "it is only named here")
		require.False(t, slices.ContainsFunc(ops, func(o operation) bool { return o.kind == opFile && strings.HasPrefix(o.sql, "create") }))
	})
}

func TestAnIndexIsRecordedAsDoneOnlyWhereItIsValid(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[5].operations
		valid, record := once(t, ops, "and i.indisvalid) then"), once(t, ops, "set done = 2, ")
		require.Less(t, valid, record)
		require.Equal(t, "set local search_path = pg_catalog, pg_temp", ops[valid-1].sql)
		require.Contains(t, ops[valid].sql, codeInvalid)
		require.Contains(t, ops[record].sql, "done operator(pg_catalog.=) 1 and started is not null")
		require.Empty(t, where(c.steps[8].operations, "indisvalid"), "a vacuum makes none")
		require.Len(t, where(c.steps[8].operations, "set done = 3, "), 1)
	})
}

func TestAFileIsRecordedWhenAllItsStatementsAreDone(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[len(c.steps)-1].operations
		require.Equal(t, "begin isolation level read committed", ops[0].sql)
		verbs := map[Direction][2]string{DirectionUp: {"insert into", "update"}, DirectionDown: {"update", "delete from"}}[c.move.Direction]
		claim, progress := once(t, ops, verbs[0]+` "app"."o'clock" `), once(t, ops, `delete from "app"."o'clock_progress"`)
		drop, seal, commit := once(t, ops, `drop table "app"."o'clock_progress"`), index(t, ops, opSeal), index(t, ops, opCommit)
		require.True(t, slices.IsSorted([]int{claim, progress, drop, seal, commit}))
		require.Contains(t, ops[progress].sql, "version operator(pg_catalog.=) '1_a.sql' and done operator(pg_catalog.=) 4 and started is null")
		require.Contains(t, ops[progress].sql, codeStale)
		require.Contains(t, ops[seal].sql, verbs[1]+` "app"."o'clock"`)
		require.Equal(t, sqls(c.clean()), sqls(ops[commit+1:]), "nothing of it is left in the session")
		require.Less(t, index(t, ops, opLock), claim)
	})
}

func TestTheProgressTableIsMadeWhenAFileBegins(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[1].operations
		table, row := once(t, ops, `create table if not exists "app"."o'clock_progress" (`), once(t, ops, `insert into "app"."o'clock_progress" (version, direction, done`)
		require.Less(t, table, row)
		require.Contains(t, ops[row].sql, fmt.Sprintf("values ('1_a.sql', '%s', 0, ", c.move.Direction))
	})
}

func TestAStatementIsBegunAgainWhereNothingIsLeftOfIt(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		s := c.again(c.move, 2)
		require.True(t, s.part)
		require.Nil(t, s.does, "it is not done")
		again := s.operations[once(t, s.operations, "set started = null")]
		require.Contains(t, again.sql, "done operator(pg_catalog.=) 2 and started is not null")
		require.Empty(t, where(s.operations, "done = 3"))
	})
}
