package migrator

import (
	"fmt"
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What the tool's own statements raise in a no-transaction file.
const (
	codeStale   = "MG004" // the progress is not what was read: another run has gone on
	codeInvalid = "MG005" // an index that was built is not valid
)

// noTransaction returns the steps of a no-transaction file that are left to do; p is nil when it was not begun.
//
// A statement that can run in a transaction travels in one with its record, which is claimed first, so it cannot run
// twice. For one that cannot, it is recorded that it begins, and afterwards that it is done; what was cut off in
// between is settled from the catalog.
func (s scripter) noTransaction(move *Move, file *sqlfile.File, p *history.Progress) []*step {
	steps := []*step{s.lockSession(move)}
	done := 0
	if p == nil {
		steps = append(steps, s.begin(move))
	} else {
		if done = p.Done; p.Old {
			steps = append(steps, s.upToDate(move, done))
		}
	}
	for i := done; i < len(file.Separate); i++ {
		if u := file.Separate[i]; u.NonTx == nil {
			steps = append(steps, s.inside(move, file, i))
		} else {
			steps = append(steps, s.start(move, file, i), s.outside(move, file, i, u.NonTx.Concurrently), s.record(move, file, u, i))
		}
	}
	return append(steps, s.end(move, len(file.Separate)))
}

// lockSession makes the run lock one of the session that works: the backend of a client that is gone keeps it, so nobody
// runs beside that.
func (s scripter) lockSession(move *Move) *step {
	return &step{move: move, part: true, title: title(move) + ": keep other runs away", operations: []operation{s.lockBy("pg_try_advisory_lock")}}
}

// upToDate adds to the file's record what an older version has not written.
func (s scripter) upToDate(move *Move, done int) *step {
	return s.part(move, title(move)+": bring the record up to date", s.extendProgress(), s.claimProgress(move, "", "set done = done", done, "true"))
}

// begin makes the progress table where there is none, and the file's row.
func (s scripter) begin(move *Move) *step {
	row := operation{kind: opClaim, sql: fmt.Sprintf( // of all columns: a default might be a stranger's
		"insert into %s (version, direction, done, hashes, started, scope, spared, session)\nvalues (%s, %s, 0, '{}', null, '{}', '{}', '{}')",
		s.table.Progress().SQL(), sqltext.Literal(string(move.Migration.Version)), sqltext.Literal(string(move.Direction)))}
	return s.part(move, title(move)+": begin", slices.Concat(
		s.localTables(), []operation{s.makeProgress()}, s.newOwner(s.table.Progress()), []operation{s.extendProgress(), row}, s.stayHome())...)
}

// inside runs a statement in a transaction, with its record.
func (s scripter) inside(move *Move, file *sqlfile.File, i int) *step {
	u := file.Separate[i]
	text := u.Span.Text(file.Text)
	limit := frame("set local lock_timeout = " + s.limit(move.script()))
	operations := slices.Concat(
		[]operation{s.advance(move, i, u, s.refuseLeft(move, file, i), "started is null"), limit}, s.tellWorkers(limit), settingOperations(file, u),
		[]operation{s.noteBefore(u, text), statementOperation(file, u.Span), deferred()},
	)
	st := s.parted(move, s.unitTitle(move, file, i), operations, s.coverState(move, u, text), append(s.findState(move, text), clean(resetAll), clean("unlisten *")))
	st.does, st.number, st.of = u, i+1, len(file.Separate)
	return st
}

// start records that a statement begins which can be in no transaction with its record, and what tells afterwards how far
// it came.
func (s scripter) start(move *Move, file *sqlfile.File, i int) *step {
	u := file.Separate[i]
	operations := []operation{s.claimProgress(move, s.refuseLeft(move, file, i), fmt.Sprintf("set started = %s", sqltext.Literal(u.Span.Text(file.Text))), i, "started is null")}
	operations = append(operations, settingOperations(file, u)...) // the search_path finds what the statement is about
	operations = append(append(operations, s.keepFromWorkers()...),
		frame("select pg_catalog.set_config('migrator.objects', "+resolveSQL(u.NonTx)+", true)"),
		frame("reset session authorization"), frame("reset role"), catalogPath,
		operation{kind: opClaim, sql: fmt.Sprintf(
			"update %s as p set scope = s.oids, spared = %s\nfrom (select %s) s (oids)\nwhere p.version = %s",
			s.table.Progress().SQL(), sparedSQL(u.NonTx, "s.oids"), scopeSQL(u.NonTx), sqltext.Literal(string(move.Migration.Version)))})
	st := s.part(move, s.unitTitle(move, file, i)+": begins", operations...)
	st.begins, st.number, st.of = u, i+1, len(file.Separate)
	return st
}

// outside runs a statement outside a transaction.
func (s scripter) outside(move *Move, file *sqlfile.File, i int, patient bool) *step {
	u := file.Separate[i]
	st := s.alone(move, file, u, s.unitTitle(move, file, i), statementOperation(file, u.Span), patient)
	st.does, st.number, st.of = u, i+1, len(file.Separate)
	return st
}

// clearing ends what is left of a statement.
func (s scripter) clearing(move *Move, file *sqlfile.File, u *sqlfile.Statement, sql string, patient bool) *step {
	return s.alone(move, file, u, title(move)+": "+sql, operation{kind: opSettle, sql: sql}, patient)
}

// alone runs an operation outside a transaction, where the settings of a unit hold. Who is patient waits without being in
// anybody's way, and to give up would leave an invalid index each time.
func (s scripter) alone(move *Move, file *sqlfile.File, u *sqlfile.Statement, title string, o operation, patient bool) *step {
	timeout := move.script().lockTimeout(s.lockTimeout)
	if patient {
		timeout = 0
	}
	var operations []operation
	for _, setting := range s.sessionSettings(string(move.Migration.Version)) {
		operations = append(operations, frame(setting))
	}
	operations = append(operations,
		frame("set default_transaction_isolation = 'read committed'"), // of CONCURRENTLY's own transactions
		frame("set lock_timeout = "+milliseconds(timeout)))
	operations = append(operations, settingOperations(file, u)...)
	after := resets()
	if text := u.Span.Text(file.Text); u.NonTx.Kind == sqlfile.Opaque { // what it leaves is for its record
		operations = append(operations, noteState("before", text, false), frame(markSQL))
		after = []operation{noteState("left", text, false), after[0], after[1]}
	}
	operations = slices.Concat(operations, []operation{o}, after, s.idle())
	return &step{move: move, part: true, alone: true, patient: patient, title: title, operations: operations}
}

// record notes that a statement outside a transaction is done. An index that is not valid is not.
func (s scripter) record(move *Move, file *sqlfile.File, u *sqlfile.Statement, i int) *step {
	var operations []operation
	if u.NonTx.Kind == sqlfile.BuildsIndex {
		operations = append(operations, catalogPath, operation{kind: opClaim, sql: s.seesIndex(move, u)})
	}
	operations = append(operations, s.advance(move, i, u, "", "started is not null"))
	if u.NonTx.Kind == sqlfile.Opaque {
		operations = append(operations, s.recordState(move))
	}
	st := s.part(move, s.unitTitle(move, file, i)+": is done", operations...)
	if u.NonTx.Kind == sqlfile.Opaque { // a procedure may have let the run lock go, and nothing but this tells that it has run
		st.operations = slices.DeleteFunc(st.operations, func(o operation) bool { return o.kind == opLock })
	}
	st.does, st.number, st.of = u, i+1, len(file.Separate)
	return st
}

// seesIndex raises where an index that was built is not valid, on Citus also on its shards.
func (s scripter) seesIndex(move *Move, u *sqlfile.Statement) string {
	index := fmt.Sprintf("pg_index i join pg_class c on c.oid = i.indexrelid, %s p\n      where p.version = %s and i.indrelid = any (p.scope) and c.relname = %s and i.indisvalid",
		s.table.Progress().SQL(), sqltext.Literal(string(move.Migration.Version)), identifier(u.NonTx.Index))
	raise := fmt.Sprintf("    raise exception using errcode = '%s', message = %s,\n      hint = 'see what built it last; drop index concurrently, and run again';\n  end if;",
		codeInvalid, sqltext.Literal("the index "+u.NonTx.Index+" is not valid"))
	body := "  if not exists (select from " + index + ") then\n" + raise
	if u.NonTx.IfNotExists {
		body = s.seesOther(move, u) + body
	}
	if s.citus {
		body += "\n  if exists (select from " + shardAnswers("(select c.oid from "+index+")", "(select i.indrelid from "+index+")") + " where r.success and r.result <> 't') then\n" + raise
	}
	return sqltext.Block(body)
}

// seesOther raises where IF NOT EXISTS has skipped an index because something else has its name.
func (s scripter) seesOther(move *Move, u *sqlfile.Statement) string {
	return fmt.Sprintf(`  if exists (select from pg_class c, %s p
      where p.version = %s and c.relname = %s and c.relnamespace in (select t.relnamespace from pg_class t where t.oid = any (p.scope))
        and not exists (select from pg_index i where i.indexrelid = c.oid and i.indrelid = any (p.scope))) then
    raise exception using errcode = '%s', message = %s, hint = 'choose another name';
  end if;
`, s.table.Progress().SQL(), sqltext.Literal(string(move.Migration.Version)), identifier(u.NonTx.Index), codeInvalid,
		sqltext.Literal("something else is named "+u.NonTx.Index+" already, so IF NOT EXISTS has skipped the index"))
}

// again takes back that a statement was begun: nothing is left of it.
func (s scripter) again(move *Move, done int) *step {
	return s.part(move, title(move)+": begin a statement again", s.claimProgress(move, "", "set started = null", done, "started is not null"))
}

// end records the file as done, and takes the progress table away where it was the last.
func (s scripter) end(move *Move, units int) *step {
	progress := s.table.Progress().SQL()
	ops := append(s.open("", string(move.Migration.Version)), s.claim(move), operation{kind: opClaim, sql: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("delete from %s where version operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d and started is null", progress, sqltext.Literal(string(move.Migration.Version)), units),
		sqltext.Raise(codeStale, "another run has gone on with it", "")))},
		s.dropProgress(), deferred(), s.seal(move), operation{kind: opCommit, sql: "commit"})
	return &step{move: move, title: title(move) + ": record it", operations: append(ops, s.clean()...)}
}

