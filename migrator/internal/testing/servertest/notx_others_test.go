package servertest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

func TestPromise4HoldsWithoutATransaction(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			var group errgroup.Group
			for range 8 {
				m := open(t, url, indexFiles(), mode.config)
				group.Go(func() error {
					_, err := m.Run(patience(t), migrator.Up())
					return err
				})
			}
			require.NoError(t, group.Wait())
			require.Equal(t, indexDone, indexState(t, url))
		})
	}
}

// TestTheLockIsLostWhileAFileRunsWithoutATransaction has the file let the run lock go, again and again, while another run
// waits for it: the two take turns, and every statement runs once.
func TestTheLockIsLostWhileAFileRunsWithoutATransaction(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	text := "-- migrator: no-transaction\n"
	var want []string
	for i := 10; i < 22; i++ {
		text += fmt.Sprintf("do $$begin perform pg_advisory_unlock_all(); perform pg_sleep(0.5); insert into ledger values (%d); end$$;\n", i)
		want = append(want, fmt.Sprintf("ledger %d", i))
		if i%4 == 0 {
			text += fmt.Sprintf("create index concurrently ledger_%d on ledger (file);\n", i)
		}
	}
	execute(t, url, "create table ledger (file int)")
	var group errgroup.Group
	var seen [2]recorder
	for i := range seen {
		m := open(t, url, files("001_long.sql", text), migrator.Config{Observe: seen[i].observe})
		group.Go(func() error {
			_, err := m.Run(patience(t), migrator.Up())
			return err
		})
	}
	require.NoError(t, group.Wait())
	for i := range seen {
		require.NotEmpty(t, seen[i].of(migrator.EventStatement), "both have worked")
	}
	require.Equal(t, append([]string{"history 001_long.sql"}, append(want, "ledger_12", "ledger_16", "ledger_20")...), indexState(t, url))
}

// TestAProcedureThatLetsTheLockGoIsWaitedFor: nothing but its own run knows whether it has run.
func TestAProcedureThatLetsTheLockGoIsWaitedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `create table ledger (file int);
		create procedure work() language plpgsql as $$begin
			insert into ledger values (1);
			commit;
			perform pg_advisory_unlock_all();
			perform pg_sleep(3);
			insert into ledger values (2);
		end$$`)
	proxy := pgproxy.Start(t, url)
	proxy.Latency(300 * time.Millisecond) // so long the procedure is done before its run can record it
	fsys := files("001_call.sql", "-- migrator: no-transaction\ncall work();\ninsert into ledger values (3);\n")
	one := inBackground(t, open(t, proxy.URL(), fsys, migrator.Config{}))
	waitFor(t, url, oneSleeps)
	var seen recorder
	other := inBackground(t, open(t, url, fsys, migrator.Config{Observe: seen.observe}))
	for _, run := range []<-chan ran{one, other} {
		require.NoError(t, (<-run).err)
	}
	require.Equal(t, []string{"history 001_call.sql", "ledger 1", "ledger 2", "ledger 3"}, indexState(t, url))
	waits := seen.of(migrator.EventWaiting)
	require.NotEmpty(t, waits)
	require.Contains(t, waits[0].Backends[0].Application, "001_call.sql")
}

// TestTheWorkerIsLostWhileAFileRunsWithoutATransaction does the same to the connection that works.
func TestTheWorkerIsLostWhileAFileRunsWithoutATransaction(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	var group errgroup.Group
	m := open(t, url, indexFiles(), migrator.Config{Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventStatement && e.Statement%2 == 1 {
			group.Go(func() error {
				conn, err := pgx.Connect(context.Background(), url)
				if err != nil {
					return err
				}
				defer conn.Close(context.Background())
				_, err = conn.Exec(context.Background(), "select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^migrator .* (worker|002.*)$' and datname = current_database()")
				return err
			})
		}
	}})
	results, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.NoError(t, group.Wait())
	require.Len(t, results, 3)
	require.Equal(t, indexDone, indexState(t, url))
}

