package migrator

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
		require.Equal(t, keptFromWorkers, ops[reset+1].sql, "whatever the role has set")
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
	s := scripter{table: table{"app", "o'clock"}, citus: true}
	plan, err := New(nil, versions("1"), Config{}).plan(&history{table: s.table}, Up(), s, reviewer{})
	require.NoError(t, err)
	require.Len(t, plan.steps, 2, "the table is made, the file runs")
	for _, step := range plan.steps {
		claim := index(t, step.operations, opClaim)
		looks := step.operations[claim+1].sql
		require.Contains(t, looks, "from pg_catalog.pg_dist_local_group where groupid operator(pg_catalog.<>) 0")
		require.Contains(t, looks, `logicalrelid operator(pg_catalog.=) pg_catalog.to_regclass('"app"."o''clock"')`)
		if step.move != nil {
			require.Less(t, claim+1, index(t, step.operations, opFile), "before anything runs")
		} else {
			require.Equal(t, "set local citus.use_citus_managed_tables = off", step.operations[claim-1].sql)
		}
	}
}
