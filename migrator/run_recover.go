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

// recoverStatement asks the catalog whether a statement that began outside a transaction is done. If it is not, it clears up
// what the statement has left over.
func (n *noTxFile) recoverStatement(ctx context.Context, u *sqlfile.Statement) (done bool, err error) {
	switch u.NonTx.Kind {
	case sqlfile.Opaque:
		if err := n.yieldToOthers(ctx, u); err != nil {
			return false, err
		}
		return false, n.inDoubt(u)
	case sqlfile.Repeatable:
		return false, nil
	case sqlfile.BuildsIndex, sqlfile.Reindexes, sqlfile.DropsIndex, sqlfile.Detaches, sqlfile.Finalizes:
	}
	for first := true; ; first = false {
		left, err := n.leftovers(ctx, u)
		if err != nil {
			return false, err
		}
		switch {
		case u.NonTx.Kind == sqlfile.DropsIndex && n.writer.Citus && left.Broken: // gone on some shards, where a retry would fail
			return true, n.clear(ctx, u, "drop index concurrently if exists "+u.NonTx.Names[0].Text)
		case u.NonTx.Kind == sqlfile.DropsIndex:
			return left.Known && !left.There, nil
		case u.NonTx.Kind == sqlfile.Detaches && left.Finalize != "":
			return true, n.finalize(ctx, u, left.Finalize)
		case u.NonTx.Kind == sqlfile.Detaches, u.NonTx.Kind == sqlfile.Finalizes:
			return left.Known && !left.Attached, nil
		case len(left.Invalid) > 0 && len(left.Builders) > 0:
			if err := n.waitForBuilders(ctx, left.Builders, first); err != nil {
				return false, err
			}
			continue
		case left.Named != nil && left.Named.Valid:
			same, err := n.same(ctx, u, left.Named.OID)
			if same || err != nil {
				return same, err
			}
		}
		for _, index := range left.Invalid {
			if err := n.clear(ctx, u, "drop index concurrently if exists "+index); err != nil {
				return false, err
			}
			n.emit(n.event(Event{Kind: EventWarning, Message: fmt.Sprintf("%s: dropped the invalid index %s, which a failed or interrupted attempt has left", n.move.script().Path, index)}, n.move))
		}
		return false, nil
	}
}

// leftovers asks the catalog what the statement has left over. On Citus an index counts as valid only if it is valid on all
// shards.
func (n *noTxFile) leftovers(ctx context.Context, u *sqlfile.Statement) (*script.Leftovers, error) {
	rows, err := n.worker.Rows(ctx, n.worker.LiftLimits()+script.LeftoversSQL(u.NonTx, n.table, string(n.move.Migration.Version), n.writer.Citus))
	if err != nil {
		return nil, n.stopFor(ctx, script.OpFrame, err)
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

// same reports whether an index has the definition that the statement would create. If that cannot be tried, it returns true:
// the same name and table are enough.
func (n *noTxFile) same(ctx context.Context, u *sqlfile.Statement, index int64) (bool, error) {
	message := script.Whole(append(append([]script.Op{script.Frame("begin"), script.Frame("set local statement_timeout = 0"), script.Frame("set local lock_timeout = 0")}, script.SettingOps(n.file, u)...), script.Frame(script.SameSQL(u.NonTx, index))))[0]
	rows, err := n.worker.Rows(ctx, message.SQL)
	if abandoned := n.abort(ctx); abandoned != nil {
		return false, n.stopFor(ctx, script.OpFrame, abandoned)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && ctx.Err() == nil {
		return true, nil
	}
	if err != nil {
		return false, n.stopFor(ctx, script.OpFrame, err)
	}
	answer := rows[len(rows)-1]
	return answer[len(answer)-1] == "t", nil
}

// clear runs SQL, under the settings of the statement, that drops what the statement has left over.
func (n *noTxFile) clear(ctx context.Context, u *sqlfile.Statement, sql string) error {
	failed, _ := n.send(ctx, []*step{{Step: n.writer.CleanUp(n.script, u, sql, true), move: n.move}})
	if failed == nil {
		return nil
	}
	return n.uncleared(ctx, failed, sql, classify(ctx, script.OpSettle, failed.err, false, n.server))
}

// uncleared ends an attempt that could not clear up after a statement.
func (n *noTxFile) uncleared(ctx context.Context, failed *failure, sql string, result class) error {
	if result == lost {
		return &stop{class: lost, err: failed.err}
	}
	failed.err = fmt.Errorf("clear up after a statement that was cut off: %s: %w", sql, failed.err)
	return n.settle(ctx, failed, result)
}

// waitForBuilders waits for a moment while other sessions build indexes on the table: an invalid index may be theirs and become
// valid.
func (n *noTxFile) waitForBuilders(ctx context.Context, builders []uint32, first bool) error {
	if first {
		if err := n.reportWaitsFor(ctx, builders, 0); err != nil {
			return err
		}
	}
	return sleep(ctx, jitter(300*time.Millisecond))
}

// yieldToOthers ends the attempt if another run works on the file, or did until now. Its procedure may have released the run
// lock.
func (n *noTxFile) yieldToOthers(ctx context.Context, u *sqlfile.Statement) error {
	others, err := findWorkers(ctx, n.worker, n.table, n.id, n.move.Migration.Version)
	if err != nil {
		return n.stopFor(ctx, script.OpFrame, err)
	}
	if len(others) > 0 {
		n.locked = false
		n.lock.reportWaiting(others)
		return &stop{class: locked, err: errors.New("another run still works on " + n.move.script().Path)}
	}
	h, err := n.readHistory(ctx) // the other run may have recorded its end since the last read
	if err != nil {
		return err
	}
	if p := h.ProgressOf(string(n.move.Migration.Version)); p == nil || sqlfile.HashOf(p.Started, sqllex.Statement{End: len(p.Started)}) != u.Hash {
		return &stop{class: taken, err: errors.New("another run has gone on with it")}
	}
	return nil
}

// inDoubt says which statement only a person can decide about, and how.
func (n *noTxFile) inDoubt(u *sqlfile.Statement) error {
	table, version := n.table.Progress().SQL(), sqltext.Literal(string(n.move.Migration.Version))
	session := ""
	if u.NonTx.Routine { // nothing has recorded its settings
		session = ", session = session || " + script.UnknownText
	}
	hint := fmt.Sprintf("look whether it has run (what it has committed itself stays); if it has: update %s set done = done + 1, started = null%s where version = %s; if it has not: update %[1]s set started = null where version = %[3]s; then run again", table, session, version)
	failed := &failure{offset: n.offsetOf(n.move, u), err: fmt.Errorf("%w: it was begun outside a transaction, and was cut off or failed in the middle of its work (HINT: %s)", ErrInDoubt, hint)}
	return n.migrationError(n.move, failed, "not known of this statement; those before it are applied")
}
