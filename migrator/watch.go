package migrator

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	watchAfter = 100 * time.Millisecond
	watchEvery = 50 * time.Millisecond
	nameEvery  = time.Second // how often the blockers are reported
)

// watchRole is what the application_name of the connection that looks at the worker ends in.
const watchRole = "watch"

// A watch looks, on a connection of its own, at what the worker waits for while files run. PostgreSQL's lock_timeout
// bounds each wait alone; whoever queues behind the first lock that a file has got waits for the sum. Most files are done
// before anybody looks, and cost no second connection.
type watch struct {
	session *session // nil: it is not dialled yet, or was lost
	worker  uint32
	report  func(Event) (told bool)
	dial    func(context.Context) (*session, error)

	subject  atomic.Pointer[subject]
	hurry    chan struct{}
	done     chan struct{}
	stopped  chan struct{}
	exceeded bool
	of       *subject
	blockers []Backend // those of it last seen
}

// A subject is the file that runs.
type subject struct {
	event     Event         // to be reported, with who is in the way
	snapshots bool          // waiting for others' transactions counts too: CONCURRENTLY does
	limit     time.Duration // for all waits of the file together; 0: none
}

// seen is what the watch saw while something was sent.
type seen struct {
	exceeded bool
	blockers []Backend // of the file that ran last
}

// start begins to watch; stop ends it and must be called before the session or the fields are used again.
func (w *watch) start(ctx context.Context) {
	w.hurry, w.done, w.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.loop(ctx)
	}()
}

// follow turns to another file. It is not waited for to be noticed, but where the limit is short.
func (w *watch) follow(s subject) {
	w.subject.Store(&s)
	if s.first() < watchAfter {
		select {
		case w.hurry <- struct{}{}:
		default:
		}
	}
}

func (w *watch) stop() seen {
	close(w.done)
	<-w.stopped
	s := seen{exceeded: w.exceeded}
	if w.of == w.subject.Load() {
		s.blockers = w.blockers
	}
	return s
}

func (w *watch) loop(ctx context.Context) {
	var seen waits
	pause, again := watchEvery, watchEvery
	for {
		s := w.subject.Load()
		if s != w.of {
			w.of, w.blockers, seen, pause = s, nil, waits{}, s.first()
		}
		if !w.sleep(ctx, pause) {
			return
		}
		pause = watchEvery
		if s == nil || w.subject.Load() != s {
			continue
		}
		if w.session == nil {
			w.session = w.connect(ctx)
		}
		if w.session == nil || w.check(ctx, s, &seen) != nil {
			w.hangUp()
			pause, again = again, min(2*again, 30*time.Second) // the role may have no second connection, and the server logs each try
			continue
		}
		again = watchEvery
	}
}

func (w *watch) hangUp() {
	if w.session != nil {
		w.session.close()
		w.session = nil
	}
}

// connect dials, for as long as there is something to watch; nil: in vain.
func (w *watch) connect(ctx context.Context) *session {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	s, _ := w.dial(ctx)
	return s
}

// waits are those of a subject that were seen.
type waits struct {
	past, current   time.Duration // of those that are over, of the one that is not
	since, reported string        // which that is, which was reported
	reportedAt      time.Time
}

// check looks once, and does what is to be done about it.
func (w *watch) check(ctx context.Context, s *subject, seen *waits) error {
	waited, began, err := w.look(ctx, s)
	if err != nil {
		return err
	}
	if began != seen.since {
		seen.past, seen.since = seen.past+seen.current, began
	}
	seen.current = waited
	if began == "" {
		return nil
	}
	if began != seen.reported || time.Since(seen.reportedAt) >= nameEvery {
		if err := w.name(ctx, s, seen.past+seen.current); err != nil {
			return err
		}
		seen.reported, seen.reportedAt = began, time.Now()
	}
	if s.limit > 0 && seen.past+seen.current >= s.limit && w.subject.Load() == s {
		w.exceeded = true
		_, err = w.session.exec(ctx, fmt.Sprintf("select pg_catalog.pg_cancel_backend(%d)", w.worker), nil)
	}
	return err
}

// first is when to look for the first time: most files are done by then, and it is early enough to see who is in the way of
// a short limit.
func (s *subject) first() time.Duration {
	if s != nil && s.limit > 0 {
		return min(watchAfter, s.limit/2)
	}
	return watchAfter
}

// look returns how long the worker has waited for the lock that it waits for, and since when as an identity of that
// wait; "" when it waits for none. Waiting for a row is not counted: nobody else queues behind that.
func (w *watch) look(ctx context.Context, s *subject) (waited time.Duration, began string, err error) {
	kinds := "'relation', 'object', 'extend', 'page'"
	if s.snapshots {
		kinds += ", 'virtualxid', 'transactionid'"
	}
	rows, err := w.session.rows(ctx, fmt.Sprintf(`
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - waitstart), waitstart
from pg_catalog.pg_locks
where pid = %d and not granted and waitstart is not null and locktype in (%s)
limit 1`, w.worker, kinds))
	if err != nil || len(rows) == 0 {
		return 0, "", err
	}
	return seconds(rows[0][0]), rows[0][1], nil
}

func (w *watch) name(ctx context.Context, s *subject, waited time.Duration) error {
	blockers, err := w.session.backends(ctx, fmt.Sprintf("select distinct pg_catalog.unnest(pg_catalog.pg_blocking_pids(%d)) as pid", w.worker))
	if err != nil {
		return err
	}
	if len(blockers) > 0 {
		w.blockers = blockers
		e := s.event
		e.Backends, e.Elapsed = blockers, waited
		w.report(e)
	}
	return nil
}

func (w *watch) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.done:
		return false
	case <-ctx.Done():
		return false
	case <-w.hurry:
		return true
	case <-timer.C:
		return true
	}
}
