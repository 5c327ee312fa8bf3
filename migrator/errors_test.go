package migrator

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

func TestEveryErrorSaysWhereWhatAndWhatToDo(t *testing.T) {
	t.Parallel()
	pg := &pgconn.PgError{Code: "23503", Message: "violates foreign key", Detail: "Key (id)=(1) is still referenced.", Hint: "Delete it first.", Where: "SQL function \"f\""}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&FileError{Path: "1_a.sql", Message: "is a directory"}, "1_a.sql: is a directory"},
		{&FileError{Path: "1_a.sql", Message: "cannot be read", Err: fs.ErrPermission}, "1_a.sql: cannot be read: permission denied"},
		{
			&FileError{Path: "1_a.sql", Line: 12, Column: 3, Source: "a commit;", Message: "COMMIT", Hint: "delete it"},
			"1_a.sql:12:3: COMMIT\n  12 | a commit;\n     |   ^\nHINT: delete it",
		},
		{
			&MigrationError{Version: "1_a.sql", Path: "1_a.down.sql", Line: 2, Column: 1, Source: "delete", State: rolledBack, Err: fmt.Errorf("sent: %w", pg)},
			"1_a.down.sql:2:1: violates foreign key (SQLSTATE 23503)\n  2 | delete\n    | ^\nDETAIL: Key (id)=(1) is still referenced.\nHINT: Delete it first." +
				"\nCONTEXT: SQL function \"f\"\nSTATE: rolled back; nothing of this file was applied",
		},
		{
			&MigrationError{Path: "1_a.sql", State: unsettled, Err: errors.Join(errors.New("broken pipe"), ErrUnsettled)},
			"1_a.sql: broken pipe\nthe server could not be asked what became of it\nSTATE: not known, the server could not be asked; run it again, the history decides",
		},
		{
			&MigrationError{Path: "1_a.sql", State: rolledBack, Err: &pgconn.PgError{Code: "55P03", Message: "lock timeout"}, Blockers: []Backend{{PID: 7, User: "joe"}, {PID: 8}}},
			"1_a.sql: lock timeout (SQLSTATE 55P03)\nBLOCKED BY: pid 7, user \"joe\"\nBLOCKED BY: pid 8\nSTATE: rolled back; nothing of this file was applied",
		},
		{
			&MismatchError{Mismatches: []Status{{Version: "1_a.sql", State: StateChanged, Recorded: "x", Checksum: "y"}, {Version: "2_b.sql", State: StateRenamed, Renamed: "3_b.sql"}}},
			"1_a.sql: changed since it was applied\n  applied: x\n  file:    y\n2_b.sql: applied, and now named 3_b.sql\n" +
				"HINT: put the files back as they were applied, and write a new one for the difference; or accept them as they are now with repair",
		},
		{
			&OrderError{Pending: []Version{"1_a.sql", "2_b.sql"}, Newest: "3_c.sql"},
			"out of order: 1_a.sql, 2_b.sql pending below 3_c.sql, the newest applied one\nHINT: renumber the file so that it comes last, or run without --strict-order (Config.StrictOrder)",
		},
		{&VersionError{Typed: "7"}, `there is no migration "7"`},
		{&VersionError{Typed: "1", Candidates: []Version{"01_a.sql", "1_b.sql"}}, `"1" is ambiguous: 01_a.sql, 1_b.sql`},
		{&HistoryError{Table: "public.schema_migrations", Message: "belongs to x"}, "history table public.schema_migrations: belongs to x"},
		{&HistoryError{Table: "h", Message: "lacks its key", Hint: "add one"}, "history table h: lacks its key\nHINT: add one"},
		{
			&LockedError{Waited: 90*time.Second + 400*time.Microsecond, Holder: []Backend{{PID: 7, Application: "migrator 12345678 3_c.sql"}}},
			"another run is still migrating after 1m30s\nHELD BY: pid 7, application \"migrator 12345678 3_c.sql\"",
		},
		{&LockedError{Waited: time.Second}, "the run lock is still held after 1s, and no run of this tool is to be seen that holds it"},
		{fmt.Errorf("revert 1_a.sql: %w (1_a.down.sql)", ErrIrreversible), "revert 1_a.sql: has no down file (1_a.down.sql)"},
	} {
		require.EqualError(t, c.err, c.want)
	}
}

func TestErrorsUnwrapToTheirCause(t *testing.T) {
	t.Parallel()
	pg := &pgconn.PgError{Code: "42601"}
	var found *pgconn.PgError
	require.ErrorAs(t, &MigrationError{Err: fmt.Errorf("x: %w", pg)}, &found)
	require.Same(t, pg, found)
	require.ErrorIs(t, &MigrationError{Err: errors.Join(pg, ErrUnsettled)}, ErrUnsettled)
	require.ErrorIs(t, &FileError{Err: fs.ErrPermission}, fs.ErrPermission)
}

func TestAnErrorWithoutACauseCanBePrinted(t *testing.T) {
	t.Parallel()
	for _, err := range []error{&FileError{}, &MigrationError{}, &MismatchError{}, &OrderError{}, &VersionError{}, &HistoryError{}, &UnrelatedError{}, &LockedError{}} {
		require.NotPanics(t, func() { _ = err.Error() }, "%T", err)
	}
}
