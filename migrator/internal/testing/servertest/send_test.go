package servertest

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// Files that are sent together: each is still a transaction of its own, with its own place, limit, report and end.

// flights counts a run's round trips, without those of the lock's connection when it looks what a file waits for: on a slow
// machine it does.
func flights(proxy *pgproxy.Proxy) int {
	count := proxy.Flights()
	looks := 0
	for _, message := range proxy.Messages() {
		if strings.Contains(message.SQL, "waitstart") {
			looks++
		}
	}
	return count.Startup + count.Queries - looks
}

func TestAHundredFilesOnAFreshDatabaseTakeEightFlights(t *testing.T) {
	t.Parallel()
	proxy := pgproxy.Start(t, newDatabase(t))
	results, err := open(t, proxy.URL(), ledgerFiles(100), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 100)
	more := proxy.Flights().Startup - 1 // each password takes a flight or two, and on a slow machine a watch connects meanwhile
	require.LessOrEqual(t, flights(proxy)-more, 8, "%+v", proxy.Flights())
	for _, message := range proxy.Messages() {
		require.LessOrEqual(t, strings.Count(message.SQL, "MG003"), 1, "the lock is taken once a message")
	}

	proxy.Reset()
	_, err = open(t, proxy.URL(), ledgerFiles(100), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	more = proxy.Flights().Startup - 1
	require.Equal(t, 2, flights(proxy)-more)
}

func TestAMessageIsBounded(t *testing.T) {
	t.Parallel()
	fsys := ledgerFiles(40)
	for _, file := range fsys {
		file.Data = append(file.Data, "-- "+strings.Repeat("x", 20_000)+"\n"...)
	}
	proxy := pgproxy.Start(t, newDatabase(t))
	_, err := open(t, proxy.URL(), fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	longest := 0
	for _, message := range proxy.Messages() {
		longest = max(longest, message.Length)
	}
	require.Less(t, longest, 75_000)
	require.Greater(t, longest, 50_000)
	require.Less(t, flights(proxy), 25)
}

// holding are files of which the third waits for a lock until it is let go.
func holding(t *testing.T, url string) (fsys fstest.MapFS, letGo func()) {
	t.Helper()
	other := connect(t, url)
	_, err := other.Exec(t.Context(), "create table held (id int); begin; lock table held; commit; begin; select count(*) from held")
	require.NoError(t, err)
	t.Cleanup(func() { _ = other.Close(context.Background()) })
	fsys = ledgerFiles(5)
	fsys["003_file.sql"] = files("x", "-- waits\nalter table held add x int;\ninsert into ledger values (3);\n")["x"]
	return fsys, func() {
		_, err := other.Exec(context.Background(), "commit")
		require.NoError(t, err)
	}
}

func TestASyntaxErrorStopsTheFilesThatItTravelsWithBeforeTheFirst(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys := ledgerFiles(5)
	fsys["002_file.sql"] = files("x", "insert into ledger values (2); -- æøå 漢字 🐘\n")["x"]
	fsys["004_file.sql"] = files("x", "select 'é';\n  selec 4;\n")["x"]
	var seen recorder
	results, err := open(t, url, fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
	require.Empty(t, results)
	require.ErrorContains(t, err, "004_file.sql:2:3")
	require.ErrorContains(t, err, `syntax error at or near "selec"`)
	require.ErrorContains(t, err, "STATE: not begun; nothing of this file was applied, nor of what was sent together with it (files before it: 3)")
	require.Equal(t, 4, seen.of(migrator.EventFailed)[0].Index)
	require.Empty(t, query(t, url, "select tablename::text from pg_tables where schemaname = 'public'"))
}

func TestAnErrorKeepsTheFilesBeforeItAndBeginsNoneAfterIt(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"with a position": "select nothing", "at run time": "select 1/0"} {
		url := newDatabase(t)
		fsys := ledgerFiles(5)
		fsys["002_file.sql"] = files("x", "insert into ledger values (2); select 'æøå 漢字 🐘';\n")["x"]
		fsys["003_file.sql"] = files("x", "insert into ledger values (3);\n"+statement+";\n")["x"]
		var seen recorder
		results, err := open(t, url, fsys, migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
		require.Len(t, results, 2, name)
		require.ErrorContains(t, err, "003_file.sql:2:", name)
		require.ErrorContains(t, err, "STATE: rolled back; nothing of this file was applied")
		require.Equal(t, ledgerState(2), state(t, url))
		require.Len(t, seen.of(migrator.EventStarted), 3)
		require.Len(t, seen.of(migrator.EventFinished), 2)
		require.Equal(t, 3, seen.of(migrator.EventFailed)[0].Index)
	}
}

func TestAFileThatGetsNoLockIsTriedAgainAndTheOthersAreNot(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys, letGo := holding(t, url)
	var seen recorder
	ended := inBackground(t, open(t, url, fsys, migrator.Config{LockTimeout: time.Second, Observe: func(e migrator.Event) {
		seen.observe(e)
		if e.Kind == migrator.EventRetrying && len(seen.of(migrator.EventRetrying)) == 2 {
			letGo()
		}
	}}))
	end := <-ended
	require.NoError(t, end.err)
	require.Len(t, end.results, 5)
	require.Equal(t, ledgerState(5), state(t, url))
	for _, e := range seen.of(migrator.EventRetrying) {
		require.Equal(t, migrator.Version("003_file.sql"), e.Version)
		require.NotEmpty(t, e.Backends)
	}
	require.Len(t, seen.of(migrator.EventStarted), 5)
}

func TestCancellingStopsInTheMiddleOfWhatWasSentTogether(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	fsys, _ := holding(t, url)
	ctx, cancel := context.WithCancel(patience(t))
	defer cancel()
	results, err := open(t, url, fsys, migrator.Config{LockTimeout: -1, Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventBlocked {
			cancel()
		}
	}}).Run(ctx, migrator.Up())
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "003_file.sql:2:1")
	require.ErrorContains(t, err, "rolled back; nothing of this file was applied")
	require.Len(t, results, 2)
	require.Equal(t, ledgerState(2), state(t, url))
}

func TestTheLimitOfAFileIsNotUsedUpByThoseBeforeIt(t *testing.T) {
	t.Parallel()
	url, release := busy(t, "a", "b", "c")
	for i, table := range []string{"a", "b", "c"} {
		time.AfterFunc(time.Duration(i+1)*1200*time.Millisecond, func() { release(table) })
	}
	var seen recorder
	m := open(t, url, files("001_a.sql", "alter table a add x int", "002_b.sql", "alter table b add x int", "003_c.sql", "alter table c add x int"),
		migrator.Config{LockTimeout: 2500 * time.Millisecond, Observe: seen.observe})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, seen.of(migrator.EventRetrying), "each has waited less than its limit, all together longer")
	var blocked []migrator.Version
	for _, e := range seen.of(migrator.EventBlocked) {
		if len(blocked) == 0 || blocked[len(blocked)-1] != e.Version {
			blocked = append(blocked, e.Version)
		}
	}
	require.Equal(t, []migrator.Version{"001_a.sql", "002_b.sql", "003_c.sql"}, blocked)
}

