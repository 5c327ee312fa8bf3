package migrator

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

func TestTheToolsOwnTransactionsLockAndLiftLimitsToo(t *testing.T) {
	t.Parallel()
	for _, keepsLock := range []bool{false, true} {
		s := script.Writer{Table: history.Table{Schema: "app", Name: "o'clock"}, Major: 17, KeepsLock: keepsLock}
		plan, err := New(nil, nil, Config{}).plan(&history.History{Table: s.Table}, Up(), s, &reviewer{})
		require.NoError(t, err)
		steps := slices.Collect(plan.steps)
		require.Len(t, steps, 1)
		require.Nil(t, steps[0].move)
		ops := steps[0].Ops
		require.Less(t, placeOf(t, ops, script.OpLock), placeOf(t, ops, script.OpClaim))
		require.True(t, slices.ContainsFunc(ops, func(o script.Op) bool { return o.SQL == "set local transaction_timeout = 0" }))
		require.Equal(t, "commit", ops[len(ops)-1].SQL)
		require.Contains(t, ops[placeOf(t, ops, script.OpClaim)].SQL, `create table if not exists "app"."o'clock" (`)
	}
}

func TestChecksumsAreRecordedForWhatIsAppliedAndHasNone(t *testing.T) {
	t.Parallel()
	h := &history.History{Exists: true}
	h.Fill(rows("1? 2 3? 9?"))
	fill := fillChecksums(script.Writer{Table: history.Table{Schema: "public", Name: "h"}}, h, versions("1 2 3 4"))
	sql := fill.Ops[placeOf(t, fill.Ops, script.OpClaim)].SQL
	require.Contains(t, sql, fmt.Sprintf("values\n('1_x.sql', '%s'),\n('3_x.sql', '%s'))", checksum("select 1"), checksum("select 3")))
	require.NotContains(t, sql, "2_x")

	h.Fill(rows("1 9?"))
	require.Nil(t, fillChecksums(script.Writer{}, h, versions("1 2")))
}

// placeOf returns where the first operation of a kind is.
func placeOf(t *testing.T, ops []script.Op, kind script.OpKind) int {
	t.Helper()
	at := slices.IndexFunc(ops, func(o script.Op) bool { return o.Kind == kind })
	require.GreaterOrEqual(t, at, 0, "kind %d", kind)
	return at
}
