package migrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// recoverStatement finds out from the catalog what became of a statement that was begun outside a transaction, and clears
// away what is left of it when it is not done.
func (r *run) recoverStatement(ctx context.Context, s script.Writer, move *Move, file *sqlfile.File, u *sqlfile.Statement) (done bool, err error) {
	switch u.NonTx.Kind {
	case sqlfile.Opaque:
		if err := r.yieldToOthers(ctx, move, u); err != nil {
			return false, err
		}
		return false, r.inDoubt(s, move, u)
	case sqlfile.Repeatable:
		return false, nil
	case sqlfile.BuildsIndex, sqlfile.Reindexes, sqlfile.DropsIndex, sqlfile.Detaches, sqlfile.Finalizes:
	}
	for first := true; ; first = false {
		left, err := r.leftovers(ctx, s, move, u)
		if err != nil {
			return false, err
		}
		switch {
		case u.NonTx.Kind == sqlfile.DropsIndex && s.Citus && left.Broken: // of some shards it is gone, and to ask again would fail there
			return true, r.clear(ctx, s, move, file, u, "drop index concurrently if exists "+u.NonTx.Names[0].Text)
		case u.NonTx.Kind == sqlfile.DropsIndex:
			return left.Known && !left.There, nil
		case u.NonTx.Kind == sqlfile.Detaches && left.Finalize != "":
			return true, r.finalize(ctx, s, move, file, u, left.Finalize)
		case u.NonTx.Kind == sqlfile.Detaches, u.NonTx.Kind == sqlfile.Finalizes:
			return left.Known && !left.Attached, nil
		case len(left.Invalid) > 0 && len(left.Builders) > 0:
			if err := r.waitForBuilders(ctx, move, left.Builders, first); err != nil {
				return false, err
			}
			continue
		case left.Named != nil && left.Named.Valid:
			same, err := r.same(ctx, file, u, left.Named.OID)
			if same || err != nil {
				return same, err
			}
		}
		for _, index := range left.Invalid {
			if err := r.clear(ctx, s, move, file, u, "drop index concurrently if exists "+index); err != nil {
				return false, err
			}
			r.emit(r.event(Event{Kind: EventWarning, Message: fmt.Sprintf("%s: dropped the invalid index %s, which a failed or interrupted attempt has left", move.script().Path, index)}, move))
		}
		return false, nil
	}
}

// leftovers asks the catalog.
func (r *run) leftovers(ctx context.Context, s script.Writer, move *Move, u *sqlfile.Statement) (*script.Leftovers, error) {
	rows, err := r.worker.Rows(ctx, r.worker.LiftLimits()+script.LeftoversSQL(u.NonTx, s.Table, string(move.Migration.Version), s.Citus))
	if err != nil {
		return nil, r.stopFor(ctx, script.OpFrame, err)
	}
	left := &script.Leftovers{}
	if len(rows) == 0 {
		return nil, &stop{class: taken, err: errors.New("another run has gone on with it")}
	}
	if err := json.Unmarshal([]byte(rows[0][0]), left); err != nil {
		return nil, fmt.Errorf("read what is left of a statement: %w", err)
	}
	if named := left.Named; named != nil && named.Valid && named.Shards != nil {
		if named.Shards.Silent != "" {
			return nil, &stop{class: lost, err: fmt.Errorf("a worker of Citus cannot be asked for its part of %s: %s", named.Name, named.Shards.Silent)}
		}
		if named.Valid = named.Shards.Whole; !named.Valid {
			left.Invalid = append(left.Invalid, named.Name)
		}
	}
	return left, nil
}

// same reports whether an index is what the statement makes. Where that cannot be tried, its name and table will do.
func (r *run) same(ctx context.Context, file *sqlfile.File, u *sqlfile.Statement, index int64) (bool, error) {
	message := script.Whole(append(append([]script.Op{script.Frame("begin"), script.Frame("set local statement_timeout = 0"), script.Frame("set local lock_timeout = 0")}, script.SettingOps(file, u)...), script.Frame(script.SameSQL(u.NonTx, index))))[0]
	rows, err := r.worker.Rows(ctx, message.SQL)
	if abandoned := r.abort(ctx); abandoned != nil {
		return false, r.stopFor(ctx, script.OpFrame, abandoned)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && ctx.Err() == nil {
		return true, nil
	}
	if err != nil {
		return false, r.stopFor(ctx, script.OpFrame, err)
	}
	answer := rows[len(rows)-1]
	return answer[len(answer)-1] == "t", nil
}

// clear drops what is left of a statement, with its settings.
func (r *run) clear(ctx context.Context, s script.Writer, move *Move, file *sqlfile.File, u *sqlfile.Statement, sql string) error {
	failed, _ := r.send(ctx, []*step{{Step: s.CleanUp(r.m.scriptMove(move, file), u, sql, true), move: move}})
	if failed == nil {
		return nil
	}
	return r.uncleared(ctx, failed, sql, classify(ctx, script.OpSettle, failed.err, false, r.server))
}

// uncleared ends an attempt that could not end what is left of a statement.
func (r *run) uncleared(ctx context.Context, failed *failure, sql string, result class) error {
	if result == lost {
		return &stop{class: lost, err: failed.err}
	}
	failed.err = fmt.Errorf("clear up after a statement that was cut off: %s: %w", sql, failed.err)
	return r.settle(ctx, failed, result)
}

// waitForBuilders waits while other sessions build indexes on the table: one that is not valid may be about to be.
func (r *run) waitForBuilders(ctx context.Context, move *Move, builders []uint32, first bool) error {
	if first {
		if err := r.reportWaitsFor(ctx, move, builders, 0); err != nil {
			return err
		}
	}
	return sleep(ctx, jitter(300*time.Millisecond))
}

// yieldToOthers ends the attempt where another run works on the file, whose procedure may have let the run lock go; or where it did
// until now.
func (r *run) yieldToOthers(ctx context.Context, move *Move, u *sqlfile.Statement) error {
	others, err := findWorkers(ctx, r.worker, r.table, r.id, move.Migration.Version)
	if err != nil {
		return r.stopFor(ctx, script.OpFrame, err)
	}
	if len(others) > 0 {
		r.locked = false
		r.reportWaiting(others)
		return &stop{class: locked, err: errors.New("another run still works on " + move.script().Path)}
	}
	h, err := r.readHistory(ctx) // whoever was there may have recorded its end since this was read last
	if err != nil {
		return err
	}
	if p := h.ProgressOf(string(move.Migration.Version)); p == nil || sqlfile.HashOf(p.Started, sqllex.Statement{End: len(p.Started)}) != u.Hash {
		return &stop{class: taken, err: errors.New("another run has gone on with it")}
	}
	return nil
}

// inDoubt says which statement nobody but a person can settle, and how.
func (r *run) inDoubt(s script.Writer, move *Move, u *sqlfile.Statement) error {
	table, version := s.Table.Progress().SQL(), sqltext.Literal(string(move.Migration.Version))
	session := ""
	if u.NonTx.Routine { // nothing has recorded what it has set
		session = ", session = session || " + script.UnknownText
	}
	hint := fmt.Sprintf("look whether it has run (what it has committed itself stays); if it has: update %s set done = done + 1, started = null%s where version = %s; if it has not: update %[1]s set started = null where version = %[3]s; then run again", table, session, version)
	failed := &failure{offset: r.offsetOf(move, u), err: fmt.Errorf("%w: it was begun outside a transaction, and was cut off or failed in the middle of its work (HINT: %s)", ErrInDoubt, hint)}
	return r.migrationError(move, failed, "not known of this statement; those before it are applied")
}
