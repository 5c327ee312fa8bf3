package migrator

import (
	"context"
	"errors"
	"slices"
)

const (
	// maxMessage bounds a message of several files, in bytes: a server that logs statements, or one that fails, logs all of it.
	maxMessage = 64 << 10
	// firstMessage is the same for the first one of a session, in which something is prepared.
	firstMessage = 8 << 10
)

// A batch is what is to be sent together.
type batch struct {
	steps []*step
	size  int
	limit int
}

// fits reports whether a step can travel with those before it. One direction only: of a version that is reverted and applied
// again the history would not tell whether both was done, or nothing.
func (l *batch) fits(s *step) bool {
	if len(l.steps) == 0 {
		return true
	}
	last := l.steps[len(l.steps)-1]
	if last.Leaves() {
		return false
	}
	if s.Framing != nil && s.Move.File.SpeaksOf("application_name") { // by which the watch sees that it runs
		return false
	}
	if last.move != nil && s.move != nil && last.move.Direction != s.move.Direction {
		return false
	}
	return l.size+s.Size() <= l.limit
}

func (l *batch) add(s *step) {
	l.steps = append(l.steps, s)
	l.size += s.Size()
}

// sendsAlone reports whether each step is sent alone. Behind a pooler others wait for the server's session meanwhile, and get it
// between the messages.
func (r *run) sendsAlone() bool { return r.oneByOne() || r.pooled() }

// sendPlan sends the steps of a plan, as many together as can be.
func (r *run) sendPlan(ctx context.Context, plan *Plan) error {
	r.total = len(r.results) + len(plan.Moves)
	r.results = slices.Grow(r.results, len(plan.Moves))
	ready := batch{limit: maxMessage}
	if !r.prepared.Began {
		ready.limit, r.prepared.Began = firstMessage, true
	}
	var begun *Move // without a transaction
	for s := range plan.steps {
		if s.move != nil && s.move == begun {
			continue
		}
		if s.Part || !ready.fits(s) || r.sendsAlone() {
			if err := r.flush(ctx, &ready); err != nil {
				return err
			}
		}
		if s.Part {
			begun = s.move
			r.starting(s.move)
			if err := r.withoutTransaction(ctx, s); err != nil {
				return err
			}
		} else {
			ready.add(s)
		}
		if !r.server.Citus && s.move != nil && r.reviews.files[s.move.script().Path].MakesCitus() {
			if err := r.flush(ctx, &ready); err != nil {
				return err
			}
			return &stop{class: taken, err: errors.New("the server has Citus now, and is to be looked at again")}
		}
	}
	return r.flush(ctx, &ready)
}

// flush sends what is ready.
func (r *run) flush(ctx context.Context, ready *batch) error {
	steps := ready.steps
	if *ready = (batch{limit: maxMessage}); len(steps) == 0 {
		return nil
	}
	return r.steps(ctx, steps)
}
