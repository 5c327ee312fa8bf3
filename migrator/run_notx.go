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

// A noTxFile runs a no-transaction file, statement by statement.
type noTxFile struct {
	*run

	move   *Move
	file   *sqlfile.File
	script *script.Move
	writer script.Writer // for the history as it was last read
}

// runNoTransaction runs or resumes a no-transaction file. The step lock takes the run lock for the session. The history is read
// after that, because another run may have advanced the file before.
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

// leave frees what the file has left over in the session.
func (n *noTxFile) leave(ctx context.Context) {
	n.keepsFile, n.flight.inFile = false, false
	if n.guards {
		n.guards = false
		n.dropWatcher() // the guard lock ends with the session
	}
	if n.worker == nil || n.worker.Lost() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	if n.abort(ctx) != nil {
		n.worker.Close() // this frees it too
	}
}

// units runs the statements that are left. A CALL whose procedure ends transactions must run outside a transaction, so the steps
// are laid out again.
func (n *noTxFile) units(ctx context.Context, p *history.Progress) error {
	for left := n.steps(p)[1:]; len(left) > 0; left = left[1:] { // without the first step: the session already has the lock
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

// outside runs a statement outside a transaction. It retries until the statement is done or a retry would not help. After an
// error it clears up what is left over.
func (n *noTxFile) outside(ctx context.Context, st *step) error {
	u := st.Runs
	if u.NonTx.IfNotExists { // IF NOT EXISTS would accept an invalid index that an earlier attempt has left over
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
			failed.mayHaveCommitted = endedTransactions(ctx, n.connections, failed.offset >= u.Span.Start)
		}
		if result == cancelled || failed.mayHaveCommitted || (u.NonTx.Kind == sqlfile.Opaque && failed.afterFile) {
			if u.NonTx.Kind == sqlfile.Opaque {
				n.recordOutcome(ctx, failed)
			}
			return n.settle(ctx, failed, result)
		}
		if err := n.abort(ctx); err != nil {
			return n.stopFor(ctx, script.OpFrame, err)
		}
		findConnected(ctx, n.connections, failed)
		if u.NonTx.Kind != sqlfile.Opaque { // an opaque statement that failed with an answer has left nothing over
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

// prepareNonTx opens or closes the watcher as the statement needs it, and waits for snapshots that would block its end. It
// returns the step to send.
func (n *noTxFile) prepareNonTx(ctx context.Context, st *step) (*step, error) {
	switch o := st.Runs.NonTx; {
	case o.Database != "":
		return st, leaveDatabase(ctx, n.connections, st)
	case o.Kind == sqlfile.Opaque:
		n.guard(ctx)
	case o.Kind == sqlfile.Detaches && !n.watched(ctx): // without a watcher only the lock timeout can end its wait
		return n.step(n.writer.NonTx(n.script, st.Number-1, false)), nil
	case o.Kind == sqlfile.Finalizes:
		_, err := n.awaitSnapshots(ctx)
		return st, err
	}
	return st, nil
}

// recordOutcome records how an opaque statement has ended, because the catalog cannot tell the next run. A statement without an
// answer, or with a part of its work committed, stays in doubt.
func (n *noTxFile) recordOutcome(ctx context.Context, failed *failure) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	st := failed.step
	var end *step
	switch {
	case failed.afterFile:
		end = n.step(n.writer.Record(n.script, st.Runs, st.Number-1))
	case !failed.mayHaveCommitted:
		end = n.step(n.writer.Restart(n.script, st.Number-1))
	default:
		return
	}
	for range 3 { // a late cancel request may hit this message
		if n.abort(ctx) != nil {
			continue
		}
		if failed, _ := n.send(ctx, []*step{end}); failed == nil {
			n.flight.acknowledge(n.flight.elapsed(), time.Now())
			return
		}
	}
}

// guard makes the watcher take the guard lock until the run leaves the file. A procedure may release the run lock. Without the
// guard, another run could not know that this one is alive between the end of the statement and its record.
func (n *noTxFile) guard(ctx context.Context) {
	n.guards = true
	if n.watcher == nil {
		n.watched(ctx) // if there is none, the run continues: the role may have no second connection
	} else if _, err := n.watcher.Send(ctx, n.guardSQL(), nil); err != nil {
		n.dropWatcher()
	}
}

// watched reports whether there is a watcher, and dials one if needed. It does not check for a pooler, because no-transaction
// files do not run through one.
func (n *noTxFile) watched(ctx context.Context) bool {
	if n.watcher == nil {
		n.watcher, _ = n.openWatcher(ctx)
	}
	return n.watcher != nil
}

// resume finds out what became of an interrupted statement, and records it.
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

// steps returns the steps of the file that are left.
func (n *noTxFile) steps(p *history.Progress) (steps []*step) {
	for _, st := range n.writer.NoTransaction(n.script, p) {
		steps = append(steps, n.step(st))
	}
	return steps
}

func (n *noTxFile) step(st *script.Step) *step { return &step{Step: st, move: n.move} }
