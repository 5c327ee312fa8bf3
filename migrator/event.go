package migrator

import (
	"fmt"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// EventKind says what an Event reports. New kinds may come; an observer ignores those that it does not know.
type EventKind string

// The kinds of events, in the order in which a run usually sends them.
const (
	// EventPlanned: Total migrations will run, or rows will be written where Direction is ""; 0 when there is nothing to do, or nothing left: another run did it.
	EventPlanned EventKind = "planned"
	// EventWarning: Message says what deserves a look; the run goes on.
	EventWarning EventKind = "warning"
	// EventWaiting: another run holds the run lock; Backends names it, where it is to be seen, Elapsed is how long this one has waited. Of Wait,
	// where something is pending: Err says what. Where the database is slow to answer a question that should be quick: Err says so,
	// and Elapsed is how long it has been.
	EventWaiting EventKind = "waiting"
	// EventStarted: the migration begins to run.
	EventStarted EventKind = "started"
	// EventBlocked: the migration waits for a lock; Backends are those that hold it, none where nobody is to be seen.
	EventBlocked EventKind = "blocked"
	// EventRetrying: the migration was rolled back because of Err and is tried again after Pause; Backends are those
	// that were in the way when it was last looked. Of a no-transaction file it is Statement alone; Version is "" where
	// it is a change of the history.
	EventRetrying EventKind = "retrying"
	// EventReconnecting: there is no connection to the server, or no more, because of Err; it is tried again after Pause.
	EventReconnecting EventKind = "reconnecting"
	// EventNotice: Message is what the server said with RAISE NOTICE or WARNING while the migration ran.
	EventNotice EventKind = "notice"
	// EventStatement: a statement of a no-transaction file is done, Statement of Statements.
	EventStatement EventKind = "statement"
	// EventFinished: the migration is committed; Elapsed is how long it took, 0 where that is not known (yet): of files that were
	// sent together with a slower one that runs now it is an estimate or missing, and the Result has it by the server's clock.
	EventFinished EventKind = "finished"
	// EventRecorded: Change, a row of the history that was written without running anything, is committed.
	EventRecorded EventKind = "recorded"
	// EventFailed: the migration ended with Err. One with a syntax error may not have been started: nothing that was sent
	// together with it was run.
	EventFailed EventKind = "failed"
	// EventDone: the run has ended with success; Total migrations ran in Elapsed, at least one, or that many rows of the
	// history were written, where Direction is "".
	EventDone EventKind = "done"
)

// Event is something that happened during a run. Which fields are set depends on Kind.
type Event struct {
	Kind       EventKind
	Version    Version // the migration, where the event is about one
	Direction  Direction
	Index      int // 1-based position of the migration in this run
	Total      int // migrations in this run
	Statement  int // 1-based position of the statement in its file, settings not counted
	Statements int
	Elapsed    time.Duration
	Pause      time.Duration
	Backends   []Backend
	Message    string // also of EventPlanned and EventDone, where Total alone would not say it
	Change     *Change
	Err        error
}

// Backend is a session of the server, as pg_stat_activity shows it, or a prepared transaction. A role that may not see others'
// activity gets little more than the PID.
type Backend struct {
	PID         uint32 // 0: there is no session
	Prepared    string // the gid of a prepared transaction, which keeps its locks without a session; its owner is User
	Application string
	User        string
	Client      string        // address; "" for a local socket
	State       string        // such as "active" or "idle in transaction"
	Query       string        // the current or last one, shortened
	Age         time.Duration // since its transaction began, or it is idle; of a run's worker: since the message that its files came in
}

// ours reports whether it is a session of this tool.
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
