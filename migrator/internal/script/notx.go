package script

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// NoTransaction returns the steps that are left to do of a no-transaction file. p is the file's record; nil if it has not begun.
//
// A statement that can run in a transaction runs in one that first updates the record, so it cannot run twice. For any other
// statement, one step records that it begins, and a step after it records that it is done. If it is interrupted in between, the
// next run finds out from the catalog how far it came.
func (s Writer) NoTransaction(move *Move, p *history.Progress) []*Step {
	steps := []*Step{s.lockSession(move)}
	done := 0
	if p == nil {
		steps = append(steps, s.begin(move))
	} else {
		if done = p.Done; p.Old {
			steps = append(steps, s.UpdateRecord(move, done))
		}
	}
	for i := done; i < len(move.File.Separate); i++ {
		if u := move.File.Separate[i]; u.NonTx == nil {
			steps = append(steps, s.inside(move, i))
		} else {
			steps = append(steps, s.start(move, i), s.NonTx(move, i, u.NonTx.Concurrently), s.Record(move, u, i))
		}
	}
	return append(steps, s.end(move, len(move.File.Separate)))
}

// lockSession takes the run lock for the session that runs the statements. If the client dies, its backend keeps the lock as long
// as it still works, so no other run works at the same time.
func (s Writer) lockSession(move *Move) *Step {
	return &Step{Move: move, Part: true, title: title(move) + ": keep other runs away", Ops: []Op{s.lockBy("pg_try_advisory_lock")}}
}

// UpdateRecord returns the step that adds to the file's record what an older version of the tool did not write. done is how many
// statements have run. The step fails with sqlstate.RecordStale if the record shows another number.
func (s Writer) UpdateRecord(move *Move, done int) *Step {
	return s.part(move, title(move)+": bring the record up to date", s.extendProgress(), s.claimProgress(move, "", "set done = done", done, "true"))
}

// begin creates the progress table if there is none, and adds the file's record.
func (s Writer) begin(move *Move) *Step {
	row := Op{Kind: OpClaim, SQL: fmt.Sprintf( // sets all columns, so that no default runs: it might be a stranger's
		"insert into %s (version, direction, done, hashes, started, scope, spared, session)\nvalues (%s, %s, 0, '{}', null, '{}', '{}', '{}')",
		s.Table.Progress().SQL(), sqltext.Literal(move.Version), sqltext.Literal(move.direction()))}
	return s.part(move, title(move)+": begin", slices.Concat(
		s.localTables(), []Op{s.makeProgress()}, s.newOwner(s.Table.Progress()), []Op{s.extendProgress(), row}, s.RequireCoordinator())...)
}

// inside runs a statement in a transaction that also updates the record.
func (s Writer) inside(move *Move, i int) *Step {
	u := move.File.Separate[i]
	text := u.Span.Text(move.File.Text)
	limit := Frame("set local lock_timeout = " + milliseconds(move.LockTimeout))
	operations := slices.Concat(
		[]Op{s.advance(move, i, u, s.refuseLeft(move, i), "started is null"), limit}, s.tellWorkers(limit), SettingOps(move.File, u),
		[]Op{s.noteBefore(u, text), StatementOp(move.File, u.Span), deferred()},
	)
	st := s.parted(move, s.unitTitle(move, i), operations, s.coverState(move, u, text), append(s.findState(move, text), clean(resetAll), clean("unlisten *")))
	st.Runs, st.Number, st.Of = u, i+1, len(move.File.Separate)
	return st
}

// start records that a statement is about to run outside a transaction. It also records what the next run needs to find out how
// far the statement came: see scopeSQL and sparedSQL.
func (s Writer) start(move *Move, i int) *Step {
	u := move.File.Separate[i]
	operations := []Op{s.claimProgress(move, s.refuseLeft(move, i), fmt.Sprintf("set started = %s", sqltext.Literal(u.Span.Text(move.File.Text))), i, "started is null")}
	operations = append(operations, SettingOps(move.File, u)...) // the statement's names need the file's search_path
	operations = append(append(operations, s.keepFromWorkers()...),
		Frame("select pg_catalog.set_config('migrator.objects', "+resolveSQL(u.NonTx)+", true)"),
		Frame("reset session authorization"), Frame("reset role"), catalogPath,
		Op{Kind: OpClaim, SQL: fmt.Sprintf(
			"update %s as p set scope = s.oids, spared = %s\nfrom (select %s) s (oids)\nwhere p.version = %s",
			s.Table.Progress().SQL(), sparedSQL(u.NonTx, "s.oids"), scopeSQL(u.NonTx), sqltext.Literal(move.Version))})
	st := s.part(move, s.unitTitle(move, i)+": begins", operations...)
	st.Begins, st.Number, st.Of = u, i+1, len(move.File.Separate)
	return st
}

