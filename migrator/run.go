package migrator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// Result is a migration that a run has applied or reverted, or a row of the history that it has written without running
// anything. It is committed.
type Result struct {
	Version   Version       `json:"version"`
	Direction Direction     `json:"direction,omitempty"` // "" where nothing ran
	Elapsed   time.Duration `json:"elapsed_ns"`          // 0 where it is not known: the connection was lost meanwhile
	Change    *Change       `json:"change,omitempty"`    // where nothing ran
}

// A run is one call of Migrator.Run. It walks the script of a plan; whenever it cannot be sure where it stands, it reads
// the history and plans again.
type run struct {
	m        *Migrator
	target   Target
	id       string
	worker   *pgsession.Session
	prepared script.Session     // in the worker's session
	locked   bool               // the worker's session holds the run lock, as far as is known: each message sees to it
	watcher  *pgsession.Session // from which the worker is watched; nil: it was not needed yet
	guards   bool               // the watcher holds a lock that shows that this run is there
	lends    bool               // the pooler was seen to lend a session for a whole transaction
	reviews  *reviewer
	began    time.Time
	emitMu   sync.Mutex

	server     history.Server
	table      history.Table
	exists     bool // the history table
	fast       *fastPlan
	fixed      []Move  // a relative target, resolved once; what is left of it
	total      int     // moves of the whole run, as last planned
	sent       []*step // what became of them is not known; the first one runs
	sentAt     time.Time
	flight     flight
	begun      Version  // the migration that was last reported to start, until it is finished
	within     bool     // a no-transaction file
	lostIn     *failure // where the connection was last lost
	results    []Result
	warned     map[string]bool
	planned    int // moves, as first announced; -1: not yet
	waiting    waiting
	reconnects reconnects
	conflicts  int // with other runners, since this run or another one made progress
	left       int // moves of the last plan
}

func newRun(m *Migrator, target Target) *run {
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	return &run{
		m: m, target: target, id: hex.EncodeToString(id), reviews: &reviewer{}, began: time.Now(), planned: -1,
		warned: map[string]bool{}, reconnects: reconnects{limit: m.options.ReconnectFor},
	}
}

// all tries until there is nothing left to do or an error is final.
func (r *run) all(ctx context.Context) error {
	for {
		err := r.attempt(ctx)
		if err == nil {
			r.done()
			return nil
		}
		if err := r.retry(ctx, err); err != nil {
			return r.addUnsettled(err)
		}
	}
}

// addUnsettled adds to an error that has ended the run that it is not known what became of the move that was under way.
func (r *run) addUnsettled(err error) error {
	var told *MigrationError
	s := unsettledOf(r.sent)
	if s == nil || errors.As(err, &told) {
		return err
	}
	return r.stepError(&failure{err: errors.Join(err, ErrUnsettled), step: s, offset: -1}, unsettled)
}

// unsettledOf returns the first of the steps of which it matters what became of them; nil for none.
func unsettledOf(sent []*step) *step {
	if i := slices.IndexFunc(sent, (*step).reported); i >= 0 {
		return sent[i]
	}
	return nil
}

// done reports the end. Another run may have done what was planned.
func (r *run) done() {
	switch {
	case len(r.results) > 0:
		r.emit(Event{Kind: EventDone, Direction: r.target.direction(), Total: len(r.results), Elapsed: time.Since(r.began), Message: r.target.summary(r.results)})
	case r.planned > 0:
		r.emit(Event{Kind: EventPlanned, Direction: r.target.direction(), Message: r.target.nothing()})
	}
}

