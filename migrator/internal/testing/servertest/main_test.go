package servertest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childEnv); task != "" {
		os.Exit(beChild(task))
	}
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked && runtime.GOMAXPROCS(0) < 4 { // most tests wait for a server, and there are many
		_ = flag.Set("test.parallel", "6")
	}
	os.Exit(migratortest.Main(m))
}

// The helpers of dbtest by short names: most tests use several of them.
var (
	files   = dbtest.Files
	connect = dbtest.Connect
	keep    = dbtest.Keep
	query   = dbtest.Query
	execute = dbtest.Execute
)

// newDatabase is an empty one that goes with the test. To make one takes a tenth of a second or two, which is most of what a test takes:
// with -short only the tests of the promises have one.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	if name := tb.Name(); testing.Short() && strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "TestPromise") {
		tb.Skip("it is about no promise by its name: run without -short")
	}
	return migratortest.Database(tb)
}

// ledgerFiles are n files, each of which writes a row that a second time would double.
func ledgerFiles(n int) fstest.MapFS {
	fsys := files("001_ledger.sql", "create table ledger (file int not null);\ninsert into ledger values (1);\n", "001_ledger.down.sql", "drop table ledger;\n")
	for i := 2; i <= n; i++ {
		fsys[fmt.Sprintf("%03d_file.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "insert into ledger values (%d);\n", i)}
		fsys[fmt.Sprintf("%03d_file.down.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "insert into ledger values (-%d);\n", i)}
	}
	return fsys
}

// open returns a migrator for the files and a database.
func open(tb testing.TB, url string, fsys fstest.MapFS, config migrator.Config) *migrator.Migrator {
	tb.Helper()
	return migrator.New(dbtest.Config(tb, url), dbtest.Load(tb, fsys), config)
}

// empty makes a database a new one, which is much quicker than to make a new one.
func empty(tb testing.TB, url string) {
	tb.Helper()
	execute(tb, url, "drop schema public cascade; create schema public")
}

// state is what a database of ledgerFiles contains: the ledger in order, and the history.
func state(tb testing.TB, url string) []string {
	tb.Helper()
	ledger := "select null::text, null::text where false"
	if query(tb, url, "select (to_regclass('ledger') is not null)::text")[0] == "true" {
		ledger = "select 'ledger', file::text from ledger"
	}
	return query(tb, url, "select a || ' ' || b from ("+ledger+" union all select 'history', version from schema_migrations) x (a, b) order by a, b")
}

// ledgerState is state after n files.
func ledgerState(n int) []string {
	var history, ledger []string
	for i := 1; i <= n; i++ {
		name := "file"
		if i == 1 {
			name = "ledger"
		}
		history = append(history, fmt.Sprintf("history %03d_%s.sql", i, name))
		ledger = append(ledger, fmt.Sprintf("ledger %d", i))
	}
	return append(history, ledger...)
}

// recorder keeps the events of runs.
type recorder struct {
	mu     sync.Mutex
	events []migrator.Event
}

func (r *recorder) observe(e migrator.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// of returns the events of a kind.
func (r *recorder) of(kind migrator.EventKind) []migrator.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []migrator.Event
	for _, e := range r.events {
		if e.Kind == kind {
			events = append(events, e)
		}
	}
	return events
}

// patience bounds what should take moments.
func patience(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// waitFor asks until a query answers true.
func waitFor(tb testing.TB, url, sql string) {
	tb.Helper()
	conn := connect(tb, url)
	defer conn.Close(context.Background())
	require.Eventually(tb, func() bool {
		var answer string
		require.NoError(tb, conn.QueryRow(context.Background(), sql, pgx.QueryExecModeSimpleProtocol).Scan(&answer))
		return answer == "true"
	}, 30*time.Second, 10*time.Millisecond, sql)
}

// together matches a message of several steps: each of them tells when it begins.
func together(m pgproxy.Message) bool {
	return strings.Contains(m.SQL, "select pg_catalog.to_char(pg_catalog.timezone(") || strings.Contains(m.SQL, "execute migrator_set (")
}
