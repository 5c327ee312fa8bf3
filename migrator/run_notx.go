package migrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// withoutTransaction runs a no-transaction file, from wherever it stands. Its first step sees that the session has the run
// lock; what is left to do is read after that, since what is left of another run may have gone on until then.
func (r *run) withoutTransaction(ctx context.Context, lock *step) error {
	move := lock.move
	file, err := r.reviews.review(move.script())
	if err != nil {
		return err
	}
	r.within = true
	defer r.leaveFile(ctx)
	if err := r.step(ctx, lock); err != nil {
		return err
	}
	for {
		h, err := r.readHistory(ctx)
		if err != nil {
			return err
		}
		if move.done(h) {
			return &stop{class: taken, err: errors.New("another run has done it")}
		}
		p := h.ProgressOf(string(move.Migration.Version))
		if p != nil {
			if err := validateProgress(p, move, file); err != nil {
				return err
			}
		}
		if err := r.m.refusePublished(h, []Move{*move}, []*sqlfile.File{file}); err != nil { // a file before it may have made the publication
			return err
		}
		s := r.scripter(h)
		if p == nil || p.Started == "" {
			return r.units(ctx, s, move, file, p)
		}
		if err := r.resume(ctx, s, move, file, p); err != nil {
			return err
		}
	}
}

// leaveFile frees what the file has left in the session.
func (r *run) leaveFile(ctx context.Context) {
	r.within = false
	if r.guards {
		r.guards = false
		r.dropWatcher() // the guard goes with the session
	}
	if r.worker == nil || r.worker.Lost() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	if r.abort(ctx) != nil {
		r.worker.Close() // it goes with the session
	}
}

// units runs the statements that are left.
func (r *run) units(ctx context.Context, s script.Writer, move *Move, file *sqlfile.File, p *history.Progress) error {
	for left := r.partSteps(s, move, file, p)[1:]; len(left) > 0; left = left[1:] { // the session has the lock
		if u := left[0].Runs; u != nil && u.NonTx == nil && len(u.Calls) > 0 {
			ends, err := r.callsEnd(ctx, file, u)
			if err != nil {
				return err
			}
			if ends {
				u.NonTx = sqlfile.ReadNonTx(u.Span.Text(file.Text))
				left = r.partSteps(s, move, file, &history.Progress{Done: left[0].Number - 1})[1:]
			}
		}
		run := r.step
		if left[0].Alone {
			run = func(ctx context.Context, st *step) error { return r.outside(ctx, s, st, file) }
		}
		if err := run(ctx, left[0]); err != nil {
			return err
		}
	}
	return nil
}

// outside runs a statement outside a transaction until it is done, or until its failure is none that trying again would
// mend. After an error nothing is left of it.
func (r *run) outside(ctx context.Context, s script.Writer, st *step, file *sqlfile.File) error {
	u := st.Runs
	if u.NonTx.IfNotExists { // what an earlier attempt has left invalid would be taken for the index
		if done, err := r.recoverStatement(ctx, s, st.move, file, u); done || err != nil {
			return err
		}
	}
	began, met := time.Now(), 0
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		arrived := time.Now()
		st, err := r.prepareNonTx(ctx, s, st, file)
		if err != nil {
			return err
		}
		began = began.Add(time.Since(arrived))
		failed, seen := r.send(ctx, []*step{st})
		if failed == nil {
			return nil
		}
		result := classify(ctx, failed.operation.Kind, failed.err, seen.exceeded, r.server)
		if result == lost {
			r.lostIn = failed
			return &stop{class: lost, err: failed.err}
		}
		failed.blockers = seen.blockers
		if u.NonTx.Routine {
			failed.partly = r.endedTransactions(ctx, failed.offset >= u.Span.Start)
		}
		if result == cancelled || failed.partly || (u.NonTx.Kind == sqlfile.Opaque && failed.after) {
			if u.NonTx.Kind == sqlfile.Opaque {
				r.recordOutcome(ctx, s, file, failed)
			}
			return r.settle(ctx, failed, result)
		}
		if err := r.abort(ctx); err != nil {
			return r.stopFor(ctx, script.OpFrame, err)
		}
		r.findConnected(ctx, failed)
		if u.NonTx.Kind != sqlfile.Opaque { // the server has answered: of an opaque one nothing is left
			done, err := r.recoverStatement(ctx, s, st.move, file, u)
			if done || err != nil {
				return err
			}
		}
		if metInCatalog(failed.err) {
			met++
		}
		wait := jitter(pause)
		if result != busy || met == catalogTries || time.Since(began)+wait > r.m.options.RetryFor {
			again := r.partStep(st.move, s.Restart(r.m.scriptMove(st.move, file), st.Number-1))
			if err := r.step(ctx, again); err != nil {
				return err
			}
			return r.settle(ctx, failed, final)
		}
		r.emit(r.event(Event{Kind: EventRetrying, Err: failed.err, Pause: wait, Backends: seen.blockers, Statement: st.Number, Statements: st.Of}, st.move))
		if err := r.pause(ctx, st.move, wait); err != nil {
			return r.settle(ctx, failed, cancelled)
		}
	}
}