func TestAFileWithoutATransactionNeedsNoSecondConnection(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	role := "one_" + database(t, url)
	execute(t, url, fmt.Sprintf("create role %q login password 'x' connection limit 1; grant all on schema public to %[1]q", role))
	t.Cleanup(func() { execute(t, url, fmt.Sprintf("drop owned by %q; drop role %[1]q", role)) })
	config, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	fsys := indexFiles()
	fsys["004_slow.sql"] = files("x", "-- migrator: no-transaction\nselect pg_sleep(1);\n")["x"] // long enough to be watched
	migrations, err := migrator.Load(fsys)
	require.NoError(t, err)
	config.User, config.Password = role, "x"
	results, err := migrator.New(config, migrations, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Len(t, results, 4)
	execute(t, url, "delete from schema_migrations where version = '004_slow.sql'")
	require.Equal(t, indexDone, indexState(t, url))
}

func TestSettingsOfAFileHoldForItsLaterStatementsAndNoLonger(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create schema app")
	_, err := open(t, url, files(
		"001_settings.sql", `-- migrator: no-transaction
set search_path = app;
create table t (id int);
select pg_catalog.set_config('application_name', 'mine', false);
set role pg_read_all_data;
reset role;
create index concurrently t_id on t (id);
create table seen as select current_setting('search_path') as path, current_setting('application_name') as name;
`,
		"002_after.sql", "create table public.after as select current_setting('search_path') as path;\n",
	), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"app mine"}, query(t, url, "select path || ' ' || name from app.seen"))
	require.NotEqual(t, []string{"app"}, query(t, url, "select path from public.after"))
	require.Equal(t, []string{"true"}, query(t, url, "select indisvalid::text from pg_index where indexrelid = 'app.t_id'::regclass"))
}

func TestAFileWithoutATransactionMustNotTouchTheHistory(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{
		"drop table schema_migrations", "truncate schema_migrations", "delete from schema_migrations", "delete from schema_migrations_progress", "alter table schema_migrations rename to gone",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			_, err := open(t, url, files("001_a.sql", "create table a ();\n", "002_b.sql", "-- migrator: no-transaction\ncreate table b ();\n"+statement+";\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "002_b.sql")
			require.ErrorContains(t, err, "statement 1 is applied; the next run goes on at statement 2 of 2 (line 3)")
			require.Equal(t, []string{"001_a.sql"}, query(t, url, "select version from schema_migrations"))
		})
	}
}

// TestProgressThatGoesWhileItIsReadIsReadAgain stands for a run that waits while another one ends: it has seen that the
// table is there, and waits for the transaction that drops it.
func TestProgressThatGoesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	m := open(t, url, indexFiles(), migrator.Config{})
	_, err := m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
	execute(t, url, "create table schema_migrations_progress (version text, direction text, done int, hashes text[], started text, scope oid[], spared oid[])")

	other := connect(t, url)
	defer other.Close(context.Background())
	_, err = other.Exec(context.Background(), "begin; drop table schema_migrations_progress")
	require.NoError(t, err)
	var group errgroup.Group
	group.Go(func() error {
		_, err := m.Run(patience(t), migrator.Up())
		return err
	})
	waitFor(t, url, "select exists (select from pg_locks where not granted and relation = 'schema_migrations_progress'::regclass)::text")
	_, err = other.Exec(context.Background(), "commit")
	require.NoError(t, err)
	require.NoError(t, group.Wait())
	require.Equal(t, indexDone, indexState(t, url))
}

// TestTheProgressTableStaysWhereItCannotBeDropped: to take it away is only tidy.
func TestTheProgressTableStaysWhereItCannotBeDropped(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]string{
		"a view shows it": "create view monitoring as select version from schema_migrations_progress",
		"an event trigger guards tables": `create function no() returns event_trigger language plpgsql as $$begin raise exception 'no table is dropped here'; end$$;
			create event trigger guard on ddl_command_start when tag in ('DROP TABLE') execute function no()`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			for range 2 {
				m := open(t, url, files("001_a.sql", "-- migrator: no-transaction\ncreate table a ();\n"+keep+";\n", "002_b.sql", "-- migrator: no-transaction\ncreate table b ();\n"), migrator.Config{})
				_, err := m.Run(patience(t), migrator.Up())
				require.NoError(t, err)
				require.NoError(t, m.Verify(t.Context()))
			}
			require.Equal(t, []string{"001_a.sql", "002_b.sql"}, query(t, url, "select version from schema_migrations order by 1"))
			_, err := open(t, url, files("001_a.sql", "", "002_b.sql", ""), migrator.Config{}).Run(patience(t), migrator.MarkPending("2"))
			require.NoError(t, err)
		})
	}
}

// TestNamesOfTypesThatASearchPathHidesAreThoseOfTheServer has the search_path name the system's schema last.
func TestNamesOfTypesThatASearchPathHidesAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, `create domain public.text as int; create domain public.oid as pg_catalog.text; create domain public.name as int;
		do $$begin execute format('alter database %I set search_path = public, pg_catalog', current_database()); end$$`)
	_, err := open(t, url, indexFiles(), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"001_table.sql", "002_indexes.sql", "003_last.sql"}, query(t, url, "select version from schema_migrations order by 1"))
}