// part is a transaction of a no-transaction file: claimed and sealed as the whole of another file is, but that going up
// the history row is taken away again: the file is not done.
func (s scripter) part(move *Move, title string, operations ...operation) *step {
	return s.parted(move, title, operations, resets(), nil)
}

// parted is part with what ends the file's settings before the seal, and what follows the commit.
func (s scripter) parted(move *Move, title string, operations, ending, after []operation) *step {
	version := sqltext.Literal(string(move.Migration.Version))
	own := "xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid"
	take := "delete from %s where version operator(pg_catalog.=) %s and " + own + ";\n"
	if move.Direction == DirectionDown {
		take = "perform from %s where version operator(pg_catalog.=) %s and " + own + ";\n"
	}
	seal := sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf(take+"  if found then\n    perform from %s where version operator(pg_catalog.=) %s and "+own+";\n  end if", s.table.SQL(), version, s.table.Progress().SQL(), version),
		sqltext.Raise(codeSeal, "the row of this file is gone or changed in "+s.table.String()+" or "+s.table.Progress().String(), sealHint)))
	ops := append(s.open(move.script().Isolation, string(move.Migration.Version)), s.claim(move))
	ops = append(append(ops, operations...), s.keepFromWorkers()...)
	ops = append(append(ops, ending...), s.unlimited()...)
	ops = append(append(ops, deferred(), operation{kind: opSeal, sql: seal}, operation{kind: opCommit, sql: "commit"}), after...)
	ops = append(ops, s.idle()...)
	return &step{move: move, part: true, title: title, operations: ops}
}