// attempt does what is left, from wherever the history says that the run stands.
func (r *run) attempt(ctx context.Context) error {
	for {
		switch seen, err := r.fastPath(ctx); {
		case err != nil || seen == nothingPending:
			return err
		case seen == somethingPending:
			if err := r.lock(ctx); err != nil {
				return err
			}
			continue
		}
		h, err := r.readHistory(ctx)
		if err != nil {
			return err
		}
		if err := r.survey(ctx, h); err != nil {
			return err
		}
		plan, err := r.plan(h)
		if err != nil {
			return err
		}
		if len(plan.Moves)+len(plan.Changes) != r.left { // a conflict that was lost to a runner who got something done is no reason to give up
			r.left, r.conflicts = len(plan.Moves)+len(plan.Changes), 0
		}
		r.announce(plan)
		if plan.Empty() {
			return nil
		}
		if err := r.preflight(ctx); err != nil {
			return err
		}
		if r.pooled() && r.locked {
			return &stop{class: lost, err: errors.New("the connection leads to another process of the server than before")}
		}
		if r.pooled() || r.locked {
			return r.sendPlan(ctx, plan)
		}
		if err := r.lock(ctx); err != nil {
			return err
		}
	}
}

// retry decides what to do about an error of an attempt: nil is to go on. What a lost connection, another runner or a
// busy lock has left undone is found out by reading the history.
func (r *run) retry(ctx context.Context, err error) error {
	var stopped *stop
	if !errors.As(err, &stopped) {
		var told *MigrationError // the connection may have been another one, of the file's own
		if ctx.Err() != nil || errors.As(err, &told) || !isTemporaryRefusal(err) {
			return err
		}
		stopped = &stop{class: lost, err: err}
	}
	switch stopped.class {
	case lost:
		r.disconnect()
		pause, ok := r.reconnects.next()
		if !ok {
			return r.giveUp(ctx, stopped.err)
		}
		r.emit(Event{Kind: EventReconnecting, Err: stopped.err, Pause: pause})
		if sleep(ctx, pause) != nil {
			return fmt.Errorf("%w, while the database was waited for, after: %s", cause.Of(ctx), stopped.err.Error()) // which is no reason any more
		}
		return nil
	case taken:
		if r.conflicts++; r.conflicts <= maxReconnects {
			return nil
		}
		if stopped.failed != nil { // it is not another run that is in the way
			settled := r.settle(ctx, stopped.failed, final)
			if errors.As(settled, &stopped) {
				return nil
			}
			return settled
		}
	case locked:
		if err := r.wait(ctx); err != nil {
			return r.retry(ctx, err)
		}
		return nil
	case busy, cancelled, final:
	}
	return stopped.err
}

// giveUp ends a run that has lost its connection for too long, or too often.
func (r *run) giveUp(ctx context.Context, err error) error {
	sent := r.sent
	if unsettledOf(sent) == nil {
		return fmt.Errorf("%s: %w", r.reconnects.describe(), err)
	}
	failed := &failure{err: err, offset: -1}
	if r.lostIn != nil {
		failed = r.lostIn
	}
	often := "; the connection was lost " + times(r.reconnects.count)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*pgsession.CancelGrace)
	defer cancel()
	h, unread := r.readHistory(ctx)
	if unread == nil && slices.ContainsFunc(sent, func(s *step) bool { return s.reported() && s.done(h) }) {
		return nil // it is done after all, or the first of several are: the run gets on
	}
	failed.step = unsettledOf(sent)
	if unread != nil {
		failed.err = errors.Join(failed.err, ErrUnsettled)
		return r.stepError(failed, unsettled+often)
	}
	return r.stepError(failed, r.standing(failed, h)+often)
}

func (r *run) emit(e Event) {
	r.emitMu.Lock() // the watch reports from a goroutine of its own
	defer r.emitMu.Unlock()
	r.m.options.Observe(e)
}

// emitUnlessBusy leaves an event out where another one is being told: what the watch does must not wait for an observer.
func (r *run) emitUnlessBusy(e Event) (told bool) {
	if !r.emitMu.TryLock() {
		return false
	}
	defer r.emitMu.Unlock()
	r.m.options.Observe(e)
	return true
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

func (r *run) disconnect() {
	if r.worker != nil {
		r.worker.Close()
		r.worker = nil
	}
	r.dropWatcher()
	r.locked = false
}

func (r *run) dropWatcher() {
	if r.watcher != nil {
		r.watcher.Close()
		r.watcher = nil
	}
}

func (r *run) close() {
	if r.locked && !r.worker.Lost() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = r.worker.Send(ctx, "select pg_catalog.pg_advisory_unlock_all()", nil) // closing the connection does it too, only a little later
	}
	r.disconnect()
}
