package migrator

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachEventIsOneLineOfTheLog(t *testing.T) {
	t.Parallel()
	up, down := Event{Version: "001_init.sql", Direction: DirectionUp}, Event{Version: "001_init.sql", Direction: DirectionDown}
	recorded := Event{Change: &Change{After: &Row{Version: "001_init.sql"}}}
	with := func(e Event, kind EventKind, more ...func(*Event)) Event {
		e.Kind = kind
		for _, set := range more {
			set(&e)
		}
		return e
	}
	total := func(n int) func(*Event) { return func(e *Event) { e.Total = n } }
	failed := func(e *Event) { e.Err = errors.New("no such table") }
	elapsed := func(e *Event) { e.Elapsed = 1500*time.Millisecond + 300*time.Nanosecond }
	pause := func(e *Event) { e.Pause = 250*time.Millisecond + 10*time.Microsecond }
	backend := func(e *Event) { e.Backends = []Backend{{PID: 7}} }
	says := func(text string) func(*Event) { return func(e *Event) { e.Message = text } }
	for _, c := range []struct {
		event Event
		want  string
	}{
		{with(up, EventPlanned), `level=INFO msg="No pending migrations"`},
		{with(up, EventPlanned, total(2)), `level=INFO msg="Pending migrations" count=2`},
		{with(up, EventWarning, says("1_a.sql: look")), `level=WARN msg="1_a.sql: look"`},
		{with(up, EventWaiting, elapsed, backend), `level=INFO msg="Another instance is running migrations, waiting..." elapsed=1.5s backend="pid 7"`},
		{with(up, EventStarted), `level=INFO msg="Applying migration: 001_init.sql"`},
		{with(down, EventStarted), `level=INFO msg="Reverting migration: 001_init.sql"`},
		{with(up, EventBlocked, elapsed, backend), `level=WARN msg="Waiting for a lock: 001_init.sql" elapsed=1.5s backend="pid 7"`},
		{with(up, EventRetrying, pause, failed), `level=WARN msg="Rolled back, trying again: 001_init.sql" pause=250ms error="no such table"`},
		{with(up, EventReconnecting, pause, failed), `level=WARN msg="No connection to the database, trying again" pause=250ms error="no such table"`},
		{with(up, EventRetrying, pause, failed, func(e *Event) { e.Statement, e.Statements = 2, 3 }), `level=WARN msg="Trying again: 001_init.sql, statement 2 of 3" pause=250ms error="no such table"`},
		{with(up, EventFinished), `level=INFO msg="✓ Applied migration: 001_init.sql"`},
		{with(down, EventPlanned, total(2)), `level=INFO msg="Migrations to revert" count=2`},
		{with(up, EventPlanned, says("No pending migrations up to 1")), `level=INFO msg="No pending migrations up to 1"`},
		{with(up, EventDone, total(2), says("Successfully reverted 1 and applied 1 migration(s)")), `level=INFO msg="Successfully reverted 1 and applied 1 migration(s)"`},
		{with(up, EventNotice, says("NOTICE: hi")), `level=INFO msg="NOTICE: hi" migration=001_init.sql`},
		{with(up, EventFinished, elapsed), `level=INFO msg="✓ Applied migration: 001_init.sql" elapsed=1.5s`},
		{with(down, EventFinished, elapsed), `level=INFO msg="✓ Reverted migration: 001_init.sql" elapsed=1.5s`},
		{with(up, EventFailed, failed), `level=ERROR msg="✗ Failed to apply migration 001_init.sql" error="no such table"`},
		{with(down, EventFailed, failed), `level=ERROR msg="✗ Failed to revert migration 001_init.sql" error="no such table"`},
		{with(up, EventDone, total(6), elapsed), `level=INFO msg="Successfully applied 6 migration(s)" elapsed=1.5s`},
		{with(down, EventPlanned), `level=INFO msg="No migrations to revert"`},
		{with(recorded, EventPlanned), `level=INFO msg="Nothing to record"`},
		{with(recorded, EventPlanned, total(2)), `level=INFO msg="Rows of the history to write" count=2`},
		{with(recorded, EventRecorded), `level=INFO msg="Recorded 001_init.sql as applied"`},
		{with(recorded, EventDone, total(2), elapsed), `level=INFO msg="Successfully recorded 2 row(s) of the history" elapsed=1.5s`},
		{with(up, EventWaiting, failed), `level=INFO msg="Waiting for migrations: no such table"`},
		{with(down, EventDone, total(6), elapsed), `level=INFO msg="Successfully reverted 6 migration(s)" elapsed=1.5s`},
	} {
		var out bytes.Buffer
		LogTo(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))(c.event)
		require.Equal(t, c.want+"\n", out.String())
	}
}

func TestAnEventAsTextDoesNotShowWhatOnlyOperatorsShouldSee(t *testing.T) {
	t.Parallel()
	secret := errors.New("s3cret")
	for _, kind := range []EventKind{EventNotice, EventRetrying, EventReconnecting, EventFailed, EventBlocked, EventWaiting} {
		e := Event{Kind: kind, Version: "001_init.sql", Backends: []Backend{{PID: 7, Query: "s3cret"}}}
		switch kind {
		case EventNotice:
			e.Message = "NOTICE: s3cret"
		case EventRetrying, EventReconnecting, EventFailed:
			e.Err = secret
		}
		require.NotContains(t, e.String(), "s3cret", kind)
		require.NotEmpty(t, e.String(), kind)
	}
}

func TestNoKindOfEventIsLoggedByItsBareName(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	require.NoError(t, err)
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		_, message, _ := Event{Kind: EventKind(name), Message: "said"}.describe()
		require.NotEqual(t, name, message)
		kinds++
		return true
	})
	require.GreaterOrEqual(t, kinds, 11)
	_, message, _ := Event{Kind: "of a later release"}.describe()
	require.Equal(t, "of a later release", message)
}
