// Package migratortest gives tests a PostgreSQL, and each test a migrated database of its own.
//
//	func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		conn := migratortest.New(t, files)
//		...
//	}
//
// New applies the migrations once, to a template, and clones that for each test, which costs as much as the server takes
// to copy a database. Database gives an empty database instead.
//
// # The server
//
// It is looked for when the first test asks for a database, in this order:
//
//   - url: TEST_DATABASE_URL, a URL of a role that may create databases. When it is set, nothing else is tried.
//   - docker: a container of the image postgres:15, or of the one that TEST_POSTGRES_IMAGE names.
//   - binaries: those of PostgreSQL on this machine, see package devpg.
//   - download: the same, downloaded once.
//
// MIGRATORTEST_SOURCE names the only one to try. A server that was started allows 1000 connections, does not protect its
// data from a crash, and ends with the tests. A line on stderr tells once which server it is. The workers of a fuzz
// target, which are processes of their own, use the server of the process that started them.
//
// # Sharing
//
// On Linux and macOS all packages of one go test use the same server. The first one to ask starts a keeper, a process
// that starts the server and ends it when the go command is gone, also by Ctrl-C or kill -9. They meet in a directory
// below os.TempDir that is named after the go command and open to its user only. Packages that have different
// settings of the variables above, of PATH or of Docker's variables get different servers. A program of tests that go
// test did not start itself, as with -exec or a debugger, has a server of its own, as everywhere else.
//
// # Templates
//
// The template of a set of migrations is the database migrator_template_ and a hash over the names and checksums of its
// up files, in their order, and over the role. It is made under an advisory lock and is complete when PostgreSQL calls it
// a template, so that what a killed process left is made anew. Nobody can connect to it. What PostgreSQL keeps outside
// of a database is not cloned: grants on the database and settings of ALTER DATABASE. What the files do to the whole
// server, such as creating a role, is done once.
//
// A test that panics, or is killed, leaves its database, test_ and sixteen letters: with the server that was started, not with
// that of TEST_DATABASE_URL.
//
// On the server of TEST_DATABASE_URL the templates stay, for the next run. Old ones stay too, since they may be
// somebody else's; psql drops them all:
//
//	select format('alter database %I is_template false', datname), format('drop database %I', datname)
//	from pg_database where datname like 'migrator\_template\_%' \gexec
package migratortest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// connections is what the server allows: 300 for the tests of a package, and there may be several at once. Each costs some
// 40 kB of memory.
const connections = "1000"

// shared is the server of this process. The lock is not held while tests use it.
var shared struct {
	mu     sync.Mutex
	asked  bool
	server *server
	err    error
}

// mainWaits is set where Main runs the tests.
var mainWaits atomic.Bool

// Main runs the tests, stops the server if one was started, also on Ctrl-C, and returns the code to exit with. A server
// that is shared with other packages goes on until go test ends.
func Main(m *testing.M) int {
	mainWaits.Store(true)
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	go func() {
		<-interrupt
		_ = stop()
		os.Exit(1)
	}()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "migratortest:", err)
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
	name, err := s.create(tb.Context(), "template0") // nobody connects to that one, so that it can always be copied
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropLimit)
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
		shared.server, shared.err = open(context.WithoutCancel(ctx), os.Getenv)
		if shared.err == nil {
			for _, remark := range shared.server.remarks {
				fmt.Fprintln(os.Stderr, "migratortest: not from", remark)
			}
			joined := ""
			if shared.server.joined {
				joined = ", shared"
			}
			fmt.Fprintf(os.Stderr, "migratortest: PostgreSQL %s%s (%.1fs)\n", shared.server.about, joined, time.Since(begin).Seconds())
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
	if shared.server == nil {
		return nil
	}
	return shared.server.end()
}
