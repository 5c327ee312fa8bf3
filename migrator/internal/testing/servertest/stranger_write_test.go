package servertest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// onWrite are what a stranger may put on a history, and later tables of the tool, that runs when a row is written.
var onWrite = map[string]struct{ sql, what, fix string }{
	"a trigger": {
		historyTable() + "create trigger t before insert or update or delete on schema_migrations for each row execute function run_on_row();",
		"trigger t of public.schema_migrations", "drop trigger t on public.schema_migrations",
	},
	"a rule": {
		historyTable() + "create rule r as on insert to schema_migrations do also select run();",
		"rule r of public.schema_migrations", "drop rule r on public.schema_migrations",
	},
	"a check": {
		historyTable("check (run() is not null)"),
		"check schema_migrations_check of public.schema_migrations", "alter table public.schema_migrations drop constraint schema_migrations_check",
	},
	"a default of a column more": {
		historyTable("extra text default run()"),
		"default of column extra of public.schema_migrations", "alter table public.schema_migrations alter extra drop default",
	},
	"a default that calls what every server has": {
		historyTable("extra xml default query_to_xml('select public.run()', true, true, '')"),
		"default of column extra of public.schema_migrations", "alter table public.schema_migrations alter extra drop default",
	},
	"a generated column": {
		"create function calm(text) returns text immutable language sql as 'select public.run()';\n" + historyTable("extra text generated always as (calm(version)) stored"),
		"default of column extra of public.schema_migrations", "alter table public.schema_migrations drop extra",
	},
	"an index": {
		"create function calm(text) returns text immutable language sql as 'select public.run()';\n" + historyTable() + "create index i on schema_migrations (calm(version));",
		"index i of public.schema_migrations", "drop index i",
	},
	"a domain with the name of a type": {
		`create domain "character varying" as varchar(255) check (run() is not null);
create table schema_migrations (version "character varying" primary key, applied_at timestamp, checksum varchar(64));`,
		`type "character varying" of column version of public.schema_migrations`, `drop type "character varying" cascade`,
	},
	"a partition": {
		"create table schema_migrations (version varchar(255) primary key, applied_at timestamp, checksum varchar(64)) partition by range (version);\n" +
			"create table part partition of schema_migrations default; create trigger t before insert on part for each row execute function run_on_row();",
		"table part below it of public.schema_migrations", "drop table part",
	},
	"a table that refers to it": {
		historyTable() + "create table child (version varchar(255) references schema_migrations on delete cascade); create trigger t after delete on child for each row execute function run_on_row();",
		"of public.schema_migrations", "drop trigger",
	},
	"progress with a trigger": {
		historyTable() + "create table schema_migrations_progress (version varchar(255) primary key, direction text, done int, hashes text[], started text, scope oid[], spared oid[]);\n" +
			"create trigger t before insert on schema_migrations_progress for each row execute function run_on_row();",
		"trigger t of public.schema_migrations_progress", "drop trigger t on public.schema_migrations_progress",
	},
}

// TestASuperuserWritesToNoHistoryOnWhichAStrangersCodeWouldRun, whatever it is asked to do, and psql neither that runs what
// was printed.
func TestASuperuserWritesToNoHistoryOnWhichAStrangersCodeWouldRun(t *testing.T) {
	t.Parallel()
	for name, attack := range onWrite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			s.does(t, attack.sql)
			m := open(t, s.database, files("001_a.sql", "create table a ();", "002_b.sql", "-- migrator: no-transaction\nvacuum;\n"), migrator.Config{})
			for _, target := range []migrator.Target{migrator.Up(), migrator.MarkApplied("001_a.sql"), migrator.Baseline("001_a.sql")} {
				results, err := m.Run(patience(t), target)
				require.False(t, s.hasRun(t), "%s has run a stranger's code; its error: %v", target, err)
				var refused *migrator.HistoryError
				require.ErrorAs(t, err, &refused, target.String())
				require.Contains(t, refused.Message, attack.what)
				require.Contains(t, refused.Message, "is in the hands of "+s.name+", and would run as the superuser ")
				require.Contains(t, refused.Hint, "if it is not meant: "+attack.fix)
				require.Empty(t, results)
			}
			plan, err := m.Plan(patience(t), migrator.UpTo("001_a.sql"))
			require.NoError(t, err, "to look is not refused")
			var script bytes.Buffer
			_, err = plan.WriteTo(&script)
			require.NoError(t, err)
			require.ErrorContains(t, asPsql(t, s.database, script.String()), "is in the hands of "+s.name)
			require.False(t, s.hasRun(t), "the printed script has run a stranger's code")
			require.Empty(t, query(t, s.database, "select tablename::text from pg_tables where tablename = 'a'"))

			execute(t, s.database, "drop table schema_migrations cascade; drop table if exists schema_migrations_progress cascade")
			_, err = m.Run(patience(t), migrator.Up())
			require.NoError(t, err, "once it is gone")
		})
	}
}

