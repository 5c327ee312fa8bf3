package migrator

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

const (
	watchAfter = 100 * time.Millisecond // until the first look
	watchEvery = 50 * time.Millisecond  // between two looks
	nameEvery  = time.Second            // between two reports of one wait
)

// A watch looks, on the watcher, at what the worker waits for while files run. PostgreSQL's lock_timeout bounds each wait alone.
// But sessions that queue behind the first lock of a file wait for the sum of all its waits. Most files are done before the
// first look, and cost no second connection.
type watch struct {
	session    *pgsession.Session // the watcher; nil: not dialled yet, or lost
	worker     uint32             // pid of the worker
	report     func(Event) (told bool)
	dial       func(context.Context) (*pgsession.Session, error)
	sawRunning func(index int) (known bool) // called with the step that runs; known: the observer knows that

	steps    watchedSteps
	at       atomic.Int32  // the index of the step that runs, as far as is known
	hurry    chan struct{} // ends a pause early
	done     chan struct{} // closed to stop the watch
	stopped  chan struct{} // closed when the watch has stopped
	exceeded bool          // the watch has canceled the statement at the limit
	current  watchedStep   // the step that was last seen running
	blockers []Backend     // who was last seen to block that step
}

// watchResult is what the watch saw during a flight.
type watchResult struct {
	exceeded bool      // the watch has canceled the statement at the limit
	blockers []Backend // of the step that ran last
}

// start begins to watch. Nobody may use the session or the fields again before stop returns.
func (w *watch) start(ctx context.Context) {
	w.current.index = -1
	w.hurry, w.done, w.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.loop(ctx)
	}()
}

// moveTo tells the watch which step runs. The watch notices at its next look, or at once if the step's limit is short.
func (w *watch) moveTo(index int) {
	w.advance(index)
	if w.steps.at(index).firstLook() < watchAfter {
		select {
		case w.hurry <- struct{}{}:
		default:
		}
	}
}

// advance sets the step that runs. It never goes back, because the reader of the answers and the watch may see the same step at
// different times.
func (w *watch) advance(index int) {
	for at := w.at.Load(); int(at) < index; at = w.at.Load() {
		w.at.CompareAndSwap(at, int32(index))
	}
}

func (w *watch) running() watchedStep { return w.steps.at(int(w.at.Load())) }

// stop ends the watch, waits for it, and returns what it saw.
func (w *watch) stop() watchResult {
	close(w.done)
	<-w.stopped
	s := watchResult{exceeded: w.exceeded}
	if w.current == w.running() {
		s.blockers = w.blockers
	}
	return s
}

func (w *watch) loop(ctx context.Context) {
	var seen lockWaits
	pause, again := w.running().firstLook(), watchEvery
	for {
		at := w.at.Load()
		if !w.sleep(ctx, pause) {
			return
		}
		if w.at.Load() != at {
			pause = w.running().firstLook()
			continue
		}
		pause = watchEvery
		if w.session == nil {
			w.session = w.connect(ctx)
		}
		if w.session == nil || w.check(ctx, &seen) != nil {
			w.disconnect()
			pause, again = again, min(2*again, 30*time.Second) // the role may allow no second connection, and the server logs each try
			continue
		}
		again = watchEvery
	}
}

func (w *watch) disconnect() {
	if w.session != nil {
		w.session.Close()
		w.session = nil
	}
}

// connect dials the watcher unless the watch ends first. It returns nil if it fails.
func (w *watch) connect(ctx context.Context) *pgsession.Session {
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

// check looks once. It reports blockers, and cancels the statement at the limit.
func (w *watch) check(ctx context.Context, seen *lockWaits) error {
	before := w.running()
	now, err := w.look(ctx)
	if err != nil {
		return err
	}
	known := w.find(now)
	s := w.running()
	if s != w.current {
		w.current, w.blockers, *seen = s, nil, lockWaits{}
	}
	if w.steps.steps[s.index].move == nil || (s.index != before.index && w.steps.named(now.application, s.index) != s.index) { // it may have seen an earlier step
		return nil
	}
	seen.note(now)
	if now.wait == "" {
		return nil
	}
	over := s.limit > 0 && seen.sum() >= s.limit
	if known && (seen.due(s, now) || over && now.wait != seen.reported) {
		told, err := w.reportBlockers(ctx, s, seen.elapsed(now))
		if err != nil {
			return err
		}
		if told {
			seen.reported, seen.reportedAt = now.wait, time.Now()
		}
	}
	if over && w.running() == s {
		w.exceeded = true
		_, err = w.session.Send(ctx, fmt.Sprintf("select pg_catalog.pg_cancel_backend(%d)", w.worker), nil)
	}
	return err
}

// find finds out which step runs, and reports whether the observer knows that. If two steps have the same name, it takes the
// first.
func (w *watch) find(now observation) (known bool) {
	index := w.steps.named(now.application, int(w.at.Load()))
	if index < 0 {
		return true
	}
	w.advance(index)
	return w.sawRunning(index)
}

// firstLook is the time before the first look. Most files are done by then. Half of a short limit leaves time to see who is in
// the way.
func (s watchedStep) firstLook() time.Duration {
	if s.limit > 0 {
		return min(watchAfter, s.limit/2)
	}
	return watchAfter
}

// reportBlockers reports who is in the way. If nobody is seen, it reports the wait only after nameEvery, because the holder may
// just have left.
func (w *watch) reportBlockers(ctx context.Context, s watchedStep, waited time.Duration) (told bool, err error) {
	blockers, err := findBlockers(ctx, w.session, w.worker)
	if err != nil || (len(blockers) == 0 && waited < nameEvery) {
		return false, err
	}
	if len(blockers) > 0 {
		w.blockers = blockers
	}
	e := w.steps.blocked(s.index)
	e.Backends, e.Elapsed = blockers, waited
	return w.report(e), nil
}

// sleep pauses, and reports whether the watch continues.
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
