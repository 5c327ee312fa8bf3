package script

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What stands around everything that is sent: how a transaction begins, under which settings, and what is freed after it.

// open begins a transaction that no setting of a role can end early, and takes the run lock.
func (s Writer) open(isolation, application string) []Op {
	return s.opening(isolation, s.settings(application), s.locking())
}

func (s Writer) opening(isolation string, settings, lock []Op) []Op {
	return slices.Concat([]Op{Frame("begin isolation level " + level(isolation))}, settings, s.lockExposed(isolation), lock)
}

// locking takes the run lock, and sees that our tables may be written.
func (s Writer) locking() []Op { return append([]Op{s.lock()}, s.CheckOwners()...) }

// level is an isolation level, whatever the role's own.
func level(isolation string) string { return cmp.Or(isolation, "read committed") }

// lock takes the run lock, or has it already. It never waits in the server: a waiter holds a snapshot there, for which a
// CREATE INDEX CONCURRENTLY of the holder would wait for ever.
func (s Writer) lock() Op {
	if s.KeepsLock {
		return s.lockBy("pg_try_advisory_lock")
	}
	return s.lockBy("pg_try_advisory_xact_lock")
}

func (s Writer) lockBy(function string) Op {
	return Op{Kind: OpLock, SQL: sqltext.Block(fmt.Sprintf(
		"  if not pg_catalog.%s(%d) then\n    raise exception using errcode = '%s', message = 'another run is migrating this database';\n  end if;",
		function, s.Table.LockKey(), CodeLocked))}
}

// A setting is a name and a value, as SQL.
type setting struct{ name, value string }

func (s setting) local() Op { return Frame("set local " + s.name + " = " + s.value) }

func (s setting) Session() string { return "set " + s.name + " = " + s.value }

func Local(settings []setting) (operations []Op) {
	for _, s := range settings {
		operations = append(operations, s.local())
	}
	return operations
}

func InSession(settings []setting) (texts []string) {
	for _, s := range settings {
		texts = append(texts, s.Session())
	}
	return texts
}

// settings are those under which our own statements run, and at first the file.
func (s Writer) settings(application string) []Op { return Local(s.ours(application)) }

// SessionSettings are the same for a session, where there is no transaction.
func (s Writer) SessionSettings(application string) []string { return InSession(s.ours(application)) }

func (s Writer) ours(application string) []setting {
	settings := append(s.keptFromWorkers(), s.calm()...)
	if application != "" {
		settings = append(settings, s.Name(application))
	}
	return settings
}

// named tells pg_stat_activity what runs.
func (s Writer) named(application string) Op { return s.Name(application).local() }

func (s Writer) Name(application string) setting {
	return setting{"application_name", sqltext.Literal(ApplicationName(s.RunID, application))}
}

// unlimited lifts the limits that what a file has set was reset to: of what is left to run, the seal and the commit, a
// deferred trigger may take its time.
func (s Writer) unlimited() []Op { return append(s.keepFromWorkers(), Local(s.Lifted())...) }

// limits lifts those that a role may have: they are meant for an application's queries. A client that has vanished is
// given up all the same, with the locks that it holds.
func (s Writer) limits() []Op { return Local(s.calm()) }

// calm are the settings that limits makes.
func (s Writer) calm() []setting {
	return s.Lifted(append([]setting{{"idle_in_transaction_session_timeout", "0"}}, presence()...)...)
}

// A peer that vanishes without a word, such as a host that loses its power or a network that drops every packet, is given up
// after PeerTimeout: by us, and by the server, which gets the same limits as settings. TCP by itself would take a quarter of an
// hour while something is unanswered, and the server two hours while nothing is. Shorter interruptions, such as a virtual
// machine that is moved, are survived.
const (
	KeepaliveIdle     = 15 * time.Second
	KeepaliveInterval = 10 * time.Second
	KeepaliveCount    = 3
	PeerTimeout       = KeepaliveIdle + KeepaliveCount*KeepaliveInterval
)

