package migrator

import (
	"slices"
	"sync"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// This file finds out which steps of a flight are committed before the server has answered them all. The server holds its
// answers back until 8 kB are full or the message ends. Quick steps fill them soon, and each answers when it began. While a slow
// step runs, the watch sees which one it is. A notice after each commit would add a third to the cost of a small file.

// A flight is the steps that are sent and not yet acknowledged. Its lock is held while progress is reported, either by the
// reader of the answers or by the watch.
type flight struct {
	sync.Mutex
	starting func(*Move)                          // called when a migration starts
	finished func(*step, time.Duration)           // called when a step is committed
	correct  func(result int, took time.Duration) // sets the time of a result that was reported without it

	sent   []*step   // not acknowledged yet; the first one runs
	sentAt time.Time // when the first of them began, by our clock
	inFile bool      // the steps belong to one no-transaction file, whose time counts as a whole

	steps   []*step // all steps that were sent together
	results int     // how many results the run had before them
	watch   *watch  // nil: there is no watch
	over    bool    // stop was called: the watch reports nothing any more
	clock   serverClock
	view    watchView
}

// A serverClock holds what the answers say about when steps began, by the server's clock.
type serverClock struct {
	count       int       // how many steps have answered when they began
	first, last time.Time // when the first and the last of them began
	sent        time.Time // when they were sent, by our clock
	changed     bool      // the server's clock was set during the flight, so its times are useless
}

// A watchView says how exactly the watch knows when a step began.
type watchView struct {
	at    time.Time     // when the watch last saw which step runs
	doubt time.Duration // how far off flight.sentAt may be
}

// start begins the flight of the steps in f.sent. The run has so many results before it.
func (f *flight) start(w *watch, results int) {
	f.Lock()
	defer f.Unlock()
	now := time.Now()
	f.steps, f.watch, f.over, f.results = f.sent, w, false, results
	f.clock, f.view = serverClock{sent: now}, watchView{at: now}
}

// stop waits until nobody reports progress. After that the watch reports nothing.
func (f *flight) stop() {
	f.Lock()
	defer f.Unlock()
	f.over = true
}

// readClocks reads the answers that say when a step has begun. The steps before it are committed then. clocks are the numbers of
// these results.
func (f *flight) readClocks(clocks []int) pgsession.Reader {
	return func(result int, row [][]byte) error {
		if len(clocks) == 0 || clocks[0] != result {
			return nil
		}
		clocks = clocks[1:]
		began, err := time.Parse(history.TimestampLayout, string(row[0]))
		if err != nil {
			return err
		}
		f.noteClock(began)
		return nil
	}
}

func (f *flight) noteClock(began time.Time) {
	f.Lock()
	defer f.Unlock()
	c := &f.clock
	if c.count++; c.count == 1 {
		c.first, c.last = began, began
	}
	took := began.Sub(c.last)
	if took < 0 || took > time.Since(c.sent) {
		took, c.changed = 0, true
	}
	c.last = began
	switch {
	case c.count > f.acknowledged()+1:
		f.acknowledge(took, f.sentAt.Add(took))
	case c.count > 1: // the watch has acknowledged it first, without its exact time
		f.correctElapsed(c.count-2, took)
	}
	if c.count == f.acknowledged()+1 {
		f.sentAt, f.view.doubt = c.sent.Add(max(0, min(began.Sub(c.first), time.Since(c.sent)))), 0
	}
}

// elapsed is how long the step took that ends now; 0 if that is not known.
func (f *flight) elapsed() time.Duration {
	if f.clock.changed || f.view.doubt > maxDoubt {
		return 0
	}
	return time.Since(f.sentAt)
}

// maxDoubt is the largest error that a reported time may have.
const maxDoubt = 250 * time.Millisecond

// estimate is how long a step took that the watch sees to be done. It is 0 if the error may exceed maxDoubt or a fifth of the
// time.
func (v *watchView) estimate(began, now time.Time) time.Duration {
	took, doubt := now.Sub(began), v.doubt+now.Sub(v.at)
	if doubt > maxDoubt || took < 5*doubt {
		return 0
	}
	return took.Round(100 * time.Millisecond)
}

// correctElapsed sets the time of a step that was reported before its time was known.
func (f *flight) correctElapsed(index int, took time.Duration) {
	if took > 0 && f.steps[index].move != nil {
		f.correct(f.results+results(f.steps[:index]), took)
	}
}

// results counts the results that the steps produce.
func results(steps []*step) (count int) {
	for _, s := range steps {
		count += s.results()
	}
	return count
}

// sawRunning is called by the watch when it sees the step at index run. All steps before it are committed. runs does not wait for the
// observer. It returns true if the observer already knows that this step runs. If several steps have ended since the last look,
// their times are not known.
func (f *flight) sawRunning(index int) (known bool) {
	if !f.TryLock() {
		return false
	}
	n, now := index-f.acknowledged(), time.Now()
	if f.over || n <= 0 {
		f.view.at = now
		f.Unlock()
		return true
	}
	took := f.view.estimate(f.sentAt, now)
	if n > 1 {
		took = 0
	}
	f.view = watchView{at: now, doubt: now.Sub(f.view.at)}
	go func() {
		defer f.Unlock()
		for ; n > 0; n-- {
			f.acknowledge(took, now)
		}
	}()
	return false
}

// acknowledge notes that the first step in flight is committed and the next one runs. The watch learns that before the observer,
// because the server does not wait for the observer.
func (f *flight) acknowledge(took time.Duration, ended time.Time) {
	s := f.sent[0]
	f.sent = f.sent[1:]
	if f.watch != nil && len(f.sent) > 0 {
		f.watch.moveTo(f.acknowledged())
	}
	f.finished(s, took)
	if len(f.sent) > 0 {
		f.begin(ended)
	}
}

// acknowledged is how many steps of the flight are known to be committed.
func (f *flight) acknowledged() int { return len(f.steps) - len(f.sent) }

// begin notes that the first step in flight has begun at this time.
func (f *flight) begin(at time.Time) {
	if s := f.sent[0]; s.move != nil && !s.Part {
		f.starting(s.move)
	}
	if !f.inFile {
		f.sentAt = at
	}
}

// unsettled returns the first step in flight that matters to the caller. Its outcome is not known. It returns nil if there is
// none.
func (f *flight) unsettled() *step {
	if i := slices.IndexFunc(f.sent, (*step).reported); i >= 0 {
		return f.sent[i]
	}
	return nil
}
