package migrator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

// maxReconnects bounds how often one file may lose its connection: a file that crashes the server each time must not do so
// for ever.
const maxReconnects = 10

// patience is how much trouble a run accepts between one migration and the next.
type patience struct {
	reconnects reconnects
	lostIn     *failure // where the connection was last lost
	conflicts  int      // with other runs
	left       int      // moves and changes of the last plan
}

// advanced starts the count again: this run has got something done.
func (p *patience) advanced() {
	p.lostIn = nil
	p.reconnects.progress()
	p.conflicts = 0
}

// noteLeft starts the count of conflicts again where another run has got something done.
func (p *patience) noteLeft(left int) {
	if left != p.left {
		p.left, p.conflicts = left, 0
	}
}

// conflict counts a conflict with another run, and reports whether to try again.
func (p *patience) conflict() bool {
	p.conflicts++
	return p.conflicts <= maxReconnects
}

// reconnects is the patience with a server that goes away, between one migration and the next.
type reconnects struct {
	limit time.Duration // how long it may be away, in all
	away  time.Duration // how long it was, before the current loss
	since time.Time     // when it was lost; zero while it is there
	count int

	backoff backoff
}

// next returns how long to pause before dialling again, and whether to do so at all.
func (l *reconnects) next() (time.Duration, bool) {
	if l.since.IsZero() {
		l.since = time.Now()
		l.count++
		l.backoff = backoff{50 * time.Millisecond << min(l.count-1, 6), 3 * time.Second} // again and again is not the same as once
	}
	pause := l.backoff.pause()
	return pause, l.count <= maxReconnects && l.total() < l.limit
}

// describe says for how long, or how often, there was no connection.
func (l *reconnects) describe() string {
	switch {
	case l.count > maxReconnects:
		return "the connection to the database was lost " + times(l.count)
	case l.limit <= 0:
		return "no connection to the database"
	}
	return fmt.Sprintf("the database stayed away for %s", l.total().Round(time.Millisecond))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func (l *reconnects) total() time.Duration {
	if l.since.IsZero() {
		return l.away
	}
	return l.away + time.Since(l.since)
}

// connected notes that the server is there.
func (l *reconnects) connected() {
	l.away, l.since = l.total(), time.Time{}
}

// progress begins anew: a migration was committed.
func (l *reconnects) progress() { *l = reconnects{limit: l.limit} }

// tries are those of a step that finds a lock taken, or meets another one in a catalog.
type tries struct {
	of      *step
	began   time.Time
	backoff backoff
	met     int // in a catalog
}

// next is how long to pause before the step that was sent at that time, and has failed so, is tried again; not ok: it was tried
// for long enough.
func (t *tries) next(s *step, err error, sent time.Time, limit time.Duration) (wait time.Duration, ok bool) {
	if t.of != s {
		*t = tries{of: s, began: sent, backoff: backoff{250 * time.Millisecond, 10 * time.Second}}
	}
	if metInCatalog(err) {
		t.met++
	}
	wait = t.backoff.pause()
	return wait, time.Since(t.began)+wait <= limit && t.met < catalogTries
}

// jitter spreads pauses, so that those who wait for the same thing do not come back together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}

// backoff is a pause that doubles with each try.
type backoff struct{ next, most time.Duration }

// pause is how long to pause now.
func (b *backoff) pause() time.Duration {
	pause := jitter(min(b.next, b.most))
	b.next = min(2*b.next, b.most)
	return pause
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return cause.Of(ctx)
	case <-timer.C:
		return nil
	}
}
