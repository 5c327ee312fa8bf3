package migrator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// maxReads is how many other histories of our layout are read. If there are more, they belong to tenants and are alike.
const maxReads = 16

// survey looks for other histories if this one records nothing, because then everything would be applied. tools: tables of other
// tools count too.
func survey(ctx context.Context, s *pgsession.Session, h *history.History, files []Migration, tools bool) error {
	if len(h.Records)+len(h.Progress) > 0 || len(files) == 0 {
		return nil
	}
	if h.Search == nil {
		read := &history.Reader{}
		if _, err := s.Send(ctx, s.LiftLimits()+history.SearchQuery(h.Table, "true"), read.Read); err != nil {
			return fmt.Errorf("look for other histories: %w", err)
		}
		h.Search = read.Search
	}
	h.Finds = nil
	reads := 0
	next := h.Next()
	for i := range h.Search.Tables {
		c := &h.Search.Tables[i]
		f := history.Find{Candidate: c, Tool: history.ToolOf(&c.CatalogTable)}
		switch ours := c.Owner() == ""; {
		case c.Table() == h.Table, c == next:
			continue
		case ours:
			if !c.Readable || reads == maxReads || isElsewhere(h) {
				continue
			}
			f.Tool, reads = nil, reads+1
		case f.Tool == nil || !c.OnPath || !tools:
			continue
		}
		found, err := readFind(ctx, s, &f, files)
		if err != nil {
			return err
		}
		if found {
			h.Finds = append(h.Finds, f)
		}
	}
	return nil
}

// isElsewhere reports whether a history of the same files was found. One is enough.
func isElsewhere(h *history.History) bool {
	return slices.ContainsFunc(h.Finds, func(f history.Find) bool { return f.Tool == nil && !f.Differs })
}

// readFind reads the rows of a candidate. It ignores tables that were dropped, or whose privileges were revoked, meanwhile.
func readFind(ctx context.Context, s *pgsession.Session, f *history.Find, files []Migration) (found bool, err error) {
	if !f.Readable {
		return true, nil
	}
	query := history.ReadSafely + "select version, null, checksum from " + f.Table().Rows() + " limit 200"
	if f.Tool != nil {
		query = f.Tool.Query(f.Table())
	}
	rows, err := s.Rows(ctx, s.LiftLimits()+query)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && aboutTable(pg.Code) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", f.Table(), err)
	}
	if f.Tool != nil {
		f.Newest = f.Tool.Newest(rows)
		return f.Newest != "", nil
	}
	records := make([]history.Record, len(rows))
	for i, row := range rows {
		records[i] = history.Record{Version: row[0], Checksum: row[2]}
	}
	applied, same := shared(records, files)
	for _, m := range same {
		f.Shared = append(f.Shared, string(m.Version))
	}
	f.Differs = 2*len(same) <= len(applied)
	return len(same) > 0, nil
}

// readNextProgress reads the progress table of the next history: even its first file may be unfinished.
func readNextProgress(ctx context.Context, s *pgsession.Session, h *history.History) error {
	next := h.Next()
	if next == nil || !next.Readable {
		return nil
	}
	there := &history.History{Server: h.Server, Table: next.Table()}
	err := readProgress(ctx, s, there)
	h.NextProgress = there.Progress
	return err
}