// TestWhatTheServerCannotReadIsFoundAmongTheFilesThatItWasSentWith: it refuses the message as a whole, without a position.
func TestWhatTheServerCannotReadIsFoundAmongTheFilesThatItWasSentWith(t *testing.T) {
	t.Parallel()
	url := latin1(t)
	fsys := ledgerFiles(5)
	fsys["003_file.sql"] = files("x", "insert into ledger select 3 where '漢' = '';\n")["x"]
	results, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, `has no equivalent in encoding "LATIN1"`)
	var failed *migrator.MigrationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, migrator.Version("003_file.sql"), failed.Version)
	require.Len(t, results, 2)
	require.Equal(t, ledgerState(2), state(t, url))
}

// latin1 is an empty database with another encoding than the files.
func latin1(t *testing.T) string {
	t.Helper()
	url := newDatabase(t)
	name := database(t, url) + "_latin1"
	execute(t, url, "create database \""+name+"\" encoding latin1 locale 'C' template template0")
	t.Cleanup(func() { execute(t, url, "drop database \""+name+"\" with (force)") })
	other := strings.Replace(url, "/"+database(t, url), "/"+name, 1)
	return other + map[bool]string{true: "&", false: "?"}[strings.Contains(url, "?")] + "client_encoding=UTF8"
}

func TestEachFileHasItsOwnIsolationWhateverTheRoles(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "alter database \""+database(t, url)+"\" set default_transaction_isolation = 'repeatable read'")
	const note = "insert into seen values (current_setting('transaction_isolation'));\n"
	_, err := open(t, url, files(
		"001_seen.sql", "create table seen (isolation text);\n"+note,
		"002_serializable.sql", "-- migrator: isolation=serializable\n"+note,
		"003_plain.sql", note,
	), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"read committed", "serializable", "read committed"}, query(t, url, "select isolation from seen"))
}
