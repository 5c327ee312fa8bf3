package migrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

// A Condition is a state of the database that Wait waits for.
type Condition uint8

// The conditions.
const (
	// Reachable: the database accepts a connection and answers.
	Reachable Condition = iota
	// Current: nothing is pending. Use it for a replica that must not start before another one has migrated. A database that a newer
	// program has migrated is current too.
	Current
)

// Wait returns when the condition holds or the context ends. It keeps trying if the server is not up or the database does not
// exist yet, but not if the password is wrong, for example. It reports to Config.Observe why it waits, on each change and every
// ten seconds.
func (m *Migrator) Wait(ctx context.Context, until Condition) error {
	if err := m.check(); err != nil {
		return err
	}
	return cause.Add(ctx, m.await(ctx, until))
}

func (m *Migrator) await(ctx context.Context, until Condition) error {
	var told string
	var toldAt time.Time
	pauses := backoff{50 * time.Millisecond, 2 * time.Second}
	var last error
	for {
		why := m.unready(ctx, until)
		if why == nil {
			return nil
		}
		if ctx.Err() != nil {
			if last != nil { // this time the end of the wait has interrupted the question
				why = last
			} else if errors.Is(why, context.Cause(ctx)) {
				return why
			}
			return fmt.Errorf("%w: %w", cause.Of(ctx), why)
		}
		last = why
		var pending *pendingError
		if !errors.As(why, &pending) && !isTemporary(why) {
			return why
		}
		wait := pauses.pause()
		if text := why.Error(); text != told || time.Since(toldAt) > 10*time.Second {
			told, toldAt = text, time.Now()
			kind := EventReconnecting
			if pending != nil {
				kind = EventWaiting
			}
			m.options.Observe(Event{Kind: kind, Err: why, Pause: wait})
		}
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("%w: %w", cause.Of(ctx), why)
		}
	}
}

// A pendingError says that a database is not current.
type pendingError struct{ versions []Version }

func (e *pendingError) Error() string {
	return fmt.Sprintf("%d migrations are not applied yet, the first is %s", len(e.versions), e.versions[0])
}

// unready returns why the condition does not hold, or nil.
func (m *Migrator) unready(ctx context.Context, until Condition) error {
	if until == Reachable {
		s, err := m.dial(ctx, "", "wait", false)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Send(ctx, "select", nil)
		return err
	}
	statuses, err := m.Status(ctx)
	if err != nil {
		return err
	}
	var missing []Version
	for _, s := range statuses {
		if s.Pending() || s.State == StateUnfinished {
			missing = append(missing, s.Version)
		}
	}
	if len(missing) > 0 {
		return &pendingError{missing}
	}
	return nil
}

// isTemporary reports whether waiting may help.
func isTemporary(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && noDatabase(pg) {
		return true
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &pg) || errors.As(err, &connect) {
		return isTemporaryRefusal(err)
	}
	var history *HistoryError
	return !errors.As(err, &history) // otherwise the connection was lost
}
