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

func (s Writer) Name(application string) setting {
	return setting{"application_name", sqltext.Literal(ApplicationName(s.RunID, application))}
}

// unlimited lifts the limits again after a reset: deferred triggers may take their time.
func (s Writer) unlimited() []Op { return append(s.keepFromWorkers(), Local(s.Lifted())...) }

// ending are the settings after the resets of a file: no limits but that of its locks.
func (s Writer) ending(lockTimeout string) []setting {
	settings := append(s.keptFromWorkers(), s.Lifted()...)
	for i := range settings {
		if settings[i].name == "lock_timeout" {
			settings[i].value = lockTimeout
		}
	}
	return settings
}

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

// milliseconds is a timeout as SQL. It is rounded up: 0 would be none.
func milliseconds(d time.Duration) string {
	return "'" + strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10) + "ms'"
}
