package migratortest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// templateFormat is raised when the same files make another template than before.
const templateFormat = 1

// template returns the name of the database that has the migrations applied. Each process looks for it only once; when
// it cannot be made, every test that asks gets the same error.
func (s *server) template(ctx context.Context, migrations []migrator.Migration) (string, error) {
	key, err := s.templateKey(migrations)
	if err != nil {
		return "", err
	}
	name := templateOf(key)
	ensure, _ := s.templates.LoadOrStore(name, sync.OnceValue(func() error {
		// One test's end must not end what all wait for.
		return s.ensure(context.WithoutCancel(ctx), name, int64(binary.BigEndian.Uint64(key[:8])), migrations)
	}))
	return name, ensure.(func() error)()
}

func templateOf(key []byte) string { return fmt.Sprintf("migrator_template_%x", key[:8]) }

// templateKey has the role in it, which owns what the files make, and the database that we connect to for making others,
// since a lock excludes only those that take it in the same one.
func (s *server) templateKey(migrations []migrator.Migration) ([]byte, error) {
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %q %q\n", templateFormat, config.User, config.Database)
	for _, m := range migrations {
		fmt.Fprintf(h, "%q %s\n", m.Version, m.Checksum())
	}
	return h.Sum(nil), nil
}

// ensure makes the template unless it is there. Whoever makes it holds a lock; the others ask for both in turn, since
// waiting in the server for a lock would hold up a CREATE INDEX CONCURRENTLY.
func (s *server) ensure(ctx context.Context, name string, key int64, migrations []migrator.Migration) error {
	conn, err := pgx.Connect(ctx, s.url) // of its own, as the lock belongs to the session
	if err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for locked := false; ; {
		var ready bool
		err := conn.QueryRow(ctx, "select exists (select from pg_catalog.pg_database where datname operator(pg_catalog.=) $1 and datistemplate)",
			pgx.QueryExecModeSimpleProtocol, name).Scan(&ready)
		switch {
		case err != nil:
			return fmt.Errorf("look for the template: %w", err)
		case ready:
			return nil
		case locked:
			return s.makeTemplate(ctx, conn, name, migrations)
		}
		err = conn.QueryRow(ctx, "select pg_catalog.pg_try_advisory_lock($1)", pgx.QueryExecModeSimpleProtocol, key).Scan(&locked)
		if err != nil {
			return fmt.Errorf("lock the template: %w", err)
		}
		if !locked {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// makeTemplate works under the lock. A database of that name which is no template was left by a process that was killed.
func (s *server) makeTemplate(ctx context.Context, conn *pgx.Conn, name string, migrations []migrator.Migration) error {
	quoted := pgx.Identifier{name}.Sanitize()
	drop := "drop database if exists " + quoted + " with (force)"
	for _, sql := range []string{drop, "create database " + quoted + " template template0"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make a template: %w", err)
		}
	}
	if err := s.migrate(ctx, name, migrations); err != nil {
		_, dropping := conn.Exec(ctx, drop)
		return errors.Join(fmt.Errorf("make a template: %w", err), dropping)
	}
	// One statement, so that the template is complete and closed at once: a database that is in use cannot be cloned.
	if _, err := conn.Exec(ctx, "alter database "+quoted+" with allow_connections false is_template true"); err != nil {
		return fmt.Errorf("complete a template: %w", err)
	}
	return nil
}

func (s *server) migrate(ctx context.Context, name string, migrations []migrator.Migration) error {
	config, err := pgx.ParseConfig(s.database(name))
	if err != nil {
		return err
	}
	_, err = migrator.New(config, migrations, migrator.Config{}).Run(ctx, migrator.Up())
	return err
}
