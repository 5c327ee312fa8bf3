package servertest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

const oneIndex = "-- migrator: no-transaction\ncreate index concurrently ledger_file on ledger (file);\n"

// snapshot holds an old one until release, and has read the ledger: for as long, no index that is built concurrently is
// ready, and none is gone.
func snapshot(t *testing.T, url string) (release func()) {
	t.Helper()
	conn := connect(t, url)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	_, err := conn.Exec(t.Context(), "set application_name = 'report'; begin isolation level repeatable read; select count(*) from ledger")
	require.NoError(t, err)
	return func() {
		_, err := conn.Exec(context.Background(), "commit")
		require.NoError(t, err)
	}
}

// building is a query that is true while an index is built which waits for an old snapshot.
const building = "select (count(*) = 1)::text from pg_stat_activity where wait_event = 'virtualxid' and datname = current_database()"

func TestAnOldSnapshotOutlastsTheLockTimeout(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"read committed", "repeatable read", "serializable"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create table ledger (file int); alter database "+pgx.Identifier{database(t, url)}.Sanitize()+" set default_transaction_isolation = '"+isolation+"'")
			release := snapshot(t, url)
			var seen recorder
			var group errgroup.Group
			for range 4 { // three of them wait
				m := open(t, url, files("001_index.sql", oneIndex), migrator.Config{LockTimeout: 200 * time.Millisecond, Observe: seen.observe})
				group.Go(func() error {
					_, err := m.Run(patience(t), migrator.Up())
					return err
				})
			}
			waitFor(t, url, building)
			time.Sleep(2 * time.Second) // it goes on waiting, far beyond the lock timeout
			release()
			require.NoError(t, group.Wait())
			require.Equal(t, []string{"history 001_index.sql", "ledger_file"}, indexState(t, url))
			require.Empty(t, seen.of(migrator.EventRetrying))
			blocked := seen.of(migrator.EventBlocked)
			require.NotEmpty(t, blocked)
			require.Equal(t, "report", blocked[0].Backends[0].Application)
		})
	}
}

func TestAnOrphanThatStillBuildsTheIndexIsWaitedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int)")
	release := snapshot(t, url)
	proxy := pgproxy.Start(t, url)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := make(chan error, 1)
	m := open(t, proxy.URL(), files("001_index.sql", oneIndex), migrator.Config{})
	go func() {
		_, err := m.Run(ctx, migrator.Up())
		first <- err
	}()
	waitFor(t, url, building)
	proxy.Stall() // its host has vanished
	oid := query(t, url, "select 'ledger_file'::regclass::oid::text")

	var seen recorder
	var group errgroup.Group
	group.Go(func() error {
		_, err := open(t, url, files("001_index.sql", oneIndex), migrator.Config{Observe: seen.observe}).Run(patience(t), migrator.Up())
		return err
	})
	require.Eventually(t, func() bool { return len(seen.of(migrator.EventWaiting)) > 0 }, 20*time.Second, 10*time.Millisecond)
	release()
	waitFor(t, url, "select indisvalid::text from pg_index where indexrelid = 'ledger_file'::regclass")
	cancel()
	proxy.CloseAll()
	require.Error(t, <-first)
	require.NoError(t, group.Wait())
	require.Equal(t, oid, query(t, url, "select 'ledger_file'::regclass::oid::text"), "it was not built again")
	require.Equal(t, []string{"history 001_index.sql", "ledger_file"}, indexState(t, url))
}

