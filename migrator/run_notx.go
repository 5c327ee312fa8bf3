package migrator

import (
	"context"
	"errors"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A noTxFile is a no-transaction file that runs, statement by statement.
type noTxFile struct {
	*run

	move   *Move
	file   *sqlfile.File
	script *script.Move
	writer script.Writer // as the history was last read
}

// runNoTransaction runs a no-transaction file, from wherever it stands. Its first step takes the run lock for the session. The history
// is read after that, since another run may have advanced the file until then.
func runNoTransaction(ctx context.Context, r *run, lock *step) error {
	file, err := r.reviews.review(lock.move.script())
	if err != nil {
		return err
	}
	n := &noTxFile{run: r, move: lock.move, file: file, script: r.m.scriptMove(lock.move, file)}
	r.keepsFile, r.flight.inFile = true, true
	defer n.leave(ctx)
	if err := r.sendStep(ctx, lock); err != nil {
		return err
	}
	for {
		h, err := r.readHistory(ctx)
		if err != nil {
			return err
		}
		if n.move.done(h) {
			return &stop{class: taken, err: errors.New("another run has done it")}
		}
		p := h.ProgressOf(string(n.move.Migration.Version))
		if p != nil {
			if err := validateProgress(p, n.move, file); err != nil {
				return err
			}
		}
		if err := r.m.refusePublished(h, []Move{*n.move}, []*sqlfile.File{file}); err != nil { // an earlier file may have created the publication
			return err
		}
		n.writer = r.writer()
		if p == nil || p.Started == "" {
			return n.units(ctx, p)
		}
		if err := n.resume(ctx, p); err != nil {
			return err
		}
	}
}

// leave frees what the file has left in the session.
func (n *noTxFile) leave(ctx context.Context) {
	n.keepsFile, n.flight.inFile = false, false
	if n.guards {
		n.guards = false
		n.dropWatcher() // the guard goes with the session
	}
	if n.worker == nil || n.worker.Lost() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	if n.abort(ctx) != nil {
		n.worker.Close() // it goes with the session
	}
}

// units runs the statements that are left.
func (n *noTxFile) units(ctx context.Context, p *history.Progress) error {
	for left := n.steps(p)[1:]; len(left) > 0; left = left[1:] { // the session has the lock
		if u := left[0].Runs; u != nil && u.NonTx == nil && len(u.Calls) > 0 {
			ends, err := callsEnd(ctx, n.connections, n.file, u)
			if err != nil {
				return err
			}
			if ends {
				u.NonTx = sqlfile.ReadNonTx(u.Span.Text(n.file.Text))
				left = n.steps(&history.Progress{Done: left[0].Number - 1})[1:]
			}
		}
		run := n.sendStep
		if left[0].Alone {
			run = func(ctx context.Context, st *step) error { return n.outside(ctx, st) }
		}
		if err := run(ctx, left[0]); err != nil {
			return err
		}
	}
	return nil
}

// outside runs a statement outside a transaction until it is done, or until its failure is none that trying again would
// mend. After an error nothing is left of it.
func (n *noTxFile) outside(ctx context.Context, st *step) error {
	u := st.Runs
	if u.NonTx.IfNotExists { // what an earlier attempt has left invalid would be taken for the index
		if done, err := n.recoverStatement(ctx, u); done || err != nil {
			return err
		}
	}
	var tries tries
	for first := st; ; {
		arrived := time.Now()
		st, err := n.prepareNonTx(ctx, first)
		if err != nil {
			return err
		}
		sent := time.Now()
		tries.began = tries.began.Add(sent.Sub(arrived))
		failed, seen := n.send(ctx, []*step{st})
		if failed == nil {
			return nil
		}
		result := classify(ctx, failed.operation.Kind, failed.err, seen.exceeded, n.server)
		if result == lost {
			n.lostIn = failed
			return &stop{class: lost, err: failed.err}
		}
		failed.blockers = seen.blockers
		if u.NonTx.Routine {
			failed.partly = endedTransactions(ctx, n.connections, failed.offset >= u.Span.Start)
		}
		if result == cancelled || failed.partly || (u.NonTx.Kind == sqlfile.Opaque && failed.after) {
			if u.NonTx.Kind == sqlfile.Opaque {
				n.recordOutcome(ctx, failed)
			}
			return n.settle(ctx, failed, result)
		}
		if err := n.abort(ctx); err != nil {
			return n.stopFor(ctx, script.OpFrame, err)
		}
		findConnected(ctx, n.connections, failed)
		if u.NonTx.Kind != sqlfile.Opaque { // the server has answered: of an opaque one nothing is left
			done, err := n.recoverStatement(ctx, u)
			if done || err != nil {
				return err
			}
		}
		wait, again := tries.next(first, failed.err, sent, n.m.options.RetryFor)
		if result != busy || !again {
			restart := n.step(n.writer.Restart(n.script, st.Number-1))
			if err := n.sendStep(ctx, restart); err != nil {
				return err
			}
			return n.settle(ctx, failed, final)
		}
		n.emit(n.event(Event{Kind: EventRetrying, Err: failed.err, Pause: wait, Backends: seen.blockers, Statement: st.Number, Statements: st.Of}, n.move))
		if err := n.pause(ctx, n.move, wait); err != nil {
			return n.settle(ctx, failed, cancelled)
		}
	}
}

// prepareNonTx sees to the second connection before a statement runs outside a transaction, and waits for whoever would keep it from
// its end.
func (n *noTxFile) prepareNonTx(ctx context.Context, st *step) (*step, error) {
	switch o := st.Runs.NonTx; {
	case o.Database != "":
		return st, leaveDatabase(ctx, n.connections, st)
	case o.Kind == sqlfile.Opaque:
		n.guard(ctx)
	case o.Kind == sqlfile.Detaches && !n.watched(ctx): // who else would end its wait for the partition?
		return n.step(n.writer.NonTx(n.script, st.Number-1, false)), nil
	case o.Kind == sqlfile.Finalizes:
		_, err := n.awaitSnapshots(ctx)
		return st, err
	}
	return st, nil
}

// recordOutcome notes how an opaque statement has ended, which nothing else would tell the next run. What has not come back, or may
// have committed a part of its work, stays in doubt.
func (n *noTxFile) recordOutcome(ctx context.Context, failed *failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	st := failed.step
	var end *step
	switch {
	case failed.after:
		end = n.step(n.writer.Record(n.script, st.Runs, st.Number-1))
	case !failed.partly:
		end = n.step(n.writer.Restart(n.script, st.Number-1))
	default:
		return
	}
	for range 3 { // the cancel request may be late, and meet this
		if n.abort(ctx) != nil {
			continue
		}
		if failed, _ := n.send(ctx, []*step{end}); failed == nil {
			n.flight.acknowledge(n.flight.elapsed(), time.Now())
			return
		}
	}
}

// guard has the watching connection show that this run is there, until it leaves the file: a procedure may let the run lock go,
// and between its end and its record nothing else tells other runs that it is not in doubt.
func (n *noTxFile) guard(ctx context.Context) {
	n.guards = true
	if n.watcher == nil {
		n.watched(ctx) // without one it goes on: the role may have no second connection
	} else if _, err := n.watcher.Send(ctx, n.guardSQL(), nil); err != nil {
		n.dropWatcher()
	}
}

// watched reports whether there is a connection from which the worker is watched. Files without a transaction do not go through
// poolers.
func (n *noTxFile) watched(ctx context.Context) bool {
	if n.watcher == nil {
		n.watcher, _ = n.openWatcher(ctx)
	}
	return n.watcher != nil
}

// resume finds out what became of a statement that was cut off, and records it.
func (n *noTxFile) resume(ctx context.Context, p *history.Progress) error {
	whole := sqllex.Statement{Start: 0, End: len(p.Started)}
	u := &sqlfile.Statement{Span: whole, Hash: sqlfile.HashOf(p.Started, whole), NonTx: sqlfile.ReadNonTx(p.Started)}
	if p.Done < len(n.file.Separate) {
		u.Settings = n.file.Separate[p.Done].Settings
	}
	if p.Old {
		if err := n.sendStep(ctx, n.step(n.writer.UpdateRecord(n.script, p.Done))); err != nil {
			return err
		}
	}
	done, err := n.recoverStatement(ctx, u)
	if err != nil {
		return err
	}
	next := n.writer.Restart(n.script, p.Done)
	if done {
		next = n.writer.Record(n.script, u, p.Done)
	}
	return n.sendStep(ctx, n.step(next))
}

// partSteps are the steps of a no-transaction file that are left.
func (n *noTxFile) steps(p *history.Progress) (steps []*step) {
	for _, st := range n.writer.NoTransaction(n.script, p) {
		steps = append(steps, n.step(st))
	}
	return steps
}

func (n *noTxFile) step(st *script.Step) *step { return &step{Step: st, move: n.move} }
