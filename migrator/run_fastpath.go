package migrator

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A fastResult is what the fast path has found.
type fastResult uint8

const (
	unclear fastResult = iota // the whole history has to be read
	nothingPending
	somethingPending // it must be planned again under the run lock
)

// readFast reads only the rows of a simple history. It returns nil if the history needs a closer look. Most runs find nothing
// pending, and asking the catalog for tables costs the server more than all the rest. Problems of the table itself are found
// before something is written to it.
func readFast(ctx context.Context, s *pgsession.Session, t history.Table, expect []Migration) (*history.History, error) {
	read := &history.Reader{Expect: expected(expect)}
	_, err := s.Send(ctx, s.LiftLimits()+history.FastQuery(t), read.Read)
	h := &history.History{Server: read.Server, Table: history.Table{Schema: read.Server.Schema, Name: t.Name}}
	h.Server.Pooled = s.PID() != h.Server.PID
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && !s.Lost() && ctx.Err() == nil:
		if pg.Code == sqlstate.UndefinedTable && h.Server.Schema != "" && h.Server.Own == 0 && h.Server.Resolved == 0 { // the table does not exist
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

// choose decides from the rows that readFast has read what an up has to do. The result is unclear if a warning is due, or a
// pooler is in between and something is pending.
func (p *planner) choose(h *history.History) (*Plan, fastResult) {
	plan := &Plan{Target: p.target}
	if p.target.kind != targetUp || !h.Exists || !slices.EqualFunc(h.Records, p.m.migrations, isUpToDate) {
		var err error
		if plan, err = p.m.plan(h, p.target, newWriter(h), p.reviews); err != nil || len(plan.Warnings) > 0 {
			return nil, unclear // a warning says when a version was applied, and readFast does not read that
		}
	}
	switch {
	case h.Server.Pooled && !plan.Empty():
		return nil, unclear
	case plan.Empty():
		return plan, nothingPending
	}
	p.fast = &fastPlan{records: h.Records, moves: plan.Moves}
	return plan, somethingPending
}

// A fastPlan is what the fast path has chosen, and the rows for which the choice is valid.
type fastPlan struct {
	records []history.Record
	moves   []Move
}

// holds reports whether the full history has the same rows and nothing else that would change the choice.
func (g *fastPlan) holds(h *history.History) bool {
	return g != nil && len(h.Finds) == 0 && h.Next() == nil && len(h.Progress) == 0 && slices.EqualFunc(h.Records, g.records, history.Record.Same)
}

// isUpToDate reports whether a row records a file with its current text.
func isUpToDate(r history.Record, m Migration) bool {
	return r.Same(history.Record{Version: string(m.Version), Checksum: m.Checksum()})
}

// expected returns the rows of a database in which all files are applied with their current text.
func expected(migrations []Migration) history.Expected {
	return history.Expected{Len: len(migrations), At: func(i int) (version, checksum string) {
		return string(migrations[i].Version), migrations[i].Checksum()
	}}
}
