package migrator

import (
	"errors"
	"time"
)

// slowAfter is how long a run waits for an answer that should be quick before it reports that. slowEvery is how often it reports
// it again.
const (
	slowAfter = 3 * time.Second
	slowEvery = 10 * time.Second
)

var errNoAnswer = errors.New("the database has not answered yet: a pooler may have no connection free, or another session may lock the history")

// warnSlow reports that an answer takes long, until the returned function is called.
func (r *reporter) warnSlow() (end func()) {
	began := time.Now()
	stop, ended := make(chan struct{}), make(chan struct{})
	timer := time.AfterFunc(slowAfter, func() {
		defer close(ended)
		for {
			r.emit(Event{Kind: EventWaiting, Elapsed: time.Since(began), Err: errNoAnswer})
			select {
			case <-stop:
				return
			case <-time.After(slowEvery):
			}
		}
	})
	return func() {
		if !timer.Stop() {
			close(stop)
			<-ended // the observer must not get an event after the run
		}
	}
}
