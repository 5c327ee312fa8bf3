package migrator

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// The SQLSTATEs that the tool's own statements raise.
const (
	codeGone   = "MG001" // down: the history row is gone, another run reverted the migration
	codeSeal   = "MG002" // the history row is not this transaction's any more
	codeLocked = "MG003" // another run holds the run lock
)

// resetAll takes every setting back to what the connection began with.
const resetAll = "reset all"

type operationKind uint8

const (
	opFrame  operationKind = iota // begin, settings, resets: the tool's own
	opLock                        // takes the run lock, where no other connection holds it
	opClaim                       // writes the history row, first: the primary key decides who applies a file
	opFile                        // the file
	opSettle                      // clears up after a statement that was cut off, alone
	opSeal                        // sees that the row is still this transaction's
	opCommit                      // makes it last
	opClean                       // frees what outlives a transaction
)

// An operation is one thing to send. All statements are one each, but for opFile.
type operation struct {
	kind operationKind
	sql  string
	// Of opFile only: the file, where sql begins in it, and its statements in sql.
	file       *reviewed
	offset     int
	statements []sqllex.Statement
}

// A step is a transaction, or a statement that can be in none: it is applied whole, and tried again whole.
type step struct {
	move       *Move  // nil for a step of the tool's own
	title      string // for a person
	operations []operation

	// Of no-transaction files only:
	part    bool  // other steps follow for the same move
	does    *unit // when it is done, this statement is
	number  int   // of that statement, from 1
	of      int   // how many there are
	alone   bool  // there is no transaction, and what is not the tool's own needs a message of its own
	patient bool  // it may wait for locks as long as it takes
}

// A scripter turns moves into steps. Running and printing differ in these fields only.
type scripter struct {
	table         table
	runID         string
	major         int           // the server's major version
	lockTimeout   time.Duration // for files whose header names none; below 0: none
	takesLock     bool          // each transaction takes the run lock: no other connection holds it
	pooled        bool          // the session is a pooler's, and others use it after us
	checkInterval bool          // the server takes client_connection_check_interval
	citus         bool          // the server is a coordinator, and what files do goes on to its workers
}

// script returns everything that is to be sent for the moves, in order.
func (s scripter) script(h *history, target Target, migrations []Migration, moves []Move, reviews []*reviewed) []step {
	var steps []step
	if !h.exists && target.applies() {
		steps = append(steps, s.createHistory())
	}
	if len(moves) > 0 {
		if fill := s.fillChecksums(h, migrations); fill != nil {
			steps = append(steps, *fill)
		}
	}
	for i := range moves {
		p := h.progressFor(moves, i)
		if reviews[i].units != nil || p != nil { // a file that was begun may have been emptied since
			steps = append(steps, s.noTransaction(&moves[i], reviews[i], p)...)
		} else {
			steps = append(steps, s.move(&moves[i], reviews[i]))
		}
	}
	return steps
}

// createHistory makes the table. Two poolers' clients may do so at once: the loser's error is one that is read again.
func (s scripter) createHistory() step {
	ddl := strings.TrimSpace(strings.Replace(historySQL, defaultTable, s.table.sql(), 1))
	return s.transaction(fmt.Sprintf("make the history table %s", s.table), "", ddl)
}

// fillChecksums records the checksums of files that were applied before there were any: by an older system, or by hand.
func (s scripter) fillChecksums(h *history, migrations []Migration) *step {
	var values []string
	for _, m := range migrations {
		if row := h.row(m.Version); row != nil && row.checksum == "" {
			values = append(values, fmt.Sprintf("(%s, %s)", literal(string(m.Version)), literal(m.Checksum())))
		}
	}
	if len(values) == 0 {
		return nil
	}
	fill := s.transaction("record checksums that are not known yet", "", fmt.Sprintf(
		"update %s as h set checksum = v.checksum from (values\n%s) as v (version, checksum)\nwhere h.version operator(pg_catalog.=) v.version and coalesce(h.checksum, '') operator(pg_catalog.=) ''",
		s.table.sql(), strings.Join(values, ",\n")))
	return &fill
}

// transaction is a step of the tool's own.
func (s scripter) transaction(title, application, sql string) step {
	ops := slices.Concat(
		s.open("", application), s.localTables(), []operation{{kind: opClaim, sql: sql}}, s.stayHome(), []operation{{kind: opCommit, sql: "commit"}},
	)
	return step{title: title, operations: ops}
}

// move is the step of one file.
func (s scripter) move(move *Move, file *reviewed) step {
	version := move.Migration.Version
	limit := frame(fmt.Sprintf("set local lock_timeout = '%dms'", milliseconds(file.script.lockTimeout(s.lockTimeout))))
	ops := slices.Concat(
		s.open(file.script.Isolation, string(version)), []operation{s.claim(move)}, s.stayHome(),
		[]operation{limit}, s.tellWorkers(limit), []operation{file.operation()},
		// What the file has set must not meet the seal, nor the settings below: role and search_path above all.
		s.keepFromWorkers(), []operation{frame("reset session authorization"), frame("reset role"), frame(resetAll)},
		s.settings(string(version)), []operation{limit, s.seal(move), {kind: opCommit, sql: "commit"}},
	)
	return step{move: move, title: title(move), operations: append(ops, s.clean()...)}
}