// presence is how soon the server finds out that the client's host has vanished.
func presence() []setting {
	return []setting{
		{"tcp_keepalives_idle", fmt.Sprintf("'%s'", KeepaliveIdle)},
		{"tcp_keepalives_interval", fmt.Sprintf("'%s'", KeepaliveInterval)},
		{"tcp_user_timeout", fmt.Sprintf("'%s'", PeerTimeout)},
	}
}

// Idle are the settings of a session that holds the run lock and waits for its client, but not for one that is gone.
func Idle() []setting {
	return append([]setting{{"idle_session_timeout", "0"}}, presence()...)
}

// Idle makes them anew where all settings were reset.
func (s Writer) Idle() (ops []Op) {
	if s.KeepsLock {
		for _, setting := range InSession(Idle()) {
			ops = append(ops, clean(setting))
		}
	}
	return ops
}

// Lifted are no limits of what runs, and more.
func (s Writer) Lifted(more ...setting) []setting {
	settings := append([]setting{{"lock_timeout", "0"}, {"statement_timeout", "0"}}, more...)
	if s.Major >= 17 {
		settings = append(settings, setting{"transaction_timeout", "0"})
	}
	if s.CheckInterval { // the server gives up the statement of a client that is gone
		settings = append(settings, setting{"client_connection_check_interval", "'500ms'"})
	}
	return settings
}

// resets take back what a file has set: it must not meet our own statements, role and search_path above all. Channels are let
// go here, since in a later transaction they would be listened to until its end.
func resets() []Op { return slices.Clone(resetting) }

var resetting = []Op{Frame("reset session authorization"), Frame("reset role"), Frame(resetAll), Frame("unlisten *")}

// clean frees what a rollback or commit does not: it must not meet the next file, nor a pooler's next client.
func (s Writer) clean() []Op {
	return append(append(s.discard(), s.unlock()), s.Idle()...)
}

// unlock frees the advisory locks that a file has left; the run lock is kept, by the transaction while it is nobody's
// session's, and taken back where the file has let it go.
func (s Writer) unlock() Op { return clean(sqltext.Block(s.unlocking())) }

func (s Writer) unlocking() string {
	calls := []string{"pg_advisory_unlock_all()"}
	if s.KeepsLock {
		key := fmt.Sprintf("(%d)", s.Table.LockKey())
		calls = []string{"pg_try_advisory_xact_lock" + key, calls[0], "pg_try_advisory_lock" + key}
	}
	return "  perform pg_catalog." + strings.Join(calls, "; perform pg_catalog.") + ";"
}

func (s Writer) discard() []Op {
	deallocate := "deallocate all"
	if s.Pooled { // a pooler keeps prepared statements of others in this session, and would not learn of it
		deallocate = sqltext.Block(deallocateWhere("p.from_sql"))
	}
	return []Op{discardTemp, clean(deallocate), closeAll}
}

// What a transaction leaves besides locks and prepared statements.
var (
	discardTemp = clean("discard temp")
	closeAll    = clean("close all")
	leavings    = []Op{discardTemp, closeAll}
)

// deallocateWhere is what a block does about prepared statements p.
func deallocateWhere(condition string) string {
	return "  declare name pg_catalog.text; begin\n  for name in select p.name from pg_catalog.pg_prepared_statements p where " + condition + " loop\n    execute pg_catalog.format('deallocate %I', name);\n  end loop; end;"
}

// Abort is what is sent after an error, in place of the rest of a step.
func (s Writer) Abort() []Op { return append(s.Rollback(), s.clean()...) }

// Rollback keeps what outlives a transaction.
func (s Writer) Rollback() []Op {
	return append([]Op{Frame("rollback")}, resets()...)
}

func Frame(sql string) Op { return Op{Kind: OpFrame, SQL: sql} }

func clean(sql string) Op { return Op{Kind: OpClean, SQL: sql} }

// ApplicationName is what pg_stat_activity shows; the run id tells which sessions are of one run.
func ApplicationName(runID, what string) string {
	prefix := ApplicationPrefix(runID)
	if what == "" {
		return strings.TrimSuffix(prefix, " ")
	}
	return prefix + applicationSuffix(prefix, what)
}

func ApplicationPrefix(runID string) string {
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
