package servertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

const (
	partitions = "create table p (i int) partition by range (i); create table p1 partition of p for values from (0) to (10); create table p2 partition of p for values from (10) to (20)"
	attached   = "select count(*)::text from pg_inherits where inhparent = 'p'::regclass"
)

// holds runs statements in a session that stays; release ends it.
func holds(t *testing.T, url, sql string) (release func()) {
	t.Helper()
	conn := connect(t, url)
	release = func() { _ = conn.Close(context.Background()) }
	t.Cleanup(release)
	_, err := conn.Exec(t.Context(), "set application_name = 'holder'; "+sql)
	require.NoError(t, err)
	return release
}

// told returns an observer, and a channel of the events of a kind.
func told(seen *recorder, kind migrator.EventKind) (func(migrator.Event), <-chan migrator.Event) {
	events := make(chan migrator.Event, 1000)
	return func(e migrator.Event) {
		seen.observe(e)
		if e.Kind == kind {
			events <- e
		}
	}, events
}

// next waits for an event that fits.
func next(t *testing.T, events <-chan migrator.Event, fits func(migrator.Event) bool) migrator.Event {
	t.Helper()
	for patience := time.After(20 * time.Second); ; {
		select {
		case e := <-events:
			if fits(e) {
				return e
			}
		case <-patience:
			require.FailNow(t, "there is no such event")
		}
	}
}

func lasting(e migrator.Event) bool { return e.Elapsed > time.Second }

func whatever(migrator.Event) bool { return true }

// TestPromise6HoldsForAPartitionThatIsDetachedConcurrently: behind a report on the partition the others that read it wait no longer
// than the limit, with a second connection and without one.
func TestPromise6HoldsForAPartitionThatIsDetachedConcurrently(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, connections := range []int{-1, 1} {
		t.Run(fmt.Sprint(connections), func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			role := fmt.Sprintf("detach_%s", database(t, url))
			execute(t, url, fmt.Sprintf("create role %q login password 'x' connection limit %d; grant all on schema public to %[1]q; set role %[1]q; %[3]s", role, connections, partitions))
			t.Cleanup(func() { execute(t, url, fmt.Sprintf("drop owned by %q; drop role %[1]q", role)) })
			config, err := pgx.ParseConfig(url)
			require.NoError(t, err)
			config.User, config.Password = role, "x"
			migrations, err := migrator.Load(files("001_detach.sql", "-- migrator: no-transaction\nalter table p detach partition p1 concurrently;\n"))
			require.NoError(t, err)
			release := holds(t, url, "begin; select * from p1")
			crowd := gather(t, url, 2, "p1")
			var seen recorder
			observe, retries := told(&seen, migrator.EventRetrying)
			ended := inBackground(t, migrator.New(config, migrations, migrator.Config{LockTimeout: 500 * time.Millisecond, Observe: observe}))
			select {
			case e := <-retries:
				require.Equal(t, "1 of 1", fmt.Sprintf("%d of %d", e.Statement, e.Statements))
			case <-time.After(5 * time.Second): // then a reader has waited for too long
			}
			release()
			require.NoError(t, (<-ended).err)
			require.Less(t, crowd.leave(t), 2*time.Second)
			require.Equal(t, []string{"1"}, query(t, url, attached))
		})
	}
}

// pending leaves the detachment of p1 half done.
func pending(t *testing.T, url string) {
	t.Helper()
	execute(t, url, partitions)
	release := holds(t, url, "begin; select * from p where i = 15")
	defer release()
	conn := connect(t, url)
	defer conn.Close(context.Background())
	_, err := conn.Exec(t.Context(), "set lock_timeout = '100ms'")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "alter table p detach partition p1 concurrently")
	require.ErrorContains(t, err, "lock timeout")
	require.Equal(t, []string{"true"}, query(t, url, "select inhdetachpending::text from pg_inherits where inhrelid = 'p1'::regclass"))
}

// TestAFinalizeWaitsForOldSnapshotsBeforeItLocksThePartition: nobody who reads the partition notices.
func TestAFinalizeWaitsForOldSnapshotsBeforeItLocksThePartition(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	pending(t, url)
	release := holds(t, url, "begin isolation level repeatable read; select 1")
	crowd := gather(t, url, 2, "p1")
	var seen recorder
	observe, blocked := told(&seen, migrator.EventBlocked)
	text := "-- migrator: no-transaction\nalter table p detach partition p1 finalize;\n"
	ended := inBackground(t, open(t, url, files("001_finalize.sql", text), migrator.Config{LockTimeout: 300 * time.Millisecond, Observe: observe}))
	e := next(t, blocked, lasting)
	require.Len(t, e.Backends, 1, "%v", e.Backends)
	require.Equal(t, "holder", e.Backends[0].Application)
	release()
	require.NoError(t, (<-ended).err)
	require.Less(t, crowd.leave(t), time.Second)
	require.Empty(t, seen.of(migrator.EventRetrying))
	require.Equal(t, []string{"1"}, query(t, url, attached))
}

// TestAFinalizeThatGetsNoLockIsTriedAgain: somebody may hold the partition and have no snapshot.
func TestAFinalizeThatGetsNoLockIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	pending(t, url)
	release := holds(t, url, "begin; select * from p1")
	crowd := gather(t, url, 2, "p1")
	var seen recorder
	observe, retries := told(&seen, migrator.EventRetrying)
	text := "-- migrator: no-transaction\nalter table p detach partition p1 finalize;\n"
	ended := inBackground(t, open(t, url, files("001_finalize.sql", text), migrator.Config{LockTimeout: 300 * time.Millisecond, Observe: observe}))
	next(t, retries, whatever)
	release()
	require.NoError(t, (<-ended).err)
	require.Less(t, crowd.leave(t), 2*time.Second)
	require.Equal(t, []string{"1"}, query(t, url, attached))
}
