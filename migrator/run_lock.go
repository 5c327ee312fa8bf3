package migrator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// A runLock takes the run lock, which keeps two runs on one history apart, and waits for it.
type runLock struct {
	*connections
	*reporter

	waitFor time.Duration // Config.WaitFor
	since   time.Time     // when the wait began; zero: not waiting
	next    time.Duration // how long the wait must last before the holder is reported again
}

// take tries once to take the run lock for the worker's session. The session keeps it until the server has ended it, even if the
// client is gone. If another run has the lock, take waits, and returns with the lock still not taken: the history must be read
// again, because nothing may be left to do.
func (l *runLock) take(ctx context.Context) error {
	rows, err := l.worker.Rows(ctx, l.worker.LiftLimits()+strings.Join(append(script.InSession(script.Idle()), fmt.Sprintf("select pg_catalog.pg_try_advisory_lock(%d)", l.table.LockKey())), ";\n"))
	if err != nil {
		return l.stopFor(ctx, script.OpFrame, fmt.Errorf("take the run lock: %w", err))
	}
	if l.locked = rows[0][0] == "t"; l.locked {
		return nil
	}
	return l.wait(ctx)
}

// nameAfter is how long a run waits before it reports who holds the lock. Most other runs are done by then.
const nameAfter = 500 * time.Millisecond

// unseenAfter is the same if nobody is seen to hold the lock.
const unseenAfter = 2 * time.Second

// rereadEvery is how often a waiting run reads the history, because nothing may be left to do.
const rereadEvery = 10 * time.Second

// wait returns when the run lock is free, or when the history should be read again. Meanwhile it reports who holds the lock. It
// never waits inside the server. It asks in short messages, each of which holds the lock in shared mode until it is answered.
func (l *runLock) wait(ctx context.Context) error {
	began := time.Now()
	for time.Since(began) < rereadEvery {
		waited := l.waited()
		if err := l.reportHolder(ctx, waited); err != nil {
			return err
		}
		if err := sleep(ctx, jitter(pollPause(waited))); err != nil {
			return err
		}
		if free, err := l.lockIsFree(ctx); err != nil || free {
			return err
		}
	}
	return nil
}

// lockIsFree reports whether nobody holds the run lock.
func (l *runLock) lockIsFree(ctx context.Context) (bool, error) {
	rows, err := l.worker.Rows(ctx, fmt.Sprintf("select pg_catalog.pg_try_advisory_xact_lock_shared(%d)", l.table.LockKey()))
	if err != nil {
		return false, l.stopFor(ctx, script.OpFrame, err)
	}
	return rows[0][0] == "t", nil
}

// pollPause returns the pause before the next question, from the time waited so far. In the long run the server gets less than
// two messages a second.
func pollPause(waited time.Duration) time.Duration {
	if waited > 10*time.Second {
		return 900 * time.Millisecond
	}
	return min(30*time.Millisecond+waited/10, 300*time.Millisecond)
}

// reportHolder reports who holds the lock when that is due. It ends the wait with a *LockedError after Config.WaitFor.
func (l *runLock) reportHolder(ctx context.Context, waited time.Duration) error {
	expired := l.waitFor != 0 && waited >= l.waitFor
	if waited < max(l.next, nameAfter) && !expired {
		return nil
	}
	holders, err := lockHolders(ctx, l.worker, l.table, l.id)
	if err != nil {
		return l.stopFor(ctx, script.OpFrame, err)
	}
	if expired {
		return &LockedError{Waited: waited, Holder: holders}
	}
	l.reportWaiting(holders)
	return nil
}

// reportWaiting reports the holders, less and less often. If there are none, it reports later, because they may just have left.
func (l *runLock) reportWaiting(holders []Backend) {
	waited := l.waited()
	if waited < l.next || (len(holders) == 0 && waited < unseenAfter) {
		return
	}
	l.emit(Event{Kind: EventWaiting, Elapsed: waited, Backends: holders})
	l.next = waited + min(max(waited, nameEvery), 30*time.Second)
}

// waited returns how long the run has waited. The first call begins the wait.
func (l *runLock) waited() time.Duration {
	if l.since.IsZero() {
		l.since = time.Now()
	}
	return time.Since(l.since)
}

// forget ends the wait.
func (l *runLock) forget() { l.since, l.next = time.Time{}, 0 }
