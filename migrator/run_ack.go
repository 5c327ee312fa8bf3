package migrator

import (
	"sync"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// How it becomes known which of several steps are committed, before the server has answered all: it holds its answers back
// until 8 kB are full or the message ends. Quick steps fill them soon, and each tells when it began. While a slow one
// runs, the watch sees which it is. A notice after each commit would be the third of what a small file costs.

// A flight is what is known of the steps that are sent, while the server works on them. Its lock is held by whoever tells what
// has become of them: the reader of the answers, or the watch.
type flight struct {
	sync.Mutex
	steps   []*step
	watch   *watch // nil: nobody watches
	over    bool
	sent    time.Time
	results int // of the run, before

	clocks       int       // of how many it is known when they began
	first, began time.Time // by the server's clock: the first and the last of them
	clockSet     bool      // that clock was set meanwhile

	observed time.Time     // when the watch last saw what runs
	doubt    time.Duration // about when that has begun
}

func (r *run) startFlight(w *watch) {
	f := &r.flight
	f.Lock()
	defer f.Unlock()
	f.steps, f.watch, f.over, f.sent, f.results, f.clocks = r.sent, w, false, time.Now(), len(r.results), 0
	f.clockSet, f.observed, f.doubt = false, f.sent, 0
}

// stop waits for what is being told; nothing more is told by the watch.
func (f *flight) stop() {
	f.Lock()
	defer f.Unlock()
	f.over = true
}

// readClocks reads the answers that tell when a step has begun: those before it are committed.
func (r *run) readClocks(clocks []int) pgsession.Reader {
	return func(result int, row [][]byte) error {
		if len(clocks) == 0 || clocks[0] != result {
			return nil
		}
		clocks = clocks[1:]
		began, err := time.Parse(history.TimestampLayout, string(row[0]))
		if err != nil {
			return err
		}
		r.noteClock(began)
		return nil
	}
}

func (r *run) noteClock(began time.Time) {
	f := &r.flight
	f.Lock()
	defer f.Unlock()
	if f.clocks++; f.clocks == 1 {
		f.first, f.began = began, began
	}
	took := began.Sub(f.began)
	if took < 0 || took > time.Since(f.sent) {
		took, f.clockSet = 0, true
	}
	f.began = began
	switch {
	case f.clocks > r.acknowledged()+1:
		r.acknowledge(took, r.sentAt.Add(took))
	case f.clocks > 1: // the watch was quicker, but did not see when
		r.correctElapsed(f.clocks-2, took)
	}
	if f.clocks == r.acknowledged()+1 {
		r.sentAt, f.doubt = f.sent.Add(max(0, min(began.Sub(f.first), time.Since(f.sent)))), 0
	}
}

// elapsed is how long the step that ends now took; 0 where that is not known.
func (r *run) elapsed() time.Duration {
	if r.flight.clockSet || r.flight.doubt > maxDoubt {
		return 0
	}
	return time.Since(r.sentAt)
}

// maxDoubt bounds the doubt about a time that is told.
const maxDoubt = 250 * time.Millisecond

// estimate is how long a step took that the watch sees to be done; 0 where that is not known to within a fifth.
func (f *flight) estimate(began, now time.Time) time.Duration {
	took, doubt := now.Sub(began), f.doubt+now.Sub(f.observed)
	if doubt > maxDoubt || took < 5*doubt {
		return 0
	}
	return took.Round(100 * time.Millisecond)
}

// correctElapsed notes how long a step took that was reported before that was known.
func (r *run) correctElapsed(index int, took time.Duration) {
	at := r.flight.results + results(r.flight.steps[:index])
	if took > 0 && r.flight.steps[index].move != nil {
		r.results[at].Elapsed = took
	}
}

func results(steps []*step) (count int) {
	for _, s := range steps {
		count += s.results()
	}
	return count
}

// results is how many a step that is sent together with others adds to those of the run.
func (s *step) results() int {
	if s.move != nil {
		return len(s.changes) + 1
	}
	return len(s.changes)
}

// runs is told by the watch which step runs. How long each of several before it took is not known yet. It does not wait for
// observers, but says whether they know.
func (r *run) runs(index int) (known bool) {
	f := &r.flight
	if !f.TryLock() {
		return false
	}
	n, now := index-r.acknowledged(), time.Now()
	if f.over || n <= 0 {
		f.observed = now
		f.Unlock()
		return true
	}
	took := f.estimate(r.sentAt, now)
	if n > 1 {
		took = 0
	}
	f.doubt, f.observed = now.Sub(f.observed), now
	go func() {
		defer f.Unlock()
		for ; n > 0; n-- {
			r.acknowledge(took, now)
		}
	}()
	return false
}

// acknowledge notes that the first of the steps that were sent is committed, after so long, and the next one runs. The watch is told
// first: the server does not wait for observers.
func (r *run) acknowledge(took time.Duration, ended time.Time) {
	s := r.sent[0]
	r.sent = r.sent[1:]
	if w := r.flight.watch; w != nil && len(r.sent) > 0 {
		w.moveTo(r.acknowledged())
	}
	r.progress(s, took)
	if len(r.sent) > 0 {
		r.begin(ended)
	}
}

// acknowledged is how many of the steps that were sent are known to be committed.
func (r *run) acknowledged() int { return len(r.flight.steps) - len(r.sent) }

// begin notes since when the first of the steps that were sent runs.
func (r *run) begin(at time.Time) {
	if s := r.sent[0]; s.move != nil && !s.Part {
		r.starting(s.move)
	}
	if !r.within {
		r.sentAt = at
	}
}