// advance claims that a statement has run, after a check. What is temporary may still be there.
func (s scripter) advance(move *Move, i int, u *sqlfile.Statement, check, state string) operation {
	const temporary = "coalesce((select pg_catalog.jsonb_object_agg(e.key, e.value) from pg_catalog.jsonb_each(session) e where pg_catalog.starts_with(e.key, 'pg_temp.')), '{}')"
	return s.claimProgress(move, check, fmt.Sprintf("set done = %d, hashes[%d] = %s, started = null, scope = '{}', spared = '{}', session = "+temporary, i+1, i+1, sqltext.Literal(u.Hash)), i, state)
}

func (s scripter) claimProgress(move *Move, check, set string, done int, state string) operation {
	return operation{kind: opClaim, sql: sqltext.Block(check + sqltext.RequireRow(
		fmt.Sprintf("update %s %s\n  where version operator(pg_catalog.=) %s and direction operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d and %s",
			s.table.Progress().SQL(), set, sqltext.Literal(string(move.Migration.Version)), sqltext.Literal(string(move.Direction)), done, state),
		sqltext.Raise(codeStale, "another run has gone on with it, or a statement was begun whose end is not recorded", "")))}
}

func (s scripter) unitTitle(move *Move, file *sqlfile.File, i int) string {
	return fmt.Sprintf("%s: statement %d of %d", title(move), i+1, len(file.Separate))
}
