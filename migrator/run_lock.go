package migrator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// A runLock is the lock that keeps two runs on one history apart, and the wait for it.
type runLock struct {
	*connections
	*reporter

	waitFor time.Duration // Config.WaitFor
	since   time.Time     // when the wait began; zero: not waiting
	next    time.Duration // the wait at which the holder is reported again
}

// take tries for the run lock, for the worker's session: it is held for as long as that works, also where its client is gone.
// A try that fails is followed by a pause, after which the history is read again: perhaps there is nothing left to do.
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

// nameAfter is how long another run is waited for without a word: most are done by then.
const nameAfter = 500 * time.Millisecond

// unseenAfter is how long it is waited without a word where nobody is to be seen.
const unseenAfter = 2 * time.Second

// rereadEvery is how often a run that waits reads the history: perhaps there is nothing left to do for it.
const rereadEvery = 10 * time.Second

// wait lets another run go on until its lock is free, or the history is to be read again, and says who it is. It asks in one
// short message at a time, which holds the lock, shared with all who ask, for as long as the answer takes.
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

// pollPause is how long to pause after so long a wait. It costs the server less than two messages a second, in the long run.
func pollPause(waited time.Duration) time.Duration {
	if waited > 10*time.Second {
		return 900 * time.Millisecond
	}
	return min(30*time.Millisecond+waited/10, 300*time.Millisecond)
}

// reportHolder finds out who is waited for, or ends the wait.
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

// reportWaiting reports for whom it waits, less and less often. That nobody is to be seen is reported later: they may be gone by now.
func (l *runLock) reportWaiting(holders []Backend) {
	waited := l.waited()
	if waited < l.next || (len(holders) == 0 && waited < unseenAfter) {
		return
	}
	l.emit(Event{Kind: EventWaiting, Elapsed: waited, Backends: holders})
	l.next = waited + min(max(waited, nameEvery), 30*time.Second)
}

func (l *runLock) waited() time.Duration {
	if l.since.IsZero() {
		l.since = time.Now()
	}
	return time.Since(l.since)
}

// forget ends the wait.
func (l *runLock) forget() { l.since, l.next = time.Time{}, 0 }
