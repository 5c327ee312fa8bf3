package migrator

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// plan plans anew from the history. A target that counts is resolved when the run begins, and later only shortened by
// what is done: two runs that are asked to go down by one mean the same migration.
func (r *run) plan(h *history.History) (*Plan, error) {
	s := r.scripter(h)
	if r.fixed != nil {
		for len(r.fixed) > 0 && r.fixed[0].done(h) {
			r.fixed = r.fixed[1:]
		}
		if err := refuseOvertaken(r.m.compare(h), r.fixed); err != nil {
			return nil, err
		}
		return r.m.script(h, r.target, r.fixed, nil, s, r.reviews)
	}
	if r.fast.holds(h) {
		return r.m.script(h, r.target, r.fast.moves, nil, s, r.reviews)
	}
	plan, err := r.m.plan(h, r.target, s, r.reviews)
	if err == nil && (r.target.relative() || r.target.kind == targetMoves) {
		r.fixed = append([]Move{}, plan.Moves...)
	}
	return plan, err
}

func (r *run) scripter(h *history.History) script.Writer {
	s := r.m.scripter(h)
	s.RunID, s.KeepsLock = r.id, !r.pooled()
	return s
}

// connect dials where there is no worker.
func (r *run) connect(ctx context.Context) error {
	if r.worker != nil {
		return nil
	}
	worker, err := r.m.dial(ctx, r.id, "worker", true)
	if err != nil {
		return err
	}
	r.worker, r.prepared = worker, script.Session{}
	if len(r.sent) > 0 || r.reconnects.count > 0 {
		if err := r.endOrphans(ctx); err != nil {
			return r.stopFor(ctx, script.OpFrame, err)
		}
	}
	return nil
}

// readHistory reads, and settles what became of the move that was sent last.
func (r *run) readHistory(ctx context.Context) (*history.History, error) {
	defer r.warnSlow()()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	h, err := readHistory(ctx, r.worker, r.place(), r.m.migrations)
	if err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) || r.worker.Lost() {
			return nil, r.stopFor(ctx, script.OpFrame, err)
		}
		return nil, err
	}
	r.server, r.table, r.exists = h.Server, h.Table, h.Exists
	r.reconnects.connected()
	r.acknowledgeRead(h)
	return h, nil
}

// place is where the history is: one that was planned from stays that of the run, wherever its files lead the search_path.
func (r *run) place() history.Table {
	if r.planned >= 0 {
		return r.table
	}
	return r.m.table()
}

// survey looks around where everything would be applied.
func (r *run) survey(ctx context.Context, h *history.History) error {
	if r.target.records() || r.planned >= 0 {
		return nil
	}
	if err := survey(ctx, r.worker, h, r.m.migrations, !r.m.options.AllowOtherTools); err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	return nil
}

// acknowledgeRead reports what is done of the steps that were sent last.
func (r *run) acknowledgeRead(h *history.History) {
	for _, s := range r.sent {
		if s.Part || !s.done(h) {
			break
		}
		if s.move != nil {
			r.starting(s.move)
		}
		if s.reported() {
			r.finish(s, 0) // when it ended is not known
		}
	}
	r.sent = nil
}

// pooled reports whether the worker's connection goes through a pooler: the process that the server has for it is not
// the one that it was greeted with.
func (r *run) pooled() bool { return r.server.Pooled }

func (r *run) oneByOne() bool { return r.m.options.OneByOne || r.server.Citus }
