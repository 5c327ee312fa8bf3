package servertest

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// A faultFixture is a kind of history that faults strike at. Each of its files writes what a second time would double.
type faultFixture struct {
	name string
	// files are n files; each runs a statement first, which gives the faults time to strike.
	files func(n int, first string) fstest.MapFS
	// state is what a database contains, and want is that after n files without a fault.
	state func(tb testing.TB, url string) []string
	want  func(n int) []string
}

var faultFixtures = []faultFixture{
	{"transactional", slowLedgerFiles, state, ledgerState},
	{"no-transaction", slowIndexFiles, indexState, slowIndexState},
}

// A faultCase is a fixture in one of the ways to send it.
type faultCase struct {
	faultFixture
	name   string
	config migrator.Config
}

func faultCases() []faultCase {
	var cases []faultCase
	for _, fixture := range faultFixtures {
		for _, mode := range modes {
			if fixture.name == "no-transaction" && mode.config.OneByOne {
				continue // it is sent one by one anyway
			}
			cases = append(cases, faultCase{fixture, fixture.name + ", " + mode.name, mode.config})
		}
	}
	return cases
}

// eachFault runs a test for each case, all at once.
func eachFault(t *testing.T, test func(t *testing.T, c faultCase)) {
	t.Helper()
	for _, c := range faultCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test(t, c)
		})
	}
}

func slowLedgerFiles(n int, first string) fstest.MapFS {
	fsys := ledgerFiles(n)
	for _, file := range fsys {
		file.Data = fmt.Appendf(nil, "%s;\n%s", first, file.Data)
	}
	return fsys
}

// slowIndexFiles are the same without a transaction; every fourth also builds an index.
func slowIndexFiles(n int, first string) fstest.MapFS {
	fsys := slowLedgerFiles(n, first)
	for i := 2; i <= n; i++ {
		text := fmt.Sprintf("-- migrator: no-transaction\n%s;\ninsert into ledger values (%d);\n", first, i)
		if i%4 == 0 {
			text += fmt.Sprintf("create index concurrently ledger_%03d on ledger (file);\n", i)
		}
		fsys[fmt.Sprintf("%03d_file.sql", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func slowIndexState(n int) []string {
	state := ledgerState(n)
	for i := 4; i <= n; i += 4 {
		state = append(state, fmt.Sprintf("ledger_%03d", i))
	}
	return state
}

// starts hears of each file that a run begins.
type starts chan migrator.Version

func newStarts() starts { return make(starts, 1000) }

func (s starts) observe(e migrator.Event) {
	if e.Kind == migrator.EventStarted {
		s <- e.Version
	}
}

// wait returns when n more files were begun.
func (s starts) wait(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-s:
		case <-time.After(time.Minute):
			require.FailNow(t, "no file is begun any more")
		}
	}
}

// A ran is what Run returns.
type ran struct {
	results []migrator.Result
	err     error
}

// oneSleeps asks whether one backend of the database sleeps: a file that is to take a while.
const oneSleeps = "select (count(*) = 1)::text from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"

// inBackground runs up.
func inBackground(t *testing.T, m *migrator.Migrator) <-chan ran {
	t.Helper()
	ctx, ended := patience(t), make(chan ran, 1)
	go func() {
		results, err := m.Run(ctx, migrator.Up())
		ended <- ran{results, err}
	}()
	return ended
}
