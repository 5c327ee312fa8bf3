package migrator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

//go:embed glance.sql
var glanceSQL string

func glanceQuery(t table) string {
	schema := "pg_catalog.current_schema()"
	if t.schema != "" {
		schema = sqltext.Literal(t.schema)
	}
	first := strings.NewReplacer(
		"$schema", schema, "$table", sqltext.Literal(t.name), "$progress", sqltext.Literal(t.progress().name), "$reference", sqltext.Literal(t.sql()), "$start", serverStart,
	).Replace(sqltext.WithoutComments(glanceSQL))
	return first + ";\n" + readSafely + "select version, null, checksum from " + t.rows() // when they were applied matters to errors only
}

// What a glance at the history has shown.
type outlook uint8

const (
	lookCloser outlook = iota // it does not show what there is to do
	nothingToDo
	somethingToDo // under the run lock
)

// glance reads the rows of a history that needs no closer look; nil where it does. Most runs find nothing pending, and to ask
// what tables there are costs the server more than all the rest. What is wrong with the table itself is found when something is
// to be written to it.
func readGlance(ctx context.Context, s *pgsession.Session, t table, expect []Migration) (*history, error) {
	read := &historyReader{expect: expect}
	_, err := s.Send(ctx, s.LiftLimits()+glanceQuery(t), read.read)
	h := &history{server: read.server, table: table{schema: read.server.Schema, name: t.name}}
	h.server.Pooled = s.PID() != h.server.PID
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && !s.Lost() && ctx.Err() == nil:
		if pg.Code == "42P01" && h.server.Schema != "" && h.server.Own == 0 && h.server.Resolved == 0 { // there is no such table
			return h, nil
		}
		return nil, nil
	case err != nil:
		return nil, err
	case h.server.Own == 0 || h.server.Own != h.server.Resolved || h.server.Unfinished || len(read.records) == 0:
		return nil, nil
	}
	h.fill(read.records)
	return h, nil
}

// glance tells what an up has to do. Other targets take a closer look: those that count are resolved by it before another run
// is waited for. So does a plan, before anything runs.
func (r *run) glance(ctx context.Context) (outlook, error) {
	if r.locked || len(r.sent) > 0 || (r.target.kind != targetUp && r.target.kind != targetUpTo) {
		return lookCloser, nil
	}
	defer r.tellSlow()()
	if err := r.connect(ctx); err != nil {
		return lookCloser, err
	}
	h, err := readGlance(ctx, r.worker, r.place(), r.m.migrations)
	if err != nil {
		return lookCloser, r.stopFor(ctx, opFrame, fmt.Errorf("read history %s: %w", r.place(), err))
	}
	if h == nil {
		return lookCloser, nil
	}
	r.losses.connected()
	plan := &Plan{Target: r.target}
	if r.target.kind != targetUp || !h.exists || !slices.EqualFunc(h.records, r.m.migrations, record.shows) {
		if plan, err = r.m.plan(h, r.target, r.m.scripter(h), r.reviews); err != nil || len(plan.Warnings) > 0 {
			return lookCloser, nil // to say when it was applied
		}
	}
	if h.server.Pooled && !plan.Empty() {
		return lookCloser, nil
	}
	r.server, r.table, r.exists = h.server, h.table, h.exists
	if h.exists {
		r.announce(plan)
	}
	if plan.Empty() {
		return nothingToDo, nil
	}
	r.glimpse = &glimpse{records: h.records, moves: plan.Moves}
	return somethingToDo, nil
}

// A glimpse is what was chosen at a glance. It holds for a history of the same rows.
type glimpse struct {
	records []record
	moves   []Move
}

func (g *glimpse) holds(h *history) bool {
	return g != nil && len(h.finds) == 0 && h.next() == nil && len(h.progress) == 0 && slices.EqualFunc(h.records, g.records, record.same)
}

func (r record) same(other record) bool {
	return r.version == other.version && r.checksum == other.checksum
}

// shows reports whether a row is that of a file as it is.
func (r record) shows(m Migration) bool {
	return r.same(record{version: m.Version, checksum: m.Checksum()})
}
