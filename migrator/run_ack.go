package migrator

import (
	"slices"
	"sync"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// How it becomes known which of several steps are committed, before the server has answered all: it holds its answers back
// until 8 kB are full or the message ends. Quick steps fill them soon, and each tells when it began. While a slow one
// runs, the watch sees which it is. A notice after each commit would be the third of what a small file costs.

// A flight is the steps that are sent and not known to be committed, and how it becomes known. Its lock is held while somebody
// reports progress: the reader of the answers, or the watch.
type flight struct {
	sync.Mutex
	starting func(*Move)                // is called when a migration starts
	finished func(*step, time.Duration) // is called when a step is committed
	correct  func(result int, took time.Duration)

	sent   []*step   // the first one runs
	sentAt time.Time // when it began
	inFile bool      // they are of one no-transaction file, whose time counts as a whole

	steps   []*step // all that were sent together
	results int     // of the run, before them
	watch   *watch  // nil: nobody watches
	over    bool
	clock   serverClock
	view    watchView
}

// A serverClock is what the answers say about when steps began, by the server's clock.
type serverClock struct {
	count       int       // of how many steps it is known
	first, last time.Time // when the first and the last of them began
	sent        time.Time // when they were sent, by our clock
	changed     bool      // the server's clock was set meanwhile
}

// A watchView says how exactly the watch knows when a step began.
type watchView struct {
	at    time.Time     // when the watch last saw what runs
	doubt time.Duration // about when that has begun
}

// start begins a flight of the steps that are sent.
func (f *flight) start(w *watch, results int) {
	f.Lock()
	defer f.Unlock()
	now := time.Now()
	f.steps, f.watch, f.over, f.results = f.sent, w, false, results
	f.clock, f.view = serverClock{sent: now}, watchView{at: now}
}

// stop waits until nobody reports progress any more; the watch reports nothing after it.
func (f *flight) stop() {
	f.Lock()
	defer f.Unlock()
	f.over = true
}

// readClocks reads the answers that say when a step has begun: the steps before it are committed.
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
	case c.count > 1: // the watch was quicker, but did not see when
		f.correctElapsed(c.count-2, took)
	}
	if c.count == f.acknowledged()+1 {
		f.sentAt, f.view.doubt = c.sent.Add(max(0, min(began.Sub(c.first), time.Since(c.sent)))), 0
	}
}

// elapsed is how long the step took that ends now; 0 where it is not known.
func (f *flight) elapsed() time.Duration {
	if f.clock.changed || f.view.doubt > maxDoubt {
		return 0
	}
	return time.Since(f.sentAt)
}

// maxDoubt bounds the doubt about a time that is reported.
const maxDoubt = 250 * time.Millisecond

// estimate is how long a step took that the watch sees to be done; 0 where that is not known to within a fifth.
func (v *watchView) estimate(began, now time.Time) time.Duration {
	took, doubt := now.Sub(began), v.doubt+now.Sub(v.at)
	if doubt > maxDoubt || took < 5*doubt {
		return 0
	}
	return took.Round(100 * time.Millisecond)
}

// correctElapsed corrects how long a step took that was reported before that was known.
func (f *flight) correctElapsed(index int, took time.Duration) {
	if took > 0 && f.steps[index].move != nil {
		f.correct(f.results+results(f.steps[:index]), took)
	}
}

func results(steps []*step) (count int) {
	for _, s := range steps {
		count += s.results()
	}
	return count
}

// runs is how the watch says which step runs. It does not know how long each of several steps before it took. It does not wait
// for observers, but says whether they know.
func (f *flight) runs(index int) (known bool) {
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

// acknowledge notes that the first of the steps that were sent is committed, and the next one runs. The watch learns it before
// observers do: the server does not wait for these.
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

// acknowledged is how many of the steps are known to be committed.
func (f *flight) acknowledged() int { return len(f.steps) - len(f.sent) }

// begin notes since when the first of the steps that were sent runs.
func (f *flight) begin(at time.Time) {
	if s := f.sent[0]; s.move != nil && !s.Part {
		f.starting(s.move)
	}
	if !f.inFile {
		f.sentAt = at
	}
}

// unsettled returns the first of the steps whose outcome matters to the caller and is not known; nil for none.
func (f *flight) unsettled() *step {
	if i := slices.IndexFunc(f.sent, (*step).reported); i >= 0 {
		return f.sent[i]
	}
	return nil
}
