package migrator

import (
	"errors"
	"time"
)

// slowAfter is how long a run waits for an answer that should be quick before it says so; slowEvery is how often it does.
const (
	slowAfter = 3 * time.Second
	slowEvery = 10 * time.Second
)

var errNoAnswer = errors.New("the database has not answered yet: a pooler may have no connection free, or another session may lock the history")

// warnSlow reports that an answer is long in coming, until the function that it returns is called.
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
			<-ended // an observer is told nothing after the run
		}
	}
}
