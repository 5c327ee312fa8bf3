// Package migratortest gives tests a PostgreSQL.
//
//	func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		conn, err := pgx.Connect(t.Context(), migratortest.Database(t))
//		...
//	}
//
// The server is looked for when the first test asks for a database, in this order:
//
//   - url: TEST_DATABASE_URL, a URL of a role that may create databases. When it is set, nothing else is tried.
//   - docker: a container of the image postgres:15, or of the one that TEST_POSTGRES_IMAGE names.
//   - binaries: those of PostgreSQL on this machine, see package devpg.
//   - download: the same, downloaded once.
//
// MIGRATORTEST_SOURCE names the only one to try. A server that was started allows 300 connections and more, does not
// protect its data from a crash, and ends with the tests. A line on stderr tells once which server it is. The workers of
// a fuzz target, which are processes of their own, use the server of the process that started them.
package migratortest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"
)

// connections is what the server allows: 300 for the tests, and some for making and dropping their databases.
const connections = "320"

// shared is the server of this process. The lock is not held while tests use it.
var shared struct {
	mu     sync.Mutex
	asked  bool
	server *server
	err    error
}

// Main runs the tests, stops the server if one was started, also on Ctrl-C, and returns the code to exit with.
func Main(m *testing.M) int {
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	go func() {
		<-interrupt
		_ = stop()
		os.Exit(1)
	}()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "migratortest: stop PostgreSQL:", err)
		return max(code, 1)
	}
	return code
}

// Database makes an empty database and returns its URL. It is dropped when the test ends, with the connections to it.
// Where there is no server the test fails with a list of what was tried and how to get one.
func Database(tb testing.TB) string {
	tb.Helper()
	s, err := get(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	name, err := s.create(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.drop(ctx, name); err != nil {
			tb.Error(err)
		}
	})
	return s.database(name)
}

// Source is where the server came from: TEST_DATABASE_URL, docker, binaries or download; nothing before the first
// Database.
func Source() string {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		return ""
	}
	return shared.server.source
}

func get(ctx context.Context) (*server, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.asked {
		shared.asked = true
		begin := time.Now()
		// One test's end must not end the search, whose result is for all.
		shared.server, shared.err = find(context.WithoutCancel(ctx), sources, os.Getenv)
		if shared.err == nil {
			for _, remark := range shared.server.remarks {
				fmt.Fprintln(os.Stderr, "migratortest: not from", remark)
			}
			fmt.Fprintf(os.Stderr, "migratortest: PostgreSQL %s (%.1fs)\n", shared.server.about, time.Since(begin).Seconds())
			if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
				shared.err = errors.Join(os.Setenv("TEST_DATABASE_URL", shared.server.url), os.Setenv("MIGRATORTEST_SOURCE", "url"))
			}
		}
	}
	return shared.server, shared.err
}

func stop() error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil || shared.server.stop == nil {
		return nil
	}
	return shared.server.stop()
}
