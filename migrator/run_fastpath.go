package migrator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// What a glance at the history has shown.
type fastResult uint8

const (
	unclear fastResult = iota // it does not show what there is to do
	nothingPending
	somethingPending // under the run lock
)

// glance reads the rows of a history that needs no closer look; nil where it does. Most runs find nothing pending, and to ask
// what tables there are costs the server more than all the rest. What is wrong with the table itself is found when something is
// to be written to it.
func readFast(ctx context.Context, s *pgsession.Session, t history.Table, expect []Migration) (*history.History, error) {
	read := &history.Reader{Expect: expected(expect)}
	_, err := s.Send(ctx, s.LiftLimits()+history.FastQuery(t), read.Read)
	h := &history.History{Server: read.Server, Table: history.Table{Schema: read.Server.Schema, Name: t.Name}}
	h.Server.Pooled = s.PID() != h.Server.PID
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && !s.Lost() && ctx.Err() == nil:
		if pg.Code == "42P01" && h.Server.Schema != "" && h.Server.Own == 0 && h.Server.Resolved == 0 { // there is no such table
			return h, nil
		}
		return nil, nil
	case err != nil:
		return nil, err
	case h.Server.Own == 0 || h.Server.Own != h.Server.Resolved || h.Server.Unfinished || len(read.Records) == 0:
		return nil, nil
	}
	h.Fill(read.Records)
	return h, nil
}

// fastPath tells what an up has to do. Other targets take a closer look: those that count are resolved by it before another run
// is waited for. So does a plan, before anything runs.
func (r *run) fastPath(ctx context.Context) (fastResult, error) {
	if r.locked || len(r.sent) > 0 || (r.target.kind != targetUp && r.target.kind != targetUpTo) {
		return unclear, nil
	}
	defer r.warnSlow()()
	if err := r.connect(ctx); err != nil {
		return unclear, err
	}
	h, err := readFast(ctx, r.worker, r.place(), r.m.migrations)
	if err != nil {
		return unclear, r.stopFor(ctx, script.OpFrame, fmt.Errorf("read history %s: %w", r.place(), err))
	}
	if h == nil {
		return unclear, nil
	}
	r.reconnects.connected()
	plan := &Plan{Target: r.target}
	if r.target.kind != targetUp || !h.Exists || !slices.EqualFunc(h.Records, r.m.migrations, isUpToDate) {
		if plan, err = r.m.plan(h, r.target, r.m.scripter(h), r.reviews); err != nil || len(plan.Warnings) > 0 {
			return unclear, nil // to say when it was applied
		}
	}
	if h.Server.Pooled && !plan.Empty() {
		return unclear, nil
	}
	r.server, r.table, r.exists = h.Server, h.Table, h.Exists
	if h.Exists {
		r.announce(plan)
	}
	if plan.Empty() {
		return nothingPending, nil
	}
	r.fast = &fastPlan{records: h.Records, moves: plan.Moves}
	return somethingPending, nil
}

// A fastPlan is what was chosen at a glance. It holds for a history of the same rows.
type fastPlan struct {
	records []history.Record
	moves   []Move
}

func (g *fastPlan) holds(h *history.History) bool {
	return g != nil && len(h.Finds) == 0 && h.Next() == nil && len(h.Progress) == 0 && slices.EqualFunc(h.Records, g.records, history.Record.Same)
}

// shows reports whether a row is that of a file as it is.
func isUpToDate(r history.Record, m Migration) bool {
	return r.Same(history.Record{Version: string(m.Version), Checksum: m.Checksum()})
}

// expected are the rows of a database in which all files are applied as they are.
func expected(migrations []Migration) history.Expected {
	return history.Expected{Len: len(migrations), At: func(i int) (version, checksum string) {
		return string(migrations[i].Version), migrations[i].Checksum()
	}}
}
