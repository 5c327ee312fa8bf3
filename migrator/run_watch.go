package migrator

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

const (
	watchAfter = 100 * time.Millisecond
	watchEvery = 50 * time.Millisecond
	nameEvery  = time.Second // how often the blockers are reported
)

// A watch looks, on a connection of its own, at what the worker waits for while files run. PostgreSQL's lock_timeout
// bounds each wait alone; whoever queues behind the first lock that a file has got waits for the sum, whatever it is that the
// file waits for next. Most files are done
// before anybody looks, and cost no second connection.
type watch struct {
	session *pgsession.Session // nil: it is not dialled yet, or was lost
	worker  uint32
	report  func(Event) (told bool)
	dial    func(context.Context) (*pgsession.Session, error)
	runs    func(index int) (known bool) // is told which subject runs; whether observers know

	steps    watchedSteps
	at       atomic.Int32 // the one that runs, as far as is known
	hurry    chan struct{}
	done     chan struct{}
	stopped  chan struct{}
	exceeded bool
	current  watchedStep
	blockers []Backend // those of it last seen
}

// watchResult is what the watch saw while something was sent.
type watchResult struct {
	exceeded bool
	blockers []Backend // of the file that ran last
}

// start begins to watch; stop ends it and must be called before the session or the fields are used again.
func (w *watch) start(ctx context.Context) {
	w.current.index = -1
	w.hurry, w.done, w.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.loop(ctx)
	}()
}

// moveTo tells which subject runs. It is not waited for to be noticed, but where the limit is short.
func (w *watch) moveTo(index int) {
	w.advance(index)
	if w.steps.at(index).firstLook() < watchAfter {
		select {
		case w.hurry <- struct{}{}:
		default:
		}
	}
}

// advance never goes back: who reads the answers and who looks may see the same at different times.
func (w *watch) advance(index int) {
	for at := w.at.Load(); int(at) < index; at = w.at.Load() {
		w.at.CompareAndSwap(at, int32(index))
	}
}

func (w *watch) running() watchedStep { return w.steps.at(int(w.at.Load())) }

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
			pause, again = again, min(2*again, 30*time.Second) // the role may have no second connection, and the server logs each try
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

// connect dials, for as long as there is something to watch; nil: in vain.
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

// check looks once, and does what is to be done about it.
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
	if w.steps.steps[s.index].move == nil || (s.index != before.index && w.steps.named(now.application, s.index) != s.index) { // it was one before it that was seen
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

// find finds out which of several subjects runs, and whether that is known to observers. Where two of them go by one name it
// is the first.
func (w *watch) find(now observation) (known bool) {
	index := w.steps.named(now.application, int(w.at.Load()))
	if index < 0 {
		return true
	}
	w.advance(index)
	return w.runs(index)
}

// firstLook is when to look for the first time: most files are done by then, and it is early enough to see who is in the way of
// a short limit.
func (s watchedStep) firstLook() time.Duration {
	if s.limit > 0 {
		return min(watchAfter, s.limit/2)
	}
	return watchAfter
}

// reportBlockers says who is in the way. Where nobody is to be seen, it is said that the file waits once it has done so for a while: the
// holder may just have left.
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
	w.report(e)
	return true, nil
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