// milliseconds rounds up: 0 would be no limit.
func milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}

func title(move *Move) string {
	if move.Direction == DirectionDown {
		return "revert " + string(move.Migration.Version)
	}
	return "apply " + string(move.Migration.Version)
}

// open begins a transaction that no setting of a role can end early, and takes the run lock where that is its task.
func (s scripter) open(isolation, application string) []operation {
	if isolation == "" {
		isolation = "read committed"
	}
	ops := append([]operation{frame("begin isolation level " + isolation)}, s.settings(application)...)
	if s.takesLock {
		ops = append(ops, operation{kind: opLock, sql: block(fmt.Sprintf(
			"  if not pg_catalog.pg_try_advisory_xact_lock(%d) then\n    raise exception using errcode = '%s', message = 'another run is migrating this database';\n  end if;",
			s.table.lockKey(), codeLocked))})
	}
	return ops
}

// settings are those under which our own statements run.
func (s scripter) settings(application string) []operation {
	ops := append(s.keepFromWorkers(), s.limits()...)
	if application != "" {
		ops = append(ops, frame("set local application_name = "+literal(applicationName(s.runID, application))))
	}
	return ops
}

// limits lifts those that a role may have: they are meant for an application's queries. A client that has vanished is
// given up all the same, with the locks that it holds.
func (s scripter) limits() []operation {
	ops := []operation{
		frame("set local lock_timeout = 0"),
		frame("set local statement_timeout = 0"),
		frame("set local idle_in_transaction_session_timeout = 0"),
		frame(fmt.Sprintf("set local tcp_keepalives_idle = '%s'", keepaliveIdle)),
		frame(fmt.Sprintf("set local tcp_keepalives_interval = '%s'", keepaliveInterval)),
		frame(fmt.Sprintf("set local tcp_user_timeout = '%s'", peerTimeout)),
	}
	if s.major >= 17 {
		ops = append(ops, frame("set local transaction_timeout = 0"))
	}
	if s.checkInterval { // the server gives up the statement of a client that is gone
		ops = append(ops, frame("set local client_connection_check_interval = '1s'"))
	}
	return ops
}

// claim writes the history row before the file runs. Whoever gets it does the work; whoever comes second waits for the
// first one's end and then fails on the primary key, or finds the row gone.
func (s scripter) claim(move *Move) operation {
	version := literal(string(move.Migration.Version))
	if move.Direction == DirectionDown {
		return operation{kind: opClaim, sql: block(fmt.Sprintf(
			"  update %s set applied_at = applied_at where version operator(pg_catalog.=) %s;\n  if not found then\n    raise exception using errcode = '%s', message = 'it is not applied any more';\n  end if;",
			s.table.sql(), version, codeGone))}
	}
	return operation{kind: opClaim, sql: fmt.Sprintf(
		"insert into %s (version, applied_at, checksum)\nvalues (%s, pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), %s)",
		s.table.sql(), version, literal(move.Migration.Checksum()))}
}

// seal refuses to commit when the row is gone or belongs to another transaction: the file has dropped or emptied the
// history, or ended the transaction in a way that review did not see.
func (s scripter) seal(move *Move) operation {
	write := "update %s set applied_at = pg_catalog.timezone('utc', pg_catalog.clock_timestamp())"
	if move.Direction == DirectionDown {
		write = "delete from %s"
	}
	return operation{kind: opSeal, sql: block(fmt.Sprintf(
		"  "+write+"\n  where version operator(pg_catalog.=) %s\n    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid;\n  if not found then\n    raise exception using errcode = '%s', message = %s,\n      hint = 'a migration must not write to the history table, nor end its transaction';\n  end if;",
		s.table.sql(), literal(string(move.Migration.Version)), codeSeal,
		literal("the file has removed or changed its own row in "+s.table.String())))}
}

// clean frees what a rollback or commit does not: it must not meet the next file, nor a pooler's next client.
func (s scripter) clean() []operation {
	deallocate := "deallocate all"
	if s.pooled { // a pooler keeps prepared statements of others in this session, and would not learn of it
		deallocate = block("  declare name text; begin\n  for name in select p.name from pg_catalog.pg_prepared_statements p where p.from_sql loop\n    execute pg_catalog.format('deallocate %I', name);\n  end loop; end;")
	}
	return []operation{
		clean("discard temp"), clean(deallocate), clean("close all"), clean("unlisten *"),
		clean(block("  perform pg_catalog.pg_advisory_unlock_all();")),
	}
}

// abandon is what is sent after an error, in place of the rest of a step.
func (s scripter) abandon() []operation { return append(s.rollback(), s.clean()...) }

// rollback keeps what outlives a transaction.
func (s scripter) rollback() []operation {
	return []operation{frame("rollback"), frame("reset session authorization"), frame("reset role"), frame(resetAll)}
}

func frame(sql string) operation { return operation{kind: opFrame, sql: sql} }

func clean(sql string) operation { return operation{kind: opClean, sql: sql} }

// applicationName is what pg_stat_activity shows; the run id leads from the connection that holds the lock to the one
// that works. PostgreSQL would cut it at 63 bytes with a notice.
func applicationName(runID, what string) string {
	name := strings.Join(slices.DeleteFunc([]string{"migrator", runID, what}, func(s string) bool { return s == "" }), " ")
	for len(name) > 63 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
