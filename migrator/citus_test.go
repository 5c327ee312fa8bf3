package migrator

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

const keptFromWorkers = "set local citus.propagate_set_commands = none"

// Citus sends on the whole message that a setting is part of.
func TestOnCitusNoMessageOfOurOwnGoesToAWorker(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, _ *Move, ops []operation) {
		if !s.citus {
			require.NotContains(t, strings.Join(sqls(ops), "\n"), "citus")
			return
		}
		file := index(t, ops, opFile)
		require.Equal(t, keptFromWorkers, ops[1].sql, "first in the transaction")
		require.Equal(t, keptFromWorkers, ops[file+1].sql, "whatever the file has set")
		reset := slices.IndexFunc(ops, func(o operation) bool { return o.sql == resetAll })
		require.Equal(t, keptFromWorkers, ops[reset+2].sql, "whatever the role has set")
	})
}

func TestOnCitusWorkersGetTheLimitsOfAFile(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s scripter, move *Move, ops []operation) {
		if !s.citus {
			return
		}
		file := index(t, ops, opFile)
		told := ops[file-1].sql
		body := strings.TrimSuffix(strings.TrimPrefix(told, "do $migrator$begin\n"), "\nend$migrator$")
		statements, err := sqllex.Split(body)
		require.NoError(t, err)
		var texts []string
		for _, statement := range statements {
			texts = append(texts, strings.TrimSpace(statement.Text(body)))
		}
		limit := "set local lock_timeout = '1000ms'"
		if move.Migration.Up.LockTimeout > 0 {
			limit = "set local lock_timeout = '10000ms'"
		}
		want := []string{"set local citus.propagate_set_commands = local"}
		want = append(append(want, sqls(s.limits())...), limit, keptFromWorkers)
		require.Equal(t, want, texts)
	})
}

func TestOnCitusTheHistoryIsSeenToBeTheCoordinatorsOwn(t *testing.T) {
	t.Parallel()
	s := scripter{table: history.Table{Schema: "app", Name: "o'clock"}, citus: true}
	plan, err := New(nil, versions("1"), Config{}).plan(&history.History{Table: s.table}, Up(), s, &reviewer{})
	require.NoError(t, err)
	require.Len(t, slices.Collect(plan.steps), 2, "the table is made, the file runs")
	for step := range plan.steps {
		operations := step.layOut()
		claim := index(t, operations, opClaim)
		looks := operations[claim+1].sql
		require.Contains(t, looks, "from pg_catalog.pg_dist_local_group where groupid operator(pg_catalog.<>) 0")
		require.Contains(t, looks, `logicalrelid operator(pg_catalog.=) pg_catalog.to_regclass('"app"."o''clock"')`)
		if step.move != nil {
			require.Less(t, claim+1, index(t, operations, opFile), "before anything runs")
		} else {
			require.Equal(t, "set local citus.use_citus_managed_tables = off", operations[claim-1].sql)
		}
	}
}

// Where a build was cut off, the coordinator's own index may be valid and those of the shards not be there.
func TestOnCitusAnIndexCountsAsBuiltWhenItsShardsSaySo(t *testing.T) {
	t.Parallel()
	script := transactional("1_x.sql", "create index concurrently i on t (a)")
	script.Mode = NoTransaction
	file, err := review(script)
	require.NoError(t, err)
	move := &Move{Direction: DirectionUp, Migration: Migration{Version: "1_x.sql", Up: *script}}
	const asks = "master_run_on_worker(s.names, s.ports, s.queries, false)"
	for _, citus := range []bool{true, false} {
		s := scripter{table: history.Table{Schema: "app", Name: "history"}, citus: citus}
		for _, sql := range []string{s.seesIndex(move, file.Separate[0]), remainsSQL(file.Separate[0].NonTx, s.table, "1_x.sql", s.citus)} {
			require.Equal(t, citus, strings.Contains(sql, asks), sql)
		}
	}
}

func TestAFileThatMakesCitusIsRecognised(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"create extension citus": true, "select 1;\nCREATE EXTENSION IF NOT EXISTS citus CASCADE;": true,
		"create extension hstore": false, "drop extension citus": false, "-- create extension citus\nselect 'create extension citus'": false,
	} {
		file, err := review(transactional("1_x.sql", sql))
		require.NoError(t, err)
		require.Equal(t, want, file.MakesCitus(), sql)
	}
}
