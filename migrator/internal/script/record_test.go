package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

func TestAStatementInATransactionTravelsWithItsRecordAndItsSettings(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		limit := "set local lock_timeout = '1000ms'"
		if c.move.LockTimeout > time.Second {
			limit = "set local lock_timeout = '10000ms'"
		}
		first, last := c.steps[2].Ops, c.steps[9].Ops
		require.Empty(t, where(first, "app_owner"), "what is set later does not hold yet")
		for _, part := range []struct {
			ops       []Op
			done      int
			statement string
			settings  []string
		}{
			{first, 0, "insert into t values ('æ')", nil},
			{last, 3, "insert into t values (4)", []string{"set search_path = app", "set role app_owner"}},
		} {
			record := once(t, part.ops, fmt.Sprintf("set done = %d, hashes[%d] = '%s', started = null", part.done+1, part.done+1, c.move.File.Separate[part.done].Hash))
			require.Equal(t, OpClaim, part.ops[record].Kind)
			require.Contains(t, part.ops[record].SQL, fmt.Sprintf("where version operator(pg_catalog.=) '1_a.sql' and direction operator(pg_catalog.=) '%s' and done operator(pg_catalog.=) %d and started is null", c.move.direction(), part.done))
			require.Contains(t, part.ops[record].SQL, sqlstate.RecordStale)
			note := once(t, part.ops, "pg_catalog.set_config('migrator.before'")
			require.Equal(t, append([]string{limit}, part.settings...), sqls(part.ops[record+1:note]), "the limit is for the statement alone")
			require.Equal(t, part.statement, part.ops[note+1].SQL)
		}
	})
}

func TestAStatementThatBeginsIsRecordedWithWhatTellsItsRemains(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[3].Ops
		started := once(t, ops, "set started = 'create index concurrently i on t (a)'")
		require.Contains(t, ops[started].SQL, "done operator(pg_catalog.=) 1 and started is null")
		objects := once(t, ops, "select pg_catalog.set_config('migrator.objects', pg_catalog.concat_ws(',', pg_catalog.to_regclass('t')::pg_catalog.oid), true)")
		scope := once(t, ops, "set scope = s.oids, spared = ")
		require.Equal(t, []string{"set search_path = app", "set role app_owner"}, sqls(ops[started+1:objects]), "its names mean what they will mean")
		require.Equal(t, []string{"reset session authorization", "reset role", "set local search_path = pg_catalog, pg_temp"}, sqls(ops[objects+1:scope]))
		require.Equal(t, OpClaim, ops[scope].Kind)
		require.Empty(t, where(ops, "create index concurrently i on t (a) "), "it is only named here")
		require.False(t, slices.ContainsFunc(ops, func(o Op) bool { return o.Kind == OpFile && strings.HasPrefix(o.SQL, "create") }))
	})
}

func TestAnIndexIsRecordedAsDoneOnlyWhereItIsValid(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[5].Ops
		valid, record := once(t, ops, "and i.indisvalid) then"), once(t, ops, "set done = 2, ")
		require.Less(t, valid, record)
		require.Equal(t, "set local search_path = pg_catalog, pg_temp", ops[valid-1].SQL)
		require.Contains(t, ops[valid].SQL, sqlstate.IndexInvalid)
		require.Contains(t, ops[record].SQL, "done operator(pg_catalog.=) 1 and started is not null")
		require.Empty(t, where(c.steps[8].Ops, "indisvalid"), "a vacuum makes none")
		require.Len(t, where(c.steps[8].Ops, "set done = 3, "), 1)
	})
}

func TestAFileIsRecordedWhenAllItsStatementsAreDone(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[len(c.steps)-1].Ops
		require.Equal(t, "begin isolation level read committed", ops[0].SQL)
		verbs := map[bool][2]string{false: {"insert into", "update"}, true: {"update", "delete from"}}[c.move.Down]
		claim, progress := once(t, ops, verbs[0]+` "app"."o'clock" `), once(t, ops, `delete from "app"."o'clock_progress"`)
		drop, seal, commit := once(t, ops, `drop table "app"."o'clock_progress"`), index(t, ops, OpSeal), index(t, ops, OpCommit)
		require.True(t, slices.IsSorted([]int{claim, progress, drop, seal, commit}))
		require.Contains(t, ops[progress].SQL, "version operator(pg_catalog.=) '1_a.sql' and done operator(pg_catalog.=) 4 and started is null")
		require.Contains(t, ops[progress].SQL, sqlstate.RecordStale)
		require.Contains(t, ops[seal].SQL, verbs[1]+` "app"."o'clock"`)
		require.Equal(t, []string{"close all", "discard temp"}, sqls(ops[seal-2:seal]), "nothing of it is left in the session")
		require.Equal(t, sqls(c.free()), sqls(ops[commit+1:]))
		require.Less(t, index(t, ops, OpLock), claim)
	})
}

func TestTheProgressTableIsMadeWhenAFileBegins(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		ops := c.steps[1].Ops
		table, row := once(t, ops, `create table if not exists "app"."o'clock_progress" (`), once(t, ops, `insert into "app"."o'clock_progress" (version, direction, done`)
		require.Less(t, table, row)
		require.Contains(t, ops[row].SQL, fmt.Sprintf("values ('1_a.sql', '%s', 0, ", c.move.direction()))
	})
}

func TestAStatementIsBegunAgainWhereNothingIsLeftOfIt(t *testing.T) {
	t.Parallel()
	notxVariants(t, func(t *testing.T, c notxCase) {
		s := c.Restart(c.move, 2)
		require.True(t, s.Part)
		require.Nil(t, s.Runs, "it is not done")
		again := s.Ops[once(t, s.Ops, "set started = null")]
		require.Contains(t, again.SQL, "done operator(pg_catalog.=) 2 and started is not null")
		require.Empty(t, where(s.Ops, "done = 3"))
	})
}
