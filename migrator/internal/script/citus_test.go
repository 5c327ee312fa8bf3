package script

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

const keptFromWorkers = "set local citus.propagate_set_commands = none"

// Citus sends on the whole message that a setting is part of.
func TestOnCitusNoMessageOfOurOwnGoesToAWorker(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, _ *Move, ops []Op) {
		if !s.Citus {
			require.NotContains(t, strings.Join(sqls(ops), "\n"), "citus")
			return
		}
		file := index(t, ops, OpFile)
		require.Equal(t, keptFromWorkers, ops[1].SQL, "first in the transaction")
		require.Equal(t, keptFromWorkers, ops[file+1].SQL, "whatever the file has set")
		reset := slices.IndexFunc(ops, func(o Op) bool { return o.SQL == resetAll })
		require.Equal(t, keptFromWorkers, ops[reset+2].SQL, "whatever the role has set")
	})
}

func TestOnCitusWorkersGetTheLimitsOfAFile(t *testing.T) {
	t.Parallel()
	variants(t, func(t *testing.T, s Writer, move *Move, ops []Op) {
		if !s.Citus {
			return
		}
		file := index(t, ops, OpFile)
		told := ops[file-1].SQL
		body := strings.TrimSuffix(strings.TrimPrefix(told, "do $migrator$begin\n"), "\nend$migrator$")
		statements, err := sqllex.Split(body)
		require.NoError(t, err)
		var texts []string
		for _, statement := range statements {
			texts = append(texts, strings.TrimSpace(statement.Text(body)))
		}
		limit := "set local lock_timeout = '1000ms'"
		if move.LockTimeout > time.Second {
			limit = "set local lock_timeout = '10000ms'"
		}
		want := []string{"set local citus.propagate_set_commands = local"}
		want = append(append(want, sqls(s.limits())...), limit, keptFromWorkers)
		require.Equal(t, want, texts)
	})
}

func TestOnCitusTheHistoryIsSeenToBeTheCoordinatorsOwn(t *testing.T) {
	t.Parallel()
	s := Writer{Table: history.Table{Schema: "app", Name: "o'clock"}, Citus: true}
	file, problems := sqlfile.Parse("1_x.sql", "select 1", false)
	require.Empty(t, problems)
	for _, step := range []*Step{s.CreateHistory(), {Move: &Move{Version: "1_x.sql", File: file}, Framing: s.Framing()}} {
		operations := step.LayOut()
		claim := index(t, operations, OpClaim)
		looks := operations[claim+1].SQL
		require.Contains(t, looks, "from pg_catalog.pg_dist_local_group where groupid operator(pg_catalog.<>) 0")
		require.Contains(t, looks, `logicalrelid operator(pg_catalog.=) pg_catalog.to_regclass('"app"."o''clock"')`)
		if step.Move != nil {
			require.Less(t, claim+1, index(t, operations, OpFile), "before anything runs")
		} else {
			require.Equal(t, "set local citus.use_citus_managed_tables = off", operations[claim-1].SQL)
		}
	}
}

// Where a build was cut off, the coordinator's own index may be valid and those of the shards not be there.
func TestOnCitusAnIndexCountsAsBuiltWhenItsShardsSaySo(t *testing.T) {
	t.Parallel()
	file := separateFile(t, "create index concurrently i on t (a)")
	move := &Move{Version: "1_x.sql", File: file}
	const asks = "master_run_on_worker(s.names, s.ports, s.queries, false)"
	for _, citus := range []bool{true, false} {
		s := Writer{Table: history.Table{Schema: "app", Name: "history"}, Citus: citus}
		for _, sql := range []string{s.seesIndex(move, file.Separate[0]), LeftoversSQL(file.Separate[0].NonTx, s.Table, "1_x.sql", s.Citus)} {
			require.Equal(t, citus, strings.Contains(sql, asks), sql)
		}
	}
}
