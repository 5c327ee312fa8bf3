package check

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

var (
	//go:embed catalog/*.sql
	queries embed.FS
	//go:embed frame.sql
	frameSQL string
)

// kinds are the files of catalog/, in the order in which differences are told: what others stand on comes first.
var kinds = []string{
	"schemas", "extensions", "types", "tables", "columns", "constraints", "indexes", "sequences", "views", "functions", "triggers", "rules",
	"statistics", "operators", "languages", "text_search", "foreign", "publications", "privileges", "settings", "comments",
}

// A catalog is what a database consists of, by name: "table public.users".
type catalog map[string]object

// An object is a thing with a name and a definition, free of what differs without meaning.
type object struct {
	kind       int    // index of kinds
	whole      string // the object with which this one comes and goes; "" for none
	definition string // as SQL, or near to it
}

// read reads the catalog, in one round trip beside those that open and end its transaction.
func (s *scratch) read(ctx context.Context) (catalog, error) {
	conn, err := s.connect(ctx, s.name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	c, err := readCatalog(ctx, conn, s.options.Table)
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", cause.Answer(ctx, err))
	}
	return c, nil
}

// readCatalog reads all but the history table and what belongs to it.
func readCatalog(ctx context.Context, conn *pgx.Conn, table string) (catalog, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// Names outside pg_catalog are then told with their schema. A role's limits are meant for its application, and compiling
	// such queries takes longer than running them.
	const settings = "set local search_path = pg_catalog, pg_temp; set local quote_all_identifiers = off; set local statement_timeout = 0; set local jit = off"
	if _, err := tx.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, err
	}
	schema, name, qualified := strings.Cut(table, ".")
	if !qualified {
		schema, name = "", table
	}
	if name == "" {
		name = "schema_migrations"
	}
	c := catalog{}
	batch := &pgx.Batch{}
	for kind, file := range kinds {
		query, err := queries.ReadFile("catalog/" + file + ".sql")
		if err != nil {
			return nil, err
		}
		batch.Queue(strings.Replace(frameSQL, "$objects", string(query), 1), schema, name).Query(func(rows pgx.Rows) error {
			if err := c.add(kind, rows); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			return nil
		})
	}
	return c, tx.SendBatch(ctx, batch).Close()
}

func (c catalog) add(kind int, rows pgx.Rows) error {
	var name string
	o := object{kind: kind}
	_, err := pgx.ForEachRow(rows, []any{&name, &o.whole, &o.definition}, func() error {
		c[name] = o
		return nil
	})
	return err
}
