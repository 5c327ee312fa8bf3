package migrator

import (
	"fmt"
	"time"
)

// maxReconnects bounds how often one file may lose its connection: a file that crashes the server each time shall not do so
// for ever.
const maxReconnects = 10

// reconnects is the patience with a server that goes away, between one migration and the next.
type reconnects struct {
	limit time.Duration // how long it may be away, in all
	away  time.Duration // how long it was, before the current loss
	since time.Time     // when it was lost; zero while it is there
	count int
	pause time.Duration
}

// next returns how long to pause before dialling again, and whether to do so at all.
func (l *reconnects) next() (time.Duration, bool) {
	if l.since.IsZero() {
		l.since = time.Now()
		l.count++
		l.pause = 25 * time.Millisecond << min(l.count-1, 6) // again and again is not the same as once
	}
	l.pause = min(2*l.pause, 3*time.Second)
	pause := jitter(l.pause)
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
