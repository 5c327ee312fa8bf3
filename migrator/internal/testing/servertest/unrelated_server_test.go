package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

func TestFilesOfAnotherProjectAreNotApplied(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		url := newDatabase(t)
		_, err := open(t, url, ledgerFiles(3), mode.config).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		fsys := files("001_other.sql", "drop table ledger;\n", "001_other.down.sql", "select 1;\n")
		other := open(t, url, fsys, mode.config)
		var unrelated *migrator.UnrelatedError
		for _, target := range []migrator.Target{migrator.Up(), migrator.UpN(1), migrator.UpTo("001_other.sql")} {
			results, err := other.Run(patience(t), target)
			require.ErrorAs(t, err, &unrelated)
			require.Empty(t, results)
			_, err = other.Plan(patience(t), target)
			require.ErrorAs(t, err, &unrelated, "a dry run")
		}
		require.Equal(t, ledgerState(3), state(t, url))
		for _, target := range []migrator.Target{migrator.Down(1), migrator.Redo(1)} {
			_, err = other.Run(patience(t), target)
			require.ErrorContains(t, err, "revert 003_file.sql: there is no such file here")
		}

		statuses, err := other.Status(patience(t))
		require.NoError(t, err)
		require.Len(t, statuses, 4)
		var mismatch *migrator.MismatchError
		require.ErrorAs(t, other.Verify(patience(t)), &mismatch)
		for _, target := range []migrator.Target{migrator.Repair(), migrator.MarkApplied("001_other.sql"), migrator.MarkPending("001_other.sql")} {
			_, err = other.Run(patience(t), target)
			require.NoError(t, err)
		}
		require.Equal(t, ledgerState(3), state(t, url))

		mode.config.AllowUnrelated = true
		results, err := open(t, url, fsys, mode.config).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		require.Len(t, results, 1)
	}
}

func TestWithNothingPendingAnUnrelatedHistoryIsNotRefused(t *testing.T) {
	t.Parallel()
	url := applied(t, 3)
	results, err := open(t, url, files(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, results)
}
