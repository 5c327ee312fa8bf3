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

// ErrIrreversible means that a migration to revert has no down file. Nothing has run.
var ErrIrreversible = errors.New("has no down file")

// ErrUnsettled means that the connection was lost during a migration, and that the server could not be asked afterwards whether
// the migration was committed. Nothing needs repair: the next run reads the history and continues.
var ErrUnsettled = errors.New("the server could not be asked what became of it")

// ErrInDoubt means that nobody can tell whether a statement of a no-transaction file has run. It was interrupted before its end
// was recorded, and the catalog does not show it: CREATE DATABASE, for example, or a procedure that commits. It also means that a
// procedure has failed after committing a part of its work. The error text has two commands; a person runs the one that applies.
var ErrInDoubt = errors.New("in doubt whether this statement has run")

// ErrNoMigrations means that a folder has no migrations, or has files for Flyway or refinery (V1__init.sql), which Load does not
// read. The error text lists what the folder has. Load also returns the migrations that it has read, so a program may continue.
var ErrNoMigrations = errors.New("no migrations")

// A FileError means that a file cannot be understood, or contains something that must not run. Nothing has run.
type FileError struct {
	Path    string
	Line    int    // 1-based; 0 if the whole file is meant
	Column  int    // 1-based, in characters
	Source  string // the text of the line, for the caret; may be ""
	Message string
	Hint    string // what to do about it
	Err     error  // the cause; may be nil
}

// Error returns path:line:column, the message, the line with a caret, and the hint.
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

// A MigrationError means that a migration failed, mostly because PostgreSQL refused a statement. State says what the database
// contains now. It is read from the history after the failure. The error unwraps to the *pgconn.PgError.
type MigrationError struct {
	Version   Version
	Direction Direction
	Path      string
	Line      int       // 1-based; 0 if the statement is not known
	Column    int       // 1-based, in characters
	Source    string    // the text of the line
	State     string    // such as "rolled back; nothing of this file was applied"
	Blockers  []Backend // the sessions that held the lock, if the migration did not get one
	Err       error
}

// Error returns path:line:column, PostgreSQL's message, the line with a caret, the detail, the hint and the state.
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

// A MismatchError means that files and history contradict each other. Run returns it for applied files that were changed or
// renamed; nothing has run. Verify returns it for every disagreement.
type MismatchError struct {
	Mismatches []Status // the versions concerned
}

// Error describes each version and says what to do.
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

// An OrderError means that a migration is pending below the newest applied one, and Config.StrictOrder is set. Nothing has run.
type OrderError struct {
	Pending []Version
	Newest  Version
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("out of order: %s pending below %s, the newest applied one\nHINT: renumber the file so that it comes last, or run without --strict-order (Config.StrictOrder)",
		join(e.Pending), e.Newest)
}

// An UnfinishedError means that a no-transaction file is unfinished in the other direction, so the schema is between two versions.
// Nothing has run.
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

// A VersionError means that no migration, or more than one, has the version that was typed.
type VersionError struct {
	Typed      string
	Candidates []Version // empty: there is no such migration
}

func (e *VersionError) Error() string {
	if len(e.Candidates) == 0 {
		return fmt.Sprintf("there is no migration %q", e.Typed)
	}
	return fmt.Sprintf("%q is ambiguous: %s", e.Typed, join(e.Candidates))
}

// A HistoryError means that the history table cannot be used: it belongs to another tool, is in another schema, or has no unique
// index on version, for example. Nothing has run.
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
	Holder []Backend // the sessions that hold it, as far as the server tells
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
