package migrator

import (
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// An EventKind says what an Event reports. Later versions may have more kinds, so ignore those that you do not know.
type EventKind string

// The kinds of events, in the order in which a run usually sends them.
const (
	// EventPlanned: Total migrations will run, or Total rows will be written if Direction is "". 0: there is nothing to do, or
	// another run has done it.
	EventPlanned EventKind = "planned"
	// EventWarning: Message describes something that deserves a look. The run continues.
	EventWarning EventKind = "warning"
	// EventWaiting: another run holds the run lock. Backends has the holder, if it is visible, and Elapsed is the time waited so far.
	// From Wait it means that migrations are pending, and Err says so. It also reports that the database has not answered a quick
	// question; then Err is set too, and Elapsed is the time since the question.
	EventWaiting EventKind = "waiting"
	// EventStarted: the migration begins.
	EventStarted EventKind = "started"
	// EventBlocked: the migration waits for a lock. Backends has the holders; it is empty if none is visible.
	EventBlocked EventKind = "blocked"
	// EventRetrying: the migration was rolled back because of Err and is tried again after Pause. Backends has the sessions that
	// were in the way when last seen. For a no-transaction file only Statement is repeated. Version is "" for a change of the
	// history.
	EventRetrying EventKind = "retrying"
	// EventReconnecting: there is no connection to the server because of Err. The next try comes after Pause.
	EventReconnecting EventKind = "reconnecting"
	// EventNotice: Message is a notice or warning that the server sent while the migration ran.
	EventNotice EventKind = "notice"
	// EventStatement: a statement of a no-transaction file is done, Statement of Statements.
	EventStatement EventKind = "statement"
	// EventFinished: the migration is committed. Elapsed is how long it took, or 0 if that is not known (yet). For files sent
	// together with a slower one it may be an estimate, or missing; Result.Elapsed has it by the server's clock.
	EventFinished EventKind = "finished"
	// EventRecorded: Change, a row written without running a file, is committed.
	EventRecorded EventKind = "recorded"
	// EventFailed: the migration ended with Err. A migration with a syntax error may fail without EventStarted, because nothing that
	// was sent with it has run.
	EventFailed EventKind = "failed"
	// EventDone: the run has succeeded. It has run Total migrations in Elapsed, or has written Total rows if Direction is "". Total
	// is at least 1.
	EventDone EventKind = "done"
)

// An Event is something that happened during a run. Kind says which fields are set.
type Event struct {
	Kind       EventKind
	Version    Version // the migration, if the event is about one
	Direction  Direction
	Index      int // 1-based position of the migration in this run
	Total      int // migrations in this run
	Statement  int // 1-based position of the statement in its file, settings not counted
	Statements int
	Elapsed    time.Duration
	Pause      time.Duration
	Backends   []Backend
	Message    string // for EventPlanned and EventDone only if Total does not say enough
	Change     *Change
	Err        error
}

// A Backend is a session of the server, as pg_stat_activity shows it, or a prepared transaction. If the role may not see the
// activity of others, little more than the PID is set.
type Backend struct {
	PID         uint32 // 0: there is no session
	Prepared    string // the gid of a prepared transaction, which holds locks without a session; User is its owner
	Application string
	User        string
	Client      string        // address; "" for a local socket
	State       string        // such as "active" or "idle in transaction"
	Query       string        // the current or last query, shortened
	Age         time.Duration // since its transaction or its idleness began; for a run's worker since the current message arrived
}

// ours reports whether the session belongs to this tool.
func (b Backend) ours() bool { return strings.HasPrefix(b.Application, script.ApplicationPrefix("")) }

func (b Backend) String() string {
	var s strings.Builder
	if b.Prepared == "" {
		fmt.Fprintf(&s, "pid %d", b.PID)
	} else {
		fmt.Fprintf(&s, "prepared transaction %q", b.Prepared)
	}
	for _, part := range []struct{ label, value string }{
		{"application", b.Application}, {"user", b.User}, {"from", b.Client}, {"state", b.State},
	} {
		if part.value != "" {
			fmt.Fprintf(&s, ", %s %q", part.label, part.value)
		}
	}
	if b.Age > 0 {
		fmt.Fprintf(&s, ", for %s", b.Age.Round(time.Millisecond))
	}
	if b.Query != "" {
		fmt.Fprintf(&s, ": %s", printable.Line(b.Query))
	}
	if b.Prepared != "" {
		s.WriteString("; its coordinator (an XA transaction manager, Citus) ends it; where there is none any more, its owner does: COMMIT PREPARED or ROLLBACK PREPARED")
	}
	return s.String()
}
