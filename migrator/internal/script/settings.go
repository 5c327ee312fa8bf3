package script

import (
	"fmt"
	"strconv"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// A setting is a name and a value, as SQL.
type setting struct{ name, value string }

func (s setting) local() Op { return Frame("set local " + s.name + " = " + s.value) }

// Session returns the statement that makes the setting for the session.
func (s setting) Session() string { return "set " + s.name + " = " + s.value }

// Local returns the operations that make settings for the current transaction.
func Local(settings []setting) (operations []Op) {
	for _, s := range settings {
		operations = append(operations, s.local())
	}
	return operations
}

// InSession returns the statements that make settings for the session.
func InSession(settings []setting) (texts []string) {
	for _, s := range settings {
		texts = append(texts, s.Session())
	}
	return texts
}

// settings returns the settings with which our own statements run, and with which the file begins.
func (s Writer) settings(application string) []Op { return Local(s.ours(application)) }

// SessionSettings returns the statements that make the same settings for a session, for use outside a transaction. application is
// the last part of application_name, see ApplicationName; if it is empty, the name stays as it is.
func (s Writer) SessionSettings(application string) []string { return InSession(s.ours(application)) }

func (s Writer) ours(application string) []setting {
	settings := append(s.keptFromWorkers(), s.calm()...)
	if application != "" {
		settings = append(settings, s.Name(application))
	}
	return settings
}

// Name returns the setting that makes application_name an ApplicationName of the run.
func (s Writer) Name(application string) setting {
	return setting{"application_name", sqltext.Literal(ApplicationName(s.RunID, application))}
}

// unlimited lifts the limits again after a reset, because deferred triggers may take long.
func (s Writer) unlimited() []Op { return append(s.keepFromWorkers(), Local(s.Lifted())...) }

// ending returns the settings after the resets of a file: no limit except its lock timeout, which is SQL.
func (s Writer) ending(lockTimeout string) []setting {
	settings := append(s.keptFromWorkers(), s.Lifted()...)
	for i := range settings {
		if settings[i].name == "lock_timeout" {
			settings[i].value = lockTimeout
		}
	}
	return settings
}

// limits lifts the limits that a role may have, because they are meant for the queries of an application. The server still gives
// up a client that has vanished, and with it the locks that the client holds.
func (s Writer) limits() []Op { return Local(s.calm()) }

// calm returns the settings that limits makes.
func (s Writer) calm() []setting {
	return s.Lifted(append([]setting{{"idle_in_transaction_session_timeout", "0"}}, presence()...)...)
}

// KeepaliveIdle, KeepaliveInterval and KeepaliveCount are the TCP keepalives of a run's connections. They add up to PeerTimeout:
// after that time we give up a peer that has vanished without a word, for example because its host has lost power or the network
// drops every packet. The server does the same, since it gets the same limits as settings. By itself, TCP would take a quarter of
// an hour while something is unanswered, and the server two hours while nothing is. Shorter interruptions do no harm, such as the
// move of a virtual machine.
const (
	KeepaliveIdle     = 15 * time.Second
	KeepaliveInterval = 10 * time.Second
	KeepaliveCount    = 3
	PeerTimeout       = KeepaliveIdle + KeepaliveCount*KeepaliveInterval
)

// presence returns the settings by which the server notices that the client's host has vanished.
func presence() []setting {
	return []setting{
		{"tcp_keepalives_idle", fmt.Sprintf("'%s'", KeepaliveIdle)},
		{"tcp_keepalives_interval", fmt.Sprintf("'%s'", KeepaliveInterval)},
		{"tcp_user_timeout", fmt.Sprintf("'%s'", PeerTimeout)},
	}
}

// Idle returns the settings of a session that holds the run lock. The server waits for the client without a limit, but not for a
// client whose host has vanished.
func Idle() []setting {
	return append([]setting{{"idle_session_timeout", "0"}}, presence()...)
}

// Idle returns operations that make these settings again after a RESET ALL, or none if the session does not keep the run lock.
func (s Writer) Idle() (ops []Op) {
	if s.KeepsLock {
		for _, setting := range InSession(Idle()) {
			ops = append(ops, clean(setting))
		}
	}
	return ops
}

// Lifted returns the settings that lift the limits on locks, statements and transactions, together with more.
func (s Writer) Lifted(more ...setting) []setting {
	settings := append([]setting{{"lock_timeout", "0"}, {"statement_timeout", "0"}}, more...)
	if s.Major >= 17 {
		settings = append(settings, setting{"transaction_timeout", "0"})
	}
	if s.CheckInterval { // the server ends the statement of a client that is gone
		settings = append(settings, setting{"client_connection_check_interval", "'500ms'"})
	}
	return settings
}

// milliseconds returns a timeout as SQL, rounded up: a timeout that becomes 0 would mean no limit.
func milliseconds(d time.Duration) string {
	return "'" + strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10) + "ms'"
}
