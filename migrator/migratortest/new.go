package migratortest

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// dropLimit is how long dropping a database may take.
const dropLimit = time.Minute

// New returns a connection to a database of the test's own, to which the migrations have been applied. The database is
// a clone of a template, which is made once for all tests with the same migrations, so that a test may as well take a
// new one as clean up. Further connections are opened with conn.Config().ConnString().
//
// The connection is closed and the database dropped when the test ends, with all other connections to it. Where a file
// cannot be applied the test fails with its place.
func New(tb testing.TB, migrations fs.FS) *pgx.Conn {
	tb.Helper()
	files, err := migrator.Load(migrations)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := get(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	template, err := s.template(tb.Context(), files)
	if err != nil {
		tb.Fatal(err)
	}
	name, err := s.create(tb.Context(), template)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.discard(tb, name) })
	conn, err := pgx.Connect(tb.Context(), s.database(name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// discard drops a database while other tests go on. That takes a Main which waits for it; a process without one might
// end before.
func (s *server) discard(tb testing.TB, name string) {
	tb.Helper()
	drop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), dropLimit)
		defer cancel()
		return s.drop(ctx, name)
	}
	if mainWaits.Load() {
		s.drops.Go(drop)
	} else if err := drop(); err != nil {
		tb.Error(err)
	}
}