// prepareNonTx sees to the second connection before a statement runs outside a transaction, and waits for whoever would keep it from
// its end.
func (r *run) prepareNonTx(ctx context.Context, s script.Writer, st *step, file *sqlfile.File) (*step, error) {
	switch o := st.Runs.NonTx; {
	case o.Database != "":
		return st, r.leaveDatabase(ctx, st)
	case o.Kind == sqlfile.Opaque:
		r.guard(ctx)
	case o.Kind == sqlfile.Detaches && !r.watched(ctx): // who else would end its wait for the partition?
		return r.partStep(st.move, s.NonTx(r.m.scriptMove(st.move, file), st.Number-1, false)), nil
	case o.Kind == sqlfile.Finalizes:
		_, err := r.awaitSnapshots(ctx, st.move)
		return st, err
	}
	return st, nil
}

// recordOutcome notes how an opaque statement has ended, which nothing else would tell the next run. What has not come back, or may
// have committed a part of its work, stays in doubt.
func (r *run) recordOutcome(ctx context.Context, s script.Writer, file *sqlfile.File, failed *failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	st := failed.step
	var end *step
	switch {
	case failed.after:
		end = r.partStep(st.move, s.Record(r.m.scriptMove(st.move, file), st.Runs, st.Number-1))
	case !failed.partly:
		end = r.partStep(st.move, s.Restart(r.m.scriptMove(st.move, file), st.Number-1))
	default:
		return
	}
	for range 3 { // the cancel request may be late, and meet this
		if r.abort(ctx) != nil {
			continue
		}
		if failed, _ := r.send(ctx, []*step{end}); failed == nil {
			r.acknowledge(r.elapsed(), time.Now())
			return
		}
	}
}

// guard has the watching connection show that this run is there, until it leaves the file: a procedure may let the run lock go,
// and between its end and its record nothing else tells other runs that it is not in doubt.
func (r *run) guard(ctx context.Context) {
	r.guards = true
	if r.watcher == nil {
		r.watched(ctx) // without one it goes on: the role may have no second connection
	} else if _, err := r.watcher.Send(ctx, r.guardSQL(), nil); err != nil {
		r.dropWatcher()
	}
}

// watched reports whether there is a connection from which the worker is watched. Files without a transaction do not go through
// poolers.
func (r *run) watched(ctx context.Context) bool {
	if r.watcher == nil {
		r.watcher, _ = r.dialWatcher(ctx)
	}
	return r.watcher != nil
}

func (r *run) guardSQL() string {
	return fmt.Sprintf("select pg_catalog.pg_try_advisory_lock(%d)", r.table.GuardKey())
}

// resume finds out what became of a statement that was cut off, and records it.
func (r *run) resume(ctx context.Context, s script.Writer, move *Move, file *sqlfile.File, p *history.Progress) error {
	whole := sqllex.Statement{Start: 0, End: len(p.Started)}
	u := &sqlfile.Statement{Span: whole, Hash: sqlfile.HashOf(p.Started, whole), NonTx: sqlfile.ReadNonTx(p.Started)}
	if p.Done < len(file.Separate) {
		u.Settings = file.Separate[p.Done].Settings
	}
	if p.Old {
		if err := r.step(ctx, r.partStep(move, s.UpdateRecord(r.m.scriptMove(move, file), p.Done))); err != nil {
			return err
		}
	}
	done, err := r.recoverStatement(ctx, s, move, file, u)
	if err != nil {
		return err
	}
	next := s.Restart(r.m.scriptMove(move, file), p.Done)
	if done {
		next = s.Record(r.m.scriptMove(move, file), u, p.Done)
	}
	return r.step(ctx, r.partStep(move, next))
}

// partSteps are the steps of a no-transaction file that are left.
func (r *run) partSteps(s script.Writer, move *Move, file *sqlfile.File, p *history.Progress) (steps []*step) {
	for _, st := range s.NoTransaction(r.m.scriptMove(move, file), p) {
		steps = append(steps, r.partStep(move, st))
	}
	return steps
}

func (r *run) partStep(move *Move, st *script.Step) *step { return &step{Step: st, move: move} }
