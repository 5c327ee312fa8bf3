package migrator

import (
	"context"
	"fmt"
	"time"
)

const (
	watchAfter = 100 * time.Millisecond // most files are done by then
	watchEvery = 50 * time.Millisecond
	nameEvery  = time.Second // how often the blockers are reported
)

// A watch looks, on the warden's connection, at what the worker waits for while a file runs. PostgreSQL's lock_timeout
// bounds each wait alone; whoever queues behind the first lock that a file has got waits for the sum.
type watch struct {
	warden    *warden
	worker    uint32
	snapshots bool          // waiting for others' transactions counts too: CONCURRENTLY does
	limit     time.Duration // for all waits of the file together; 0: none
	report    func(blockers []Backend, waited time.Duration)

	done     chan struct{}
	stopped  chan struct{}
	exceeded bool
	blockers []Backend // those last seen
	err      error     // the warden's connection was lost
}

// start begins to watch; stop ends it and must be called before the warden or the fields are used again.
func (w *watch) start(ctx context.Context) {
	w.done, w.stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.loop(ctx)
	}()
}

func (w *watch) stop() {
	close(w.done)
	<-w.stopped
}

func (w *watch) loop(ctx context.Context) {
	var past, current time.Duration // of the waits that are over, of the one that is not
	var since, reported string
	var reportedAt time.Time
	for pause := w.first(); w.sleep(ctx, pause); pause = watchEvery {
		waited, began, err := w.look(ctx)
		if err != nil {
			w.err = err
			return
		}
		if began != since {
			past, since = past+current, began
		}
		current = waited
		if began == "" {
			continue
		}
		if began != reported || time.Since(reportedAt) >= nameEvery {
			if w.err = w.name(ctx, past+current); w.err != nil {
				return
			}
			reported, reportedAt = began, time.Now()
		}
		if w.limit > 0 && past+current >= w.limit {
			w.exceeded = true
			_, w.err = w.warden.exec(ctx, fmt.Sprintf("select pg_catalog.pg_cancel_backend(%d)", w.worker), nil)
			return
		}
	}
}

// first is when to look for the first time: early enough to see who is in the way of a short limit.
func (w *watch) first() time.Duration {
	if w.limit > 0 {
		return min(watchAfter, w.limit/2)
	}
	return watchAfter
}

// look returns how long the worker has waited for the lock that it waits for, and since when as an identity of that
// wait; "" when it waits for none. Waiting for a row is not counted: nobody else queues behind that.
func (w *watch) look(ctx context.Context) (waited time.Duration, began string, err error) {
	kinds := "'relation', 'object', 'extend', 'page'"
	if w.snapshots {
		kinds += ", 'virtualxid', 'transactionid'"
	}
	rows, err := w.warden.rows(ctx, fmt.Sprintf(`
select pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - waitstart), waitstart
from pg_catalog.pg_locks
where pid = %d and not granted and waitstart is not null and locktype in (%s)
limit 1`, w.worker, kinds))
	if err != nil || len(rows) == 0 {
		return 0, "", err
	}
	return seconds(rows[0][0]), rows[0][1], nil
}

func (w *watch) name(ctx context.Context, waited time.Duration) error {
	blockers, err := w.warden.backends(ctx, fmt.Sprintf("select distinct pg_catalog.unnest(pg_catalog.pg_blocking_pids(%d)) as pid", w.worker))
	if err != nil {
		return err
	}
	if len(blockers) > 0 {
		w.blockers = blockers
		w.report(blockers, waited)
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
	case <-timer.C:
		return true
	}
}
