package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestTwoWhoAgreeToRevertTheSameFileRevertItOnce(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(5), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	var plans [2]*migrator.Plan
	for i := range plans {
		plans[i], err = m.Plan(patience(t), migrator.Down(1))
		require.NoError(t, err)
	}
	total := 0
	for _, plan := range plans {
		results, err := m.Run(patience(t), plan.Only())
		require.NoError(t, err)
		total += len(results)
	}
	require.Equal(t, 1, total)
	require.Equal(t, []string{"-5"}, query(t, url, "select file::text from ledger where file < 0"))
}

func TestWhatWasPlannedIsRefusedWhereSomethingNewerWasAppliedMeanwhile(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(2), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	plan, err := m.Plan(patience(t), migrator.Down(1))
	require.NoError(t, err)
	_, err = open(t, url, ledgerFiles(3), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	_, err = m.Run(patience(t), plan.Only())
	require.EqualError(t, err, "revert 002_file.sql: the newest applied one is 003_file.sql by now; plan again")
	require.Equal(t, ledgerState(3), state(t, url))
}

func TestOnlyDoesARedoWhole(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(3), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	plan, err := m.Plan(patience(t), migrator.Redo(2))
	require.NoError(t, err)
	results, err := m.Run(patience(t), plan.Only())
	require.NoError(t, err)
	require.Len(t, results, 4)
	require.Equal(t, ledgerState(3)[:3], state(t, url)[:3])
}
