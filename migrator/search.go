package migrator

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

//go:embed search.sql
var searchSQL string

// A search is what else may be the history of the files where there is none, or an empty one.
type search struct {
	Source string      `json:"source"` // where the search_path comes from, as in pg_settings
	Tables []candidate `json:"tables"` // those on the search_path first
}

// A candidate is a table that looks like a history: one of ours, or another tool's.
type candidate struct {
	catalogTable

	OnPath    bool     `json:"on_path"`   // in the history's schema, or on the search_path
	Owned     bool     `json:"owned"`     // by the role that migrates
	Denied    bool     `json:"denied"`    // the role may not read it
	Readable  bool     `json:"readable"`  // its rows can be read, and reading them runs nobody's code
	Relations []string `json:"relations"` // of one of ours: what the history's schema has, and its own schema has not
}

func (c *candidate) table() table { return table{c.Schema, c.Name} }

// searchQuery looks for candidates where a condition holds.
func searchQuery(t table, wanted string) string {
	marks, names := []string{"applied_at"}, []string{}
	for _, tool := range otherTools {
		columns, _ := tool.all()
		if tool.like == "" {
			marks = append(marks, nameOf(columns[0]))
		} else {
			names = append(names, "%"+strings.ReplaceAll(tool.like, "_", `\_`)+"%")
		}
		if tool.table != "" {
			names = append(names, strings.ReplaceAll(tool.table, "_", `\_`))
		}
	}
	return strings.NewReplacer(
		"$schema", schemaOf(t), "$marks", array(marks), "$names", array(names), "$wanted", wanted,
	).Replace(sqltext.WithoutComments(searchSQL))
}

// schemaOf is the schema of a table as an expression.
func schemaOf(t table) string {
	if t.schema == "" {
		return "pg_catalog.current_schema()"
	}
	return sqltext.Literal(t.schema)
}

// array is an array of texts, each once.
func array(texts []string) string {
	slices.Sort(texts)
	var literals []string
	for _, text := range slices.Compact(texts) {
		literals = append(literals, sqltext.Literal(text))
	}
	return "array[" + strings.Join(literals, ", ") + "]"
}

// notThere is the condition that there is a schema for a history, and no history.
func notThere(t table) string {
	schema := schemaOf(t)
	return fmt.Sprintf("case when %s is not null then pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %[1]s, %s)) is null end", schema, sqltext.Literal(t.name))
}

// A find is a candidate that holds what may have been applied.
type find struct {
	*candidate

	shared  []*Migration // files that a history of ours records as they are here
	differs bool         // it records as many of their names with another text: it is another service's
	tool    *otherTool   // nil: the history is one of ours
	newest  string       // the newest version that the tool has recorded; "": it could not be read
}

// maxReads is how many histories of our layout are read: where there are more, they are of tenants, and alike.
const maxReads = 16

// survey reads the candidates, where nothing is recorded yet and so everything would be applied.
func survey(ctx context.Context, s *pgsession.Session, h *history, files []Migration, tools bool) error {
	if len(h.records)+len(h.progress) > 0 || len(files) == 0 {
		return nil
	}
	if h.search == nil {
		read := &historyReader{}
		if _, err := s.Send(ctx, s.LiftLimits()+searchQuery(h.table, "true"), read.read); err != nil {
			return fmt.Errorf("look for other histories: %w", err)
		}
		h.search = read.search
	}
	h.finds = nil
	reads := 0
	next := h.next()
	for i := range h.search.Tables {
		c := &h.search.Tables[i]
		f := find{candidate: c, tool: toolOf(&c.catalogTable)}
		switch ours := c.owner() == ""; {
		case c.table() == h.table, c == next:
			continue
		case ours:
			if !c.Readable || reads == maxReads || h.isElsewhere() {
				continue
			}
			f.tool, reads = nil, reads+1
		case f.tool == nil || !c.OnPath || !tools:
			continue
		}
		found, err := readFind(ctx, s, &f, files)
		if err != nil {
			return err
		}
		if found {
			h.finds = append(h.finds, f)
		}
	}
	return nil
}

// isElsewhere reports whether a history of the same files was found: one is enough.
func (h *history) isElsewhere() bool {
	return slices.ContainsFunc(h.finds, func(f find) bool { return f.tool == nil && !f.differs })
}

// readFind reads the rows of a candidate. What has been dropped or closed meanwhile is left out.
func readFind(ctx context.Context, s *pgsession.Session, f *find, files []Migration) (found bool, err error) {
	if !f.Readable {
		return true, nil
	}
	query := readSafely + "select version, null, checksum from " + f.table().rows() + " limit 200"
	if f.tool != nil {
		query = f.tool.query(f.table())
	}
	rows, err := s.Rows(ctx, s.LiftLimits()+query)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && aboutTable(pg.Code) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", f.table(), err)
	}
	if f.tool != nil {
		f.newest = f.tool.newest(rows)
		return f.newest != "", nil
	}
	records := make([]record, len(rows))
	for i, row := range rows {
		records[i] = record{version: Version(row[0]), checksum: row[2]}
	}
	applied, same := shared(records, files)
	f.shared, f.differs = same, 2*len(same) <= len(applied)
	return len(same) > 0, nil
}

// readNextProgress reads what is unfinished of the next history: its first file may be.
func readNextProgress(ctx context.Context, s *pgsession.Session, h *history) error {
	next := h.next()
	if next == nil || !next.Readable {
		return nil
	}
	there := &history{server: h.server, table: next.table()}
	err := readProgress(ctx, s, there)
	h.nextProgress = there.progress
	return err
}
