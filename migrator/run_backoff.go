package migrator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

// maxReconnects bounds how often the connection may be lost between two migrations. Otherwise a file that crashes the server
// would do so forever.
const maxReconnects = 10

// patience counts the trouble between one migration and the next. There is a limit for each kind.
type patience struct {
	reconnects reconnects
	lostIn     *failure // the step that ran when the connection was last lost
	conflicts  int      // with other runs
	left       int      // moves and changes in the last plan
}

// advanced resets the counts: this run has committed something.
func (p *patience) advanced() {
	p.lostIn = nil
	p.reconnects.progress()
	p.conflicts = 0
}

// noteLeft resets the count of conflicts if another run has committed something.
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

// reconnects limits how often and how long the server may be away between one migration and the next.
type reconnects struct {
	limit time.Duration // Config.ReconnectFor, for all losses together
	away  time.Duration // how long it was away before the current loss
	since time.Time     // when the current loss began; zero: the server is there
	count int           // losses so far

	backoff backoff
}

// next returns the pause before the next dial, and whether to dial again at all.
func (l *reconnects) next() (time.Duration, bool) {
	if l.since.IsZero() {
		l.since = time.Now()
		l.count++
		l.backoff = backoff{50 * time.Millisecond << min(l.count-1, 6), 3 * time.Second} // repeated losses get longer pauses
	}
	pause := l.backoff.pause()
	return pause, l.count <= maxReconnects && l.total() < l.limit
}

// describe says how long, or how often, there was no connection.
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

// connected ends the current loss: the server has answered.
func (l *reconnects) connected() {
	l.away, l.since = l.total(), time.Time{}
}

// progress resets the counts: a migration was committed.
func (l *reconnects) progress() { *l = reconnects{limit: l.limit} }

// tries counts the retries of a step that got no lock or met another statement in a catalog.
type tries struct {
	of      *step
	began   time.Time // when the first try was sent
	backoff backoff
	met     int // conflicts in a catalog
}

// next returns the pause before the step is tried again, and whether to try again. limit is Config.RetryFor. sent is when the
// failed try was sent.
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

// jitter varies a pause from half to one and a half of its length, so that those who wait for the same thing do not come back
// together.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d)
}

// backoff is a pause that doubles with each try, up to a maximum.
type backoff struct{ next, most time.Duration }

// pause returns the next pause.
func (b *backoff) pause() time.Duration {
	pause := jitter(min(b.next, b.most))
	b.next = min(2*b.next, b.most)
	return pause
}

// sleep pauses. If the context ends first, it returns the context's error and cause.
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
