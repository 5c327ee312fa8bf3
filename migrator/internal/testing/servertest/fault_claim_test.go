package servertest

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestAClaimThatTheTableItselfRefusesIsTold: what looks like another run's row may be an index or a trigger that somebody has
// put on the history.
func TestAClaimThatTheTableItselfRefusesIsTold(t *testing.T) {
	t.Parallel()
	fsys := files("001_a.sql", "create table if not exists a ();\n", "002_same.sql", "create table if not exists a ();\n")
	for name, c := range map[string]struct{ change, message, hint string }{
		"a unique index": {
			"create unique index one_text on schema_migrations (checksum)",
			`002_same.sql: duplicate key value violates unique constraint "one_text" (SQLSTATE 23505)`, "look for unique indexes and triggers of public.schema_migrations",
		},
		"a trigger": {
			"create function skip() returns trigger language plpgsql as 'begin return null; end'; create trigger skip before insert on schema_migrations for each row when (new.version = '002_same.sql') execute function skip()",
			"002_same.sql: the row of this file is gone or changed in public.schema_migrations", "nor may a trigger there keep the row out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range modes {
				url := newDatabase(t)
				_, err := open(t, url, files(), mode.config).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				execute(t, url, c.change)
				results, err := open(t, url, fsys, mode.config).Run(patience(t), migrator.Up())
				var failed *migrator.MigrationError
				require.ErrorAs(t, err, &failed)
				require.ErrorContains(t, err, c.message)
				require.ErrorContains(t, err, c.hint)
				require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied")
				require.Len(t, results, 1)
				require.Equal(t, []string{"001_a.sql"}, query(t, url, "select version from schema_migrations"))
			}
		})
	}
}

func TestASchemaThatDoesNotExistIsToldByAllThatLookForTheHistory(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, ledgerFiles(1), migrator.Config{Table: "Nowhere.history"})
	for name, ask := range map[string]func() error{
		"status": func() error { _, err := m.Status(t.Context()); return err },
		"plan":   func() error { _, err := m.Plan(t.Context(), migrator.Up()); return err },
		"up":     func() error { _, err := m.Run(patience(t), migrator.Up()); return err },
		"down":   func() error { _, err := m.Run(patience(t), migrator.Down(1)); return err },
		"mark":   func() error { _, err := m.Run(patience(t), migrator.MarkApplied("1")); return err },
	} {
		var refused *migrator.HistoryError
		require.ErrorAs(t, ask(), &refused, name)
		require.ErrorContains(t, refused, `create schema "Nowhere", or name another one`, name)
	}
	execute(t, url, `create schema "Nowhere"`)
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestALockTimeoutThatPostgreSQLCannotHoldIsTheLongestThatItCan(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	for i, timeout := range []time.Duration{30 * 24 * time.Hour, math.MaxInt64, -1} {
		_, err := open(t, url, ledgerFiles(i+1), migrator.Config{LockTimeout: timeout}).Run(patience(t), migrator.Up())
		require.NoError(t, err, timeout)
	}
}