// NonTx returns the step that runs statement i, from 0, outside a transaction. A patient one waits for locks as long as it takes;
// otherwise the move's lock timeout applies.
func (s Writer) NonTx(move *Move, i int, patient bool) *Step {
	u := move.File.Separate[i]
	st := s.alone(move, u, s.unitTitle(move, i), StatementOp(move.File, u.Span), patient)
	st.Runs, st.Number, st.Of = u, i+1, len(move.File.Separate)
	return st
}

// CleanUp returns the step that runs sql outside a transaction, with the settings of u, to clear up after u, which was interrupted
// or has failed. A patient one waits for locks as long as it takes; otherwise the move's lock timeout applies.
func (s Writer) CleanUp(move *Move, u *sqlfile.Statement, sql string, patient bool) *Step {
	return s.alone(move, u, title(move)+": "+sql, Op{Kind: OpSettle, SQL: sql}, patient)
}

// alone runs an operation outside a transaction, with the settings that the file makes for a statement. A patient operation has
// no lock timeout: it blocks nobody while it waits, and each attempt that gives up would leave an invalid index.
func (s Writer) alone(move *Move, u *sqlfile.Statement, title string, o Op, patient bool) *Step {
	timeout := move.LockTimeout
	if patient {
		timeout = 0
	}
	var operations []Op
	for _, setting := range s.SessionSettings(move.Version) {
		operations = append(operations, Frame(setting))
	}
	operations = append(operations,
		Frame("set default_transaction_isolation = 'read committed'"), // for the transactions that CONCURRENTLY begins
		Frame("set lock_timeout = "+milliseconds(timeout)))
	operations = append(operations, SettingOps(move.File, u)...)
	after := resets()
	if text := u.Span.Text(move.File.Text); u.NonTx.Kind == sqlfile.Opaque { // no RESET ALL yet: recordState needs the notes
		operations = append(operations, noteState("before", text, false), Frame(markSQL))
		after = []Op{noteState("left", text, false), after[0], after[1]}
	}
	operations = slices.Concat(operations, []Op{o}, after, s.Idle())
	return &Step{Move: move, Part: true, Alone: true, Patient: patient, title: title, Ops: operations}
}

// Record returns the step that records that statement i, from 0, is done, after it ran outside a transaction. The step fails if the
// statement should have built an index and the index is not valid.
func (s Writer) Record(move *Move, u *sqlfile.Statement, i int) *Step {
	var operations []Op
	if u.NonTx.Kind == sqlfile.BuildsIndex {
		operations = append(operations, catalogPath, Op{Kind: OpClaim, SQL: s.seesIndex(move, u)})
	}
	operations = append(operations, s.advance(move, i, u, "", "started is not null"))
	if u.NonTx.Kind == sqlfile.Opaque {
		operations = append(operations, s.recordState(move))
	}
	st := s.part(move, s.unitTitle(move, i)+": is done", operations...)
	if u.NonTx.Kind == sqlfile.Opaque { // a procedure may have released the run lock, and only this record tells that it has run
		st.Ops = slices.DeleteFunc(st.Ops, func(o Op) bool { return o.Kind == OpLock })
	}
	st.Runs, st.Number, st.Of = u, i+1, len(move.File.Separate)
	return st
}

// seesIndex is a block that fails if the index that was built is not valid. On Citus it also asks the shards.
func (s Writer) seesIndex(move *Move, u *sqlfile.Statement) string {
	index := fmt.Sprintf("pg_index i join pg_class c on c.oid = i.indexrelid, %s p\n      where p.version = %s and i.indrelid = any (p.scope) and c.relname = %s and i.indisvalid",
		s.Table.Progress().SQL(), sqltext.Literal(move.Version), identifier(u.NonTx.Index))
	raise := fmt.Sprintf("    raise exception using errcode = '%s', message = %s,\n      hint = 'see what built it last; drop index concurrently, and run again';\n  end if;",
		sqlstate.IndexInvalid, sqltext.Literal("the index "+u.NonTx.Index+" is not valid"))
	body := "  if not exists (select from " + index + ") then\n" + raise
	if u.NonTx.IfNotExists {
		body = s.seesOther(move, u) + body
	}
	if s.Citus {
		body += "\n  if exists (select from " + shardAnswers("(select c.oid from "+index+")", "(select i.indrelid from "+index+")") + " where r.success and r.result <> 't') then\n" + raise
	}
	return sqltext.Block(body)
}

