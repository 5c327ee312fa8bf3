package migrator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// readHistory reads the history and the progress of unfinished files. Another run may end its last no-transaction file in
// between and drop the progress table. Then both are read again, ten times at most.
func readHistory(ctx context.Context, s *pgsession.Session, t history.Table, files []Migration) (*history.History, error) {
	for tries := 1; ; tries++ {
		h, err := readRecords(ctx, s, t)
		if err != nil {
			return nil, err
		}
		if err = readNextProgress(ctx, s, h); err == nil {
			if err := followNext(h, files); err != nil {
				return nil, err
			}
			err = readProgress(ctx, s, h)
		}
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || pg.Code != sqlstate.UndefinedTable || tries == 10 {
			return h, err
		}
	}
}

// readRecords costs one round trip, or two if the unqualified name means a table in a later schema of the search_path.
func readRecords(ctx context.Context, s *pgsession.Session, t history.Table) (*history.History, error) {
	read := &history.Reader{}
	_, err := s.Send(ctx, s.LiftLimits()+history.Query(t), read.Read)
	var pg *pgconn.PgError
	if err != nil && (read.Server.PID == 0 || !errors.As(err, &pg) || !aboutTable(pg.Code)) {
		return nil, fmt.Errorf("read history %s: %w", t, err)
	}
	h, needed, judged := newHistory(t, read)
	switch {
	case err != nil && h != nil && h.Exists:
		return nil, fmt.Errorf("read history %s: %w%s", h.Table, err, missingGrant(&h.Server, err, h.Server.Resolved))
	case judged != nil:
		return nil, judged
	case needed != "":
		read.Records = nil
		if _, err := s.Send(ctx, s.LiftLimits()+needed, read.Read); err != nil {
			return nil, fmt.Errorf("read history %s: %w%s", h.Table, err, missingGrant(&h.Server, err, h.Server.Find(h.Table).OID))
		}
		h.Fill(read.Records)
	}
	h.Server.Pooled = s.PID() != h.Server.PID
	return h, nil
}

// aboutTable reports whether reading the rows may have failed because of the table: it does not exist, is a view, or has other
// columns.
func aboutTable(code string) bool {
	return strings.HasPrefix(code, sqlstate.SyntaxErrorOrAccessRule) || code == sqlstate.FeatureNotSupported // TABLESAMPLE on a view
}

// readProgress reads the unfinished files. The table exists only while there are any.
func readProgress(ctx context.Context, s *pgsession.Session, h *history.History) error {
	found := h.Server.Find(h.Table.Progress())
	if found == nil {
		return nil
	}
	if found.Kind != "r" {
		return &HistoryError{
			Table: h.Table.Progress().String(), Message: "is meant for the progress of files, but is not a plain table",
			Hint: "rename that, or keep the history under another name: app.schema_migrations",
		}
	}
	for _, column := range []string{"version", "direction", "done", "hashes", "started", "scope", "spared"} {
		if found.Columns[column] == "" {
			return &HistoryError{
				Table: h.Table.Progress().String(), Message: "is meant for the progress of files, but has no column " + column,
				Hint: "rename it, or keep the history under another name: app.schema_migrations",
			}
		}
	}
	rows, err := s.Rows(ctx, s.LiftLimits()+h.Table.ProgressQuery())
	if err != nil {
		return fmt.Errorf("read progress %s: %w%s", h.Table.Progress(), err, missingGrant(&h.Server, err, found.OID))
	}
	for _, row := range rows {
		p, err := history.ParseProgress(row)
		if err != nil {
			return fmt.Errorf("read progress %s: %w", h.Table.Progress(), err)
		}
		p.Old = found.Columns["session"] == ""
		h.Progress = append(h.Progress, p)
	}
	return nil
}
