package migrator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

// ErrIrreversible means that a migration to be reverted has no down file. It is found before anything runs.
var ErrIrreversible = errors.New("has no down file")

// ErrUnsettled means that the connection was lost and the server could not be asked afterwards what became of the
// migration that was under way. Nothing needs repair: the next run reads the history and goes on.
var ErrUnsettled = errors.New("the server could not be asked what became of it")

// ErrInDoubt means that a statement of a no-transaction file was cut off between its start and its record, and that the
// catalog does not tell whether it has run: CREATE DATABASE, or a procedure that commits. So does a procedure that has failed
// after it had committed a part of its work. The error has the two commands of which a person chooses one.
var ErrInDoubt = errors.New("in doubt whether this statement has run")

// ErrNoMigrations means that a folder holds no migration, or holds files that Flyway or refinery would run and that are not
// read here (V1__init.sql). The error says what is there. Load returns what it has read next to it, so that a program for
// which that is fine can go on.
var ErrNoMigrations = errors.New("no migrations")

// A FileError means that a file cannot be understood, or holds what cannot be run. Nothing has run.
type FileError struct {
	Path    string
	Line    int    // 1-based; 0 when the whole file is meant
	Column  int    // 1-based, in characters
	Source  string // the line's text, for the caret below it; may be ""
	Message string
	Hint    string // what to do about it
	Err     error  // the cause, if there is one
}

// Error prints path:line:column, the line with a caret, and the hint.
func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(place(e.Path, e.Line, e.Column) + ": " + e.Message)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	writeCaret(&b, e.Source, e.Line, e.Column)
	writeNote(&b, "HINT", e.Hint)
	return b.String()
}

func (e *FileError) Unwrap() error { return e.Err }

// A MigrationError means that PostgreSQL refused a statement of a migration. State says what the database contains now,
// as read from the history after the failure. It unwraps to the *pgconn.PgError.
type MigrationError struct {
	Version   Version
	Direction Direction
	Path      string
	Line      int       // 1-based; 0 when the statement is not known
	Column    int       // 1-based, in characters
	Source    string    // the line's text
	State     string    // such as "rolled back; nothing of this file was applied"
	Blockers  []Backend // who held the lock that it did not get
	Err       error
}

// Error prints path:line:column with PostgreSQL's message, the line with a caret, detail, hint and the state.
func (e *MigrationError) Error() string {
	var b strings.Builder
	b.WriteString(place(e.Path, e.Line, e.Column) + ": ")
	var pg *pgconn.PgError
	if errors.As(e.Err, &pg) {
		fmt.Fprintf(&b, "%s (SQLSTATE %s)", printable.Indented(pg.Message), pg.Code)
	} else {
		fmt.Fprint(&b, e.Err)
	}
	writeCaret(&b, e.Source, e.Line, e.Column)
	if pg != nil {
		writeNote(&b, "DETAIL", pg.Detail)
		writeNote(&b, "HINT", pg.Hint)
		writeNote(&b, "CONTEXT", pg.Where)
	}
	for _, blocker := range e.Blockers {
		writeNote(&b, "BLOCKED BY", blocker.String())
	}
	writeNote(&b, "STATE", e.State)
	return b.String()
}

func (e *MigrationError) Unwrap() error { return e.Err }

// A MismatchError means that files and history contradict each other. For a run that is where applied files were changed or
// renamed; nothing has run. For Verify it is every disagreement.
type MismatchError struct {
	Mismatches []Status // the versions in question
}

// Error has a line or more for each version, and what to do about it.
func (e *MismatchError) Error() string {
	lines := make([]string, 0, len(e.Mismatches)+3)
	states := map[State]bool{}
	for _, s := range e.Mismatches {
		lines = append(lines, s.describe())
		states[s.State] = true
	}
	if states[StateChanged] || states[StateRenamed] {
		lines = append(lines, "HINT: put the files back as they were applied, and write a new one for the difference; or accept them as they are now with repair")
	}
	if states[StateMissing] {
		lines = append(lines, "HINT: put the file back; or forget that it was applied with mark pending")
	}
	if states[StateNewer] {
		lines = append(lines, "HINT: if a program with newer files has applied it, this is fine (verify --allow-newer); if its file was deleted, put it back or forget it with mark pending")
	}
	return strings.Join(lines, "\n")
}

// An OrderError means that Config.StrictOrder is set and a migration is pending below the newest applied one.
type OrderError struct {
	Pending []Version
	Newest  Version
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("out of order: %s pending below %s, the newest applied one\nHINT: renumber the file so that it comes last, or run without --strict-order (Config.StrictOrder)",
		join(e.Pending), e.Newest)
}

// An UnfinishedError means that a no-transaction file was begun in the other direction and is not done, so that the
// schema is between two versions.
type UnfinishedError struct {
	Version    Version
	Unfinished Unfinished
}

func (e *UnfinishedError) Error() string {
	const byHand = "; or, if you have settled it by hand, mark it applied or pending"
	switch {
	case e.Unfinished.Direction == DirectionDown:
		return fmt.Sprintf("%s is unfinished: of its down file %s\nHINT: revert it first%s", e.Version, e.Unfinished, byHand)
	case e.Unfinished.Done == 0 && !e.Unfinished.Started:
		return fmt.Sprintf("%s was begun, but %s\nHINT: apply what is pending, or mark it applied or pending", e.Version, e.Unfinished)
	}
	return fmt.Sprintf("%s is unfinished: %s\nHINT: finish it first: apply what is pending%s", e.Version, e.Unfinished, byHand)
}

// A VersionError means that a version that was asked for does not exist, or that what was typed fits several.
type VersionError struct {
	Typed      string
	Candidates []Version // empty: there is none
}

func (e *VersionError) Error() string {
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("there is no migration %q", e.Typed)
	}
	return fmt.Sprintf("%q is ambiguous: %s", e.Typed, join(e.Candidates))
}

// A HistoryError means that the history table cannot be used: it belongs to another tool, lies in another schema, or
// lacks its key. Nothing has run.
type HistoryError struct {
	Table   string // schema-qualified
	Message string
	Hint    string
}

func (e *HistoryError) Error() string {
	var b strings.Builder
	b.WriteString("history table " + printable.Line(e.Table) + ": " + printable.Indented(e.Message))
	writeNote(&b, "HINT", e.Hint)
	return b.String()
}

// A LockedError means that another run held the run lock for longer than Config.WaitFor.
type LockedError struct {
	Waited time.Duration
	Holder []Backend // who holds it, as far as the server tells
}

func (e *LockedError) Error() string {
	after := ""
	if waited := e.Waited.Round(time.Millisecond); waited > 0 {
		after = " after " + waited.String()
	}
	message := "another run is still migrating" + after
	if !slices.ContainsFunc(e.Holder, Backend.ours) {
		message = "the run lock is still held" + after + ", and no run of this tool is to be seen that holds it"
	}
	for _, holder := range e.Holder {
		message += "\nHELD BY: " + holder.String()
	}
	return message
}