// seesOther is the part of that block that fails if IF NOT EXISTS has skipped the index because something else has its name.
func (s Writer) seesOther(move *Move, u *sqlfile.Statement) string {
	return fmt.Sprintf(`  if exists (select from pg_class c, %s p
      where p.version = %s and c.relname = %s and c.relnamespace in (select t.relnamespace from pg_class t where t.oid = any (p.scope))
        and not exists (select from pg_index i where i.indexrelid = c.oid and i.indrelid = any (p.scope))) then
    raise exception using errcode = '%s', message = %s, hint = 'choose another name';
  end if;
`, s.Table.Progress().SQL(), sqltext.Literal(move.Version), identifier(u.NonTx.Index), sqlstate.IndexInvalid,
		sqltext.Literal("something else is named "+u.NonTx.Index+" already, so IF NOT EXISTS has skipped the index"))
}

// Restart returns the step that removes a begun statement from the record, so that the statement begins again. Nothing of it may
// be left over in the database. done is how many statements have run before it.
func (s Writer) Restart(move *Move, done int) *Step {
	return s.part(move, title(move)+": begin a statement again", s.claimProgress(move, "", "set started = null", done, "started is not null"))
}

// end writes the history row of the file, deletes its record, and drops the progress table if no other file is unfinished.
func (s Writer) end(move *Move, units int) *Step {
	progress := s.Table.Progress().SQL()
	ops := append(s.open("", move.Version), s.claim(move), Op{Kind: OpClaim, SQL: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("delete from %s where version operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d and started is null", progress, sqltext.Literal(move.Version), units),
		sqltext.Raise(sqlstate.RecordStale, "another run has gone on with it", "")))},
		s.DropProgress(), deferred())
	ops = slices.Concat(ops, discards, []Op{s.seal(move), commit()}, s.free())
	return &Step{Move: move, title: title(move) + ": record it", Ops: ops}
}

// part is a transaction of a no-transaction file. Like the transaction of any other file it claims and seals the history row.
// Going up, the seal deletes the row again, because the file is not done yet.
func (s Writer) part(move *Move, title string, operations ...Op) *Step {
	return s.parted(move, title, operations, resets(), nil)
}

// parted is part with a choice of two more things: ending undoes the file's settings before the seal, after follows the commit.
func (s Writer) parted(move *Move, title string, operations, ending, after []Op) *Step {
	version := sqltext.Literal(move.Version)
	own := "xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid"
	take := "delete from %s where version operator(pg_catalog.=) %s and " + own + ";\n"
	if move.Down {
		take = "perform from %s where version operator(pg_catalog.=) %s and " + own + ";\n"
	}
	seal := sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf(take+"  if found then\n    perform from %s where version operator(pg_catalog.=) %s and "+own+";\n  end if", s.Table.SQL(), version, s.Table.Progress().SQL(), version),
		sqltext.Raise(sqlstate.SealBroken, "the row of this file is gone or changed in "+s.Table.String()+" or "+s.Table.Progress().String(), sealHint)))
	ops := append(s.open(move.Isolation, move.Version), s.claim(move))
	ops = append(append(ops, operations...), s.keepFromWorkers()...)
	ops = append(append(ops, ending...), s.unlimited()...)
	ops = append(append(ops, deferred(), Op{Kind: OpSeal, SQL: seal}, commit()), after...)
	ops = append(ops, s.Idle()...)
	return &Step{Move: move, Part: true, title: title, Ops: ops}
}

// advance records that statement i, from 0, is done. See claimProgress for check and state. The record keeps the temporary
// objects that earlier statements have left, because they may still be there.
func (s Writer) advance(move *Move, i int, u *sqlfile.Statement, check, state string) Op {
	const temporary = "coalesce((select pg_catalog.jsonb_object_agg(e.key, e.value) from pg_catalog.jsonb_each(session) e where pg_catalog.starts_with(e.key, 'pg_temp.')), '{}')"
	return s.claimProgress(move, check, fmt.Sprintf("set done = %d, hashes[%d] = %s, started = null, scope = '{}', spared = '{}', session = "+temporary, i+1, i+1, sqltext.Literal(u.Hash)), i, state)
}

// claimProgress updates the record if so many statements are done and the SQL condition state holds. Otherwise it raises
// sqlstate.RecordStale. check is a part of a block that comes first and may raise; it may be empty.
func (s Writer) claimProgress(move *Move, check, set string, done int, state string) Op {
	return Op{Kind: OpClaim, SQL: sqltext.Block(check + sqltext.RequireRow(
		fmt.Sprintf("update %s %s\n  where version operator(pg_catalog.=) %s and direction operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d and %s",
			s.Table.Progress().SQL(), set, sqltext.Literal(move.Version), sqltext.Literal(move.direction()), done, state),
		sqltext.Raise(sqlstate.RecordStale, "another run has gone on with it, or a statement was begun whose end is not recorded", "")))}
}

func (s Writer) unitTitle(move *Move, i int) string {
	return fmt.Sprintf("%s: statement %d of %d", title(move), i+1, len(move.File.Separate))
}