// asPsql runs a printed script statement by statement, without psql's own commands, until one fails.
func asPsql(t *testing.T, url, script string) error {
	t.Helper()
	var sql strings.Builder
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, `\`) {
			sql.WriteString(line)
		}
	}
	statements, err := sqllex.Split(sql.String())
	require.NoError(t, err)
	conn := connect(t, url)
	defer conn.Close(context.Background())
	for _, statement := range statements {
		if _, err := conn.PgConn().Exec(t.Context(), statement.Text(sql.String())).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

// TestWhoIsNoSuperuserOrFindsNothingOnTheTableWritesToWhatOthersOwn: nobody gains by it.
func TestWhoIsNoSuperuserOrFindsNothingOnTheTableWritesToWhatOthersOwn(t *testing.T) {
	t.Parallel()
	fsys := files("001_a.sql", "create table a ();", "002_b.sql", "-- migrator: no-transaction\ncreate table b ();\nvacuum a;\n", "003_c.sql", "create table c ();")
	for name, prepare := range map[string]func(t *testing.T, s stranger) string{
		"a superuser, a plain history of an application's role that owns neither database nor schema": func(t *testing.T, s stranger) string {
			s.does(t, historyTable())
			return s.database
		},
		"a superuser, and a history with the trigger of the database's owner": func(t *testing.T, s stranger) string {
			s.does(t, onWrite["a trigger"].sql)
			own(t, s.database, s.url)
			return s.database
		},
		"a superuser, and a history with the trigger of a member of the schema's owner": func(t *testing.T, s stranger) string {
			s.does(t, onWrite["a trigger"].sql)
			execute(t, s.database, "create role "+s.name+"_group role "+s.name+"; alter schema public owner to "+s.name+"_group")
			t.Cleanup(func() { execute(t, s.database, "drop owned by "+s.name+"_group cascade; drop role "+s.name+"_group") })
			return s.database
		},
		"a superuser, and a history that was handed over with an audit trigger of its own": func(t *testing.T, s stranger) string {
			execute(t, s.database, historyTable()+"create table audit (version text); create function audit() returns trigger language plpgsql as $$ begin insert into audit values (new.version); return new; end $$; "+
				"create trigger audit after insert on schema_migrations for each row execute function audit()")
			return s.database
		},
		"a role that may only write rows, and a trigger of their owner": func(t *testing.T, s stranger) string {
			execute(t, s.database, historyTable()+"create function audit() returns trigger language plpgsql as $$ begin return new; end $$; create trigger audit before insert on schema_migrations for each row execute function audit()")
			execute(t, s.database, "grant select, insert, update, delete on schema_migrations to "+s.name)
			return s.url
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := prepare(t, newStranger(t))
			for _, want := range []int{3, 0} {
				results, err := open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
				require.NoError(t, err)
				require.Len(t, results, want)
			}
		})
	}
}

// TestWhatAStrangerMakesInTheMiddleOfARunIsSeenBeforeItIsWrittenTo: whoever looks only before the run is too early.
func TestWhatAStrangerMakesInTheMiddleOfARunIsSeenBeforeItIsWrittenTo(t *testing.T) {
	t.Parallel()
	const trigger = "create trigger t before insert or update or delete on schema_migrations for each row execute function run_on_row();"
	progress := strings.TrimPrefix(onWrite["progress with a trigger"].sql, historyTable())
	const makesHistory, makesProgress = `create table if not exists "public"."schema_migrations" (`, `create table if not exists "public"."schema_migrations_progress" (`
	for name, attack := range map[string]struct{ before, sql, message, refused string }{
		"the history":                        {"", onWrite["a trigger"].sql, makesHistory, "public.schema_migrations was made by a stranger"},
		"a plain history":                    {"", historyTable(), makesHistory, "public.schema_migrations was made by a stranger"},
		"a view":                             {"", "create view schema_migrations as select run()", makesHistory, "public.schema_migrations was made by a stranger"},
		"the progress of files":              {"", progress, makesProgress, "public.schema_migrations_progress was made by a stranger"},
		"the progress, next to its history":  {historyTable(), progress, makesProgress, "trigger t of public.schema_migrations_progress is in the hands of "},
		"a trigger on its history":           {historyTable(), trigger, makesProgress, "trigger t of public.schema_migrations is in the hands of "},
		"a trigger, before the first of all": {historyTable(), trigger, "create table a ()", "trigger t of public.schema_migrations is in the hands of "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			s.does(t, attack.before)
			proxy := pgproxy.Start(t, s.database)
			var once sync.Once
			attacked := make(chan error, 1)
			proxy.Cut(pgproxy.Cut{Match: func(m pgproxy.Message) bool {
				if strings.Contains(m.SQL, attack.message) {
					once.Do(func() { attacked <- tryToExecute(s.url, attack.sql) })
				}
				return false
			}})
			m := open(t, proxy.URL(), files("001_a.sql", "create table a ();", "002_b.sql", "-- migrator: no-transaction\nvacuum;\n"), migrator.Config{})
			_, err := m.Run(patience(t), migrator.Up())
			require.NoError(t, <-attacked)
			require.False(t, s.hasRun(t), "error: %v", err)
			var refused *migrator.HistoryError
			require.ErrorAs(t, err, &refused)
			require.Contains(t, refused.Message, attack.refused)
		})
	}
}

// TestWhatComesWhileTheLockOnTheHistoryIsWaitedForIsSeenBeforeItIsWrittenTo: a snapshot from before the wait would not show it.
func TestWhatComesWhileTheLockOnTheHistoryIsWaitedForIsSeenBeforeItIsWrittenTo(t *testing.T) {
	t.Parallel()
	const trigger = "create trigger t before insert or update on schema_migrations for each row execute function run_on_row(); "
	for name, attack := range map[string]struct{ file, locks, sql string }{
		"another table": {
			"create table a ();", "lock table schema_migrations in access exclusive mode",
			"alter table schema_migrations rename to old; " + strings.Replace(onWrite["a trigger"].sql, "primary key", "unique", 1),
		},
		"a trigger, and a strict isolation": {
			"-- migrator: isolation=serializable\ncreate table a ();", "lock table schema_migrations in share row exclusive mode", trigger,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			s.does(t, historyTable())
			proxy := pgproxy.Start(t, s.database)
			var once sync.Once
			attacked := make(chan error, 1)
			proxy.Cut(pgproxy.Cut{Match: func(m pgproxy.Message) bool {
				if strings.Contains(m.SQL, "create table a ()") {
					once.Do(func() { s.whileWaitedFor(attack.locks, attack.sql, attacked) })
				}
				return false
			}})
			_, err := open(t, proxy.URL(), files("001_a.sql", attack.file), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, <-attacked)
			require.False(t, s.hasRun(t), "error: %v", err)
			var refused *migrator.HistoryError
			require.ErrorAs(t, err, &refused)
		})
	}
}

// whileWaitedFor locks the history, and runs SQL once somebody waits for it.
func (s stranger) whileWaitedFor(locks, sql string, done chan<- error) {
	conn, err := pgx.Connect(context.Background(), s.url)
	if err == nil {
		_, err = conn.Exec(context.Background(), "begin; "+locks)
	}
	if err != nil {
		done <- err
		return
	}
	go func() {
		defer conn.Close(context.Background())
		for waits := false; !waits && err == nil; {
			err = conn.QueryRow(context.Background(), "select exists (select from pg_locks where not granted and relation = 'schema_migrations'::regclass)").Scan(&waits)
		}
		if err == nil {
			_, err = conn.Exec(context.Background(), sql+"commit")
		}
		done <- err
	}()
}

func tryToExecute(url, sql string) error {
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), sql)
	return err
}
