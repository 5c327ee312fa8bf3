package migrator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What stands around everything that is sent: how a transaction begins, under which settings, and what is freed after it.

// open begins a transaction that no setting of a role can end early, and takes the run lock.
func (s scripter) open(isolation, application string) []operation {
	return s.opening(isolation, s.settings(application), s.locking())
}

func (s scripter) opening(isolation string, settings, lock []operation) []operation {
	return slices.Concat([]operation{frame("begin isolation level " + level(isolation))}, settings, s.lockExposed(isolation), lock)
}

// locking takes the run lock, and sees that our tables may be written.
func (s scripter) locking() []operation { return append([]operation{s.lock()}, s.trustedOwners()...) }

// level is an isolation level, whatever the role's own.
func level(isolation string) string { return cmp.Or(isolation, "read committed") }

// lock takes the run lock, or has it already. It never waits in the server: a waiter holds a snapshot there, for which a
// CREATE INDEX CONCURRENTLY of the holder would wait for ever.
func (s scripter) lock() operation {
	if s.keepsLock {
		return s.lockBy("pg_try_advisory_lock")
	}
	return s.lockBy("pg_try_advisory_xact_lock")
}

func (s scripter) lockBy(function string) operation {
	return operation{kind: opLock, sql: sqltext.Block(fmt.Sprintf(
		"  if not pg_catalog.%s(%d) then\n    raise exception using errcode = '%s', message = 'another run is migrating this database';\n  end if;",
		function, s.table.LockKey(), codeLocked))}
}

// A setting is a name and a value, as SQL.
type setting struct{ name, value string }

func (s setting) local() operation { return frame("set local " + s.name + " = " + s.value) }

func (s setting) session() string { return "set " + s.name + " = " + s.value }

func local(settings []setting) (operations []operation) {
	for _, s := range settings {
		operations = append(operations, s.local())
	}
	return operations
}

func inSession(settings []setting) (texts []string) {
	for _, s := range settings {
		texts = append(texts, s.session())
	}
	return texts
}

// settings are those under which our own statements run, and at first the file.
func (s scripter) settings(application string) []operation { return local(s.ours(application)) }

// sessionSettings are the same for a session, where there is no transaction.
func (s scripter) sessionSettings(application string) []string { return inSession(s.ours(application)) }

func (s scripter) ours(application string) []setting {
	settings := append(s.keptFromWorkers(), s.calm()...)
	if application != "" {
		settings = append(settings, s.name(application))
	}
	return settings
}

// named tells pg_stat_activity what runs.
func (s scripter) named(application string) operation { return s.name(application).local() }

func (s scripter) name(application string) setting {
	return setting{"application_name", sqltext.Literal(applicationName(s.runID, application))}
}

// unlimited lifts the limits that what a file has set was reset to: of what is left to run, the seal and the commit, a
// deferred trigger may take its time.
func (s scripter) unlimited() []operation { return append(s.keepFromWorkers(), local(s.lifted())...) }

// limits lifts those that a role may have: they are meant for an application's queries. A client that has vanished is
// given up all the same, with the locks that it holds.
func (s scripter) limits() []operation { return local(s.calm()) }

// calm are the settings that limits makes.
func (s scripter) calm() []setting {
	return s.lifted(append([]setting{{"idle_in_transaction_session_timeout", "0"}}, presence()...)...)
}

// presence is how soon the server finds out that the client's host has vanished.
func presence() []setting {
	return []setting{
		{"tcp_keepalives_idle", fmt.Sprintf("'%s'", pgsession.KeepaliveIdle)},
		{"tcp_keepalives_interval", fmt.Sprintf("'%s'", pgsession.KeepaliveInterval)},
		{"tcp_user_timeout", fmt.Sprintf("'%s'", pgsession.PeerTimeout)},
	}
}

// idle are the settings of a session that holds the run lock and waits for its client, but not for one that is gone.
func idle() []setting {
	return append([]setting{{"idle_session_timeout", "0"}}, presence()...)
}