// TestWhatAKilledBuildHasLeftIsCleared ends the server's side of a build while it waits, which leaves an invalid index, and
// goes on: in the same run, and in the next one.
func TestWhatAKilledBuildHasLeftIsCleared(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, statement, index string }{
		"create":             {"", "create index concurrently ledger_file on ledger (file)", "ledger_file"},
		"create unique":      {"", `create unique index concurrently if not exists "Ledger File" on only public.ledger using btree (file desc) where file > 0`, "Ledger File"},
		"reindex an index":   {"create index ledger_file on ledger (file)", "reindex index concurrently ledger_file", "ledger_file"},
		"reindex a table":    {"create index ledger_file on ledger (file)", "reindex (concurrently) table ledger", "ledger_file"},
		"reindex a schema":   {"create index ledger_file on ledger (file)", "reindex schema concurrently public", "ledger_file"},
		"drop another index": {"create index ledger_file on ledger (file); create index gone on ledger (file)", "drop index concurrently gone", "ledger_file"},
	} {
		for _, again := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", in the same run", false: ", in the next run"}[again], func(t *testing.T) {
				t.Parallel()
				url := newDatabase(t)
				execute(t, url, "create table ledger (file int, text text); "+test.before)
				release := snapshot(t, url)
				config := migrator.Config{ReconnectFor: -1}
				if again {
					config = migrator.Config{}
				}
				fsys := files("001_index.sql", "-- migrator: no-transaction\n"+test.statement+";\n")
				var group errgroup.Group
				group.Go(func() error {
					_, err := open(t, url, fsys, config).Run(patience(t), migrator.Up())
					return err
				})
				waitFor(t, url, building)
				execute(t, url, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'virtualxid' and datname = current_database()")
				if again {
					waitFor(t, url, building) // what is left, or the second attempt
				}
				release()
				if err := group.Wait(); again {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, "001_index.sql")
					require.NotEmpty(t, query(t, url, "select indexrelid::regclass::text from pg_index where indrelid = 'ledger'::regclass and not indisvalid"))
					_, err = open(t, url, fsys, config).Run(patience(t), migrator.Up())
					require.NoError(t, err)
				}
				require.Equal(t, []string{"history 001_index.sql", test.index}, indexState(t, url))
				require.Empty(t, query(t, url, "select indexrelid::regclass::text from pg_index where not indisvalid"))
			})
		}
	}
}

func TestAnInvalidIndexOfAnEarlierToolIsNotTakenForTheOneThatIsAskedFor(t *testing.T) {
	t.Parallel()
	url := doubled(t)
	conn := connect(t, url)
	_, err := conn.Exec(t.Context(), "create unique index concurrently ledger_file on ledger (file)")
	require.ErrorContains(t, err, "could not create unique index")
	require.NoError(t, conn.Close(context.Background()))
	execute(t, url, "create table other (file int); insert into other values (1), (1)")
	conn = connect(t, url)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), "create unique index concurrently others on other (file)")
	require.ErrorContains(t, err, "could not create unique index")

	_, err = open(t, url, files("001_index.sql", "-- migrator: no-transaction\ncreate index concurrently if not exists ledger_file on ledger (file);\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"true"}, query(t, url, "select indisvalid::text from pg_index where indexrelid = 'ledger_file'::regclass"))
	require.Equal(t, []string{"others"}, query(t, url, "select indexrelid::regclass::text from pg_index where not indisvalid"), "what is somebody else's stays")
}

func TestAnIndexOfTheSameNameIsOnlyTakenForOursWithOurDefinition(t *testing.T) {
	t.Parallel()
	for definition, want := range map[string]string{
		"create index ledger_file on ledger (file)":                "",
		"create index ledger_file on ledger (file, text)":          "already exists",
		"create unique index ledger_file on ledger (file)":         "already exists",
		"create index ledger_file on ledger (file) where file > 1": "already exists",
	} {
		t.Run(definition, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create table ledger (file int, text text)")
			proxy := pgproxy.Start(t, url)
			proxy.Cut(pgproxy.Cut{Kill: true, Match: func(m pgproxy.Message) bool { return m.SQL == "create index concurrently ledger_file on ledger (file)" }})
			_, err := open(t, proxy.URL(), files("001_index.sql", oneIndex), migrator.Config{ReconnectFor: -1}).Run(patience(t), migrator.Up())
			require.Error(t, err)
			require.Equal(t, 1, proxy.Cuts())
			execute(t, url, definition)
			_, err = open(t, url, files("001_index.sql", oneIndex), migrator.Config{}).Run(patience(t), migrator.Up())
			if want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestADetachmentThatWasCutOffIsFinished(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table parent (id int) partition by range (id); create table child partition of parent for values from (0) to (10)")
	reader := connect(t, url)
	defer reader.Close(context.Background())
	_, err := reader.Exec(t.Context(), "begin; select * from parent")
	require.NoError(t, err)
	fsys := files("001_detach.sql", "-- migrator: no-transaction\nalter table parent detach partition child concurrently;\n")
	var group errgroup.Group
	group.Go(func() error {
		_, err := open(t, url, fsys, migrator.Config{ReconnectFor: -1}).Run(patience(t), migrator.Up())
		return err
	})
	waitFor(t, url, "select (count(*) = 1)::text from pg_inherits where inhdetachpending")
	execute(t, url, "select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()")
	require.Error(t, group.Wait())
	_, err = reader.Exec(t.Context(), "commit")
	require.NoError(t, err)
	_, err = open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, query(t, url, "select inhrelid::regclass::text from pg_inherits"))
}
