package migratortest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// server is a PostgreSQL on which databases are made.
type server struct {
	source string
	about  string // for people, without the password
	url    string // of a database to connect to for making others; a URL, or keywords and values
	stop   func() error

	remarks []string // why the sources before this one gave none
	joined  bool     // another process of the same go test had it started

	maintenance maintenance
	copying     copying
	templates   sync.Map // of func() error by name: whether the template is there
	drops       errgroup.Group
}

// newServer makes a server, of which at most so many databases are dropped at once while tests go on.
func newServer(source, url string) *server {
	s := &server{source: source, url: url}
	s.drops.SetLimit(keptIdle)
	return s
}

// end waits until the databases are dropped, or stops the server, which takes them along.
func (s *server) end() error {
	if s.stop == nil {
		err := s.drops.Wait()
		s.maintenance.close()
		return err
	}
	if err := s.stop(); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// create makes a copy of a template, to which nobody may be connected meanwhile.
func (s *server) create(ctx context.Context, template string) (name string, err error) {
	clause, err := s.copying.of(ctx, s)
	if err != nil {
		return "", fmt.Errorf("create a test database: %w", err)
	}
	name = "test_" + strings.ToLower(rand.Text()[:16])
	err = s.exec(ctx, "create database "+pgx.Identifier{name}.Sanitize()+" template "+pgx.Identifier{template}.Sanitize()+clause)
	if err != nil {
		return "", fmt.Errorf("create a test database: %w", err)
	}
	return name, nil
}

func (s *server) drop(ctx context.Context, name string) error {
	if err := s.exec(ctx, "drop database "+pgx.Identifier{name}.Sanitize()+" with (force)"); err != nil {
		return fmt.Errorf("drop a test database: %w", err)
	}
	return nil
}

// database is the server's URL with another database in it.
func (s *server) database(name string) string {
	if !strings.Contains(s.url, "://") {
		return s.url + " dbname=" + name
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return s.url // not reached: pgx has parsed it
	}
	u.Path = "/" + name
	query := u.Query()
	query.Del("dbname")
	u.RawQuery = query.Encode()
	return u.String()
}

// check connects and makes sure that the role may create databases.
func (s *server) check(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	var role string
	var may bool
	err = conn.QueryRow(ctx, `
		select rolname, rolcreatedb or rolsuper, pg_catalog.current_setting('server_version')
		from pg_catalog.pg_roles where rolname operator(pg_catalog.=) current_user`).Scan(&role, &may, &version)
	if err != nil {
		return "", fmt.Errorf("ask what the role may do: %w", err)
	}
	if !may {
		return "", fmt.Errorf("the role %s may not create databases; as a superuser: alter role %s createdb",
			role, pgx.Identifier{role}.Sanitize())
	}
	return version, nil
}

var errNotSet = errors.New("TEST_DATABASE_URL is not set")

// fromURL takes the server that TEST_DATABASE_URL names.
func fromURL(ctx context.Context, env func(string) string) (*server, error) {
	s := newServer("TEST_DATABASE_URL", env("TEST_DATABASE_URL"))
	if s.url == "" {
		return nil, errNotSet
	}
	config, err := migrator.ParseConfig(s.url) // whose errors show no password
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	version, err := s.check(ctx)
	if err != nil {
		return nil, fmt.Errorf("TEST_DATABASE_URL: %w", err)
	}
	s.about = fmt.Sprintf("%s at %s:%d, from TEST_DATABASE_URL", version, config.Host, config.Port)
	return s, nil
}