// idle makes them anew where all settings were reset.
func (s scripter) idle() (ops []operation) {
	if s.keepsLock {
		for _, setting := range inSession(idle()) {
			ops = append(ops, clean(setting))
		}
	}
	return ops
}

// lifted are no limits of what runs, and more.
func (s scripter) lifted(more ...setting) []setting {
	settings := append([]setting{{"lock_timeout", "0"}, {"statement_timeout", "0"}}, more...)
	if s.major >= 17 {
		settings = append(settings, setting{"transaction_timeout", "0"})
	}
	if s.checkInterval { // the server gives up the statement of a client that is gone
		settings = append(settings, setting{"client_connection_check_interval", "'500ms'"})
	}
	return settings
}

// resets take back what a file has set: it must not meet our own statements, role and search_path above all. Channels are let
// go here, since in a later transaction they would be listened to until its end.
func resets() []operation { return slices.Clone(resetting) }

var resetting = []operation{frame("reset session authorization"), frame("reset role"), frame(resetAll), frame("unlisten *")}

// clean frees what a rollback or commit does not: it must not meet the next file, nor a pooler's next client.
func (s scripter) clean() []operation {
	return append(append(s.discard(), s.unlock()), s.idle()...)
}

// unlock frees the advisory locks that a file has left; the run lock is kept, by the transaction while it is nobody's
// session's, and taken back where the file has let it go.
func (s scripter) unlock() operation { return clean(sqltext.Block(s.unlocking())) }

func (s scripter) unlocking() string {
	calls := []string{"pg_advisory_unlock_all()"}
	if s.keepsLock {
		key := fmt.Sprintf("(%d)", s.table.LockKey())
		calls = []string{"pg_try_advisory_xact_lock" + key, calls[0], "pg_try_advisory_lock" + key}
	}
	return "  perform pg_catalog." + strings.Join(calls, "; perform pg_catalog.") + ";"
}

func (s scripter) discard() []operation {
	deallocate := "deallocate all"
	if s.pooled { // a pooler keeps prepared statements of others in this session, and would not learn of it
		deallocate = sqltext.Block(deallocateWhere("p.from_sql"))
	}
	return []operation{discardTemp, clean(deallocate), closeAll}
}

// What a transaction leaves besides locks and prepared statements.
var (
	discardTemp = clean("discard temp")
	closeAll    = clean("close all")
	leavings    = []operation{discardTemp, closeAll}
)

// deallocateWhere is what a block does about prepared statements p.
func deallocateWhere(condition string) string {
	return "  declare name pg_catalog.text; begin\n  for name in select p.name from pg_catalog.pg_prepared_statements p where " + condition + " loop\n    execute pg_catalog.format('deallocate %I', name);\n  end loop; end;"
}

// abandon is what is sent after an error, in place of the rest of a step.
func (s scripter) abandon() []operation { return append(s.rollback(), s.clean()...) }

// rollback keeps what outlives a transaction.
func (s scripter) rollback() []operation {
	return append([]operation{frame("rollback")}, resets()...)
}

func frame(sql string) operation { return operation{kind: opFrame, sql: sql} }

func clean(sql string) operation { return operation{kind: opClean, sql: sql} }

// applicationName is what pg_stat_activity shows; the run id tells which sessions are of one run.
func applicationName(runID, what string) string {
	prefix := applicationPrefix(runID)
	if what == "" {
		return strings.TrimSuffix(prefix, " ")
	}
	return prefix + applicationSuffix(prefix, what)
}

func applicationPrefix(runID string) string {
	if runID == "" {
		return "migrator "
	}
	return "migrator " + runID + " "
}

// applicationSuffix is what fits: PostgreSQL would cut the name at 63 bytes with a notice, and show other characters than ASCII
// in one way up to 15 and in another one after it.
func applicationSuffix(prefix, what string) string {
	what = what[:min(len(what), 63-len(prefix))]
	if !strings.ContainsFunc(what, unprintable) {
		return what
	}
	shown := []byte(what)
	for i, c := range shown {
		if unprintable(rune(c)) {
			shown[i] = '?'
		}
	}
	return string(shown)
}

func unprintable(c rune) bool { return c < ' ' || c > '~' }
