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

// watchRole is what the application_name of the connection that looks at the worker ends in.
const watchRole = "watch"

// A watch looks, on a connection of its own, at what the worker waits for while files run. PostgreSQL's lock_timeout
// bounds each wait alone; whoever queues behind the first lock that a file has got waits for the sum, whatever it is that the
// file waits for next. Most files are done
// before anybody looks, and cost no second connection.
type watch struct {
	session *pgsession.Session // nil: it is not dialled yet, or was lost
	worker  uint32
	report  func(Event) (told bool)
	dial    func(context.Context) (*pgsession.Session, error)
	arrive  func(index int) (known bool) // is told which subject runs; whether observers know

	subjects subjects
	at       atomic.Int32 // the one that runs, as far as is known
	hurry    chan struct{}
	done     chan struct{}
	stopped  chan struct{}
	exceeded bool
	of       subject
	blockers []Backend // those of it last seen
}

// seen is what the watch saw while something was sent.
type seen struct {
	exceeded bool
	blockers []Backend // of the file that ran last
}

// start begins to watch; stop ends it and must be called before the session or the fields are used again.
func (w *watch) start(ctx context.Context) {
	w.of.index = -1
	w.hurry, w.done, w.stopped = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(w.stopped)
		w.loop(ctx)
	}()
}

// turn tells which subject runs. It is not waited for to be noticed, but where the limit is short.
func (w *watch) turn(index int) {
	w.advance(index)
	if w.subjects.at(index).first() < watchAfter {
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

func (w *watch) running() subject { return w.subjects.at(int(w.at.Load())) }

func (w *watch) stop() seen {
	close(w.done)
	<-w.stopped
	s := seen{exceeded: w.exceeded}
	if w.of == w.running() {
		s.blockers = w.blockers
	}
	return s
}

func (w *watch) loop(ctx context.Context) {
	var seen waits
	pause, again := w.running().first(), watchEvery
	for {
		at := w.at.Load()
		if !w.sleep(ctx, pause) {
			return
		}
		if w.at.Load() != at {
			pause = w.running().first()
			continue
		}
		pause = watchEvery
		if w.session == nil {
			w.session = w.connect(ctx)
		}
		if w.session == nil || w.check(ctx, &seen) != nil {
			w.hangUp()
			pause, again = again, min(2*again, 30*time.Second) // the role may have no second connection, and the server logs each try
			continue
		}
		again = watchEvery
	}
}

func (w *watch) hangUp() {
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
func (w *watch) check(ctx context.Context, seen *waits) error {
	before := w.running()
	now, err := w.look(ctx)
	if err != nil {
		return err
	}
	known := w.find(now)
	s := w.running()
	if s != w.of {
		w.of, w.blockers, *seen = s, nil, waits{}
	}
	if w.subjects.steps[s.index].move == nil || (s.index != before.index && w.subjects.named(now.application, s.index) != s.index) { // it was one before it that was seen
		return nil
	}
	seen.note(now)
	if now.waiting == "" {
		return nil
	}
	over := s.limit > 0 && seen.sum() >= s.limit
	if known && (seen.due(s, now) || over && now.waiting != seen.reported) {
		told, err := w.name(ctx, s, seen.elapsed(now))
		if err != nil {
			return err
		}
		if told {
			seen.reported, seen.reportedAt = now.waiting, time.Now()
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
func (w *watch) find(now view) (known bool) {
	index := w.subjects.named(now.application, int(w.at.Load()))
	if index < 0 {
		return true
	}
	w.advance(index)
	return w.arrive(index)
}

// first is when to look for the first time: most files are done by then, and it is early enough to see who is in the way of
// a short limit.
func (s subject) first() time.Duration {
	if s.limit > 0 {
		return min(watchAfter, s.limit/2)
	}
	return watchAfter
}

// name says who is in the way. Where nobody is to be seen, it is said that the file waits once it has done so for a while: the
// holder may just have left.
func (w *watch) name(ctx context.Context, s subject, waited time.Duration) (told bool, err error) {
	blockers, err := findBlockers(ctx, w.session, w.worker)
	if err != nil || (len(blockers) == 0 && waited < nameEvery) {
		return false, err
	}
	if len(blockers) > 0 {
		w.blockers = blockers
	}
	e := w.subjects.blocked(s.index)
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
