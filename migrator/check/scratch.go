package check

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

const (
	// dropPatience is how long dropping the database may take, also after the context has ended.
	dropPatience = time.Minute
	// cancelGrace is how long a cancelled statement may take to end before its connection is given up.
	cancelGrace = 5 * time.Second
)

//go:embed missing_schema.sql
var missingSchemaSQL string

// A scratch is a database that is made, migrated and dropped.
type scratch struct {
	server  *pgx.ConnConfig
	name    string
	options migrator.Config
	there   bool // or may be
}

func newScratch(server *pgx.ConnConfig, options migrator.Config) *scratch {
	s := &scratch{server: server, name: "migrator_check_" + strings.ToLower(rand.Text()[:16]), options: options}
	if hook := options.BeforeConnect; hook != nil {
		s.options.BeforeConnect = func(ctx context.Context, config *pgx.ConnConfig) error {
			err := hook(ctx, config)
			config.Database = s.name // whatever it has set: the runs belong here
			return err
		}
	}
	return s
}

// config leads to the scratch database.
func (s *scratch) config() *pgx.ConnConfig {
	config := s.server.Copy()
	config.Database = s.name
	return config
}

// create makes the database, with the locale that the server has by default. The template is the one that nobody has
// put anything into, and that nobody is connected to.
func (s *scratch) create(ctx context.Context) error {
	conn, err := s.connect(ctx, s.server.Database)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	s.there = true
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{s.name}.Sanitize()+" template template0")
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42501" {
		s.there = false
		role := conn.Config().User
		return fmt.Errorf("make a scratch database: %w\nHINT: let the role make databases: alter role %s createdb; or name another server", err, pgx.Identifier{role}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("make a scratch database: %w", cause.Answer(ctx, err))
	}
	return s.prepare(ctx)
}

// prepare makes the schema of the history, where it is not public: it has to be there before the first migration.
func (s *scratch) prepare(ctx context.Context) error {
	conn, err := s.connect(ctx, s.name)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	schema, _, qualified := strings.Cut(s.options.Table, ".")
	if !qualified {
		err = conn.QueryRow(ctx, missingSchemaSQL).Scan(&schema)
	}
	if err == nil && schema != "" {
		_, err = conn.Exec(ctx, "create schema if not exists "+pgx.Identifier{schema}.Sanitize())
	}
	if err != nil {
		return fmt.Errorf("make the schema of the history in the scratch database: %w", cause.Answer(ctx, err))
	}
	return nil
}

// drop takes the database away again, also after the context has ended, and with whoever is still connected to it.
func (s *scratch) drop(ctx context.Context) error {
	if !s.there {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropPatience)
	defer cancel()
	conn, err := s.connect(ctx, s.server.Database)
	if err == nil {
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, "drop database if exists "+pgx.Identifier{s.name}.Sanitize()+" with (force)")
	}
	if err != nil {
		return fmt.Errorf("drop the scratch database %s: %w", s.name, err)
	}
	s.there = false
	return nil
}

// connect opens a connection. When the context of a statement ends, the server is told and its answer awaited: a database
// that is still being made cannot be dropped.
func (s *scratch) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config := s.server.Copy()
	config.RuntimeParams["application_name"] = "migrator check"
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing is asked twice, nor prepared
	config.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelGrace}
	}
	if s.options.BeforeConnect != nil {
		if err := s.options.BeforeConnect(ctx, config); err != nil {
			return nil, fmt.Errorf("before connect: %w", err)
		}
	}
	config.Database = database
	return pgx.ConnectConfig(ctx, config)
}
