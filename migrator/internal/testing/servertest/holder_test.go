package servertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// TestWhoeverHoldsTheRunLockIsNamed: anybody may take it, also shared, which keeps every run away.
func TestWhoeverHoldsTheRunLockIsNamed(t *testing.T) {
	t.Parallel()
	for _, function := range []string{"pg_advisory_lock_shared", "pg_advisory_lock"} {
		for _, mode := range modes {
			t.Run(function+", "+mode.name, func(t *testing.T) {
				t.Parallel()
				url := newDatabase(t)
				release := holds(t, url, fmt.Sprintf("select %s(%d)", function, history.Table{Schema: "public", Name: "schema_migrations"}.LockKey()))
				var seen recorder
				observe, waits := told(&seen, migrator.EventWaiting)
				config := mode.config
				config.Observe = observe
				var group errgroup.Group
				for range 3 { // which ask whether the lock is free, and are named by nobody
					m := open(t, url, ledgerFiles(2), config)
					group.Go(func() error {
						_, err := m.Run(patience(t), migrator.Up())
						return err
					})
				}
				next(t, waits, lasting)
				config.WaitFor = time.Second
				_, err := open(t, url, ledgerFiles(2), config).Run(patience(t), migrator.Up())
				var locked *migrator.LockedError
				require.ErrorAs(t, err, &locked)
				require.ErrorContains(t, err, "no run of this tool is to be seen that holds it\nHELD BY: pid")
				release()
				require.NoError(t, group.Wait())
				for _, e := range seen.of(migrator.EventWaiting) {
					for _, b := range e.Backends {
						if b.State == "active" {
							continue // a run that has got the lock meanwhile
						}
						require.Equal(t, "holder", b.Application)
						require.Positive(t, b.Age)
					}
				}
				require.Equal(t, ledgerState(2), state(t, url))
			})
		}
	}
}

// TestARunThatPausesBetweenTwoTriesIsNamedWithItsFile: it is idle, and nothing else tells what it is at.
func TestARunThatPausesBetweenTwoTriesIsNamedWithItsFile(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"in a transaction": "alter table r add x int;\n", "without one": "-- migrator: no-transaction\nvacuum full r;\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create table r (n int)")
			release := holds(t, url, "begin; select * from r")
			var first, second recorder
			observe, retries := told(&first, migrator.EventRetrying)
			one := inBackground(t, open(t, url, files("001_file.sql", text), migrator.Config{LockTimeout: 100 * time.Millisecond, Observe: observe}))
			next(t, retries, whatever)
			observe, waits := told(&second, migrator.EventWaiting)
			other := inBackground(t, open(t, url, files("001_file.sql", text), migrator.Config{Observe: observe}))
			e := next(t, waits, func(e migrator.Event) bool { return e.Backends[0].State == "idle" })
			require.Regexp(t, `^migrator \w+ 001_file.sql$`, e.Backends[0].Application)
			require.Positive(t, e.Backends[0].Age)
			release()
			for _, run := range []<-chan ran{one, other} {
				require.NoError(t, (<-run).err)
			}
		})
	}
}
