package servertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestReadingAHistoryRunsNobodysCode: whoever may create in the schema may make the history first, as whatever looks like one.
// Code of theirs would run as the superuser who reads it.
func TestReadingAHistoryRunsNobodysCode(t *testing.T) {
	t.Parallel()
	const text = "select 1;\n"
	applied := row("001_a.sql", text)
	const begun = "create table schema_migrations_progress (version varchar(255) primary key, direction text, done int, hashes text[], started text, scope oid[], spared oid[]);\n" +
		"insert into schema_migrations_progress values ('001_a.sql', 'up', 0, '{}', null, '{}', '{}');\n"
	for name, attack := range map[string]struct {
		sql     string
		refused string // "": it does no harm
	}{
		"a view": {
			"create view schema_migrations as select v as version, a as applied_at, case when run() is not null then c end as checksum from (values " + applied + ") r (v, a, c);",
			"is not a table, but something else of this name",
		},
		"a view with an INSTEAD OF trigger over a table": {
			"create table hidden (version varchar(255) primary key, applied_at timestamp, checksum varchar(64)); insert into hidden values " + applied +
				"; create view schema_migrations as select version, applied_at, checksum || left(run(), 0) as checksum from hidden;",
			"is not a table, but something else of this name",
		},
		"a row of a type with a cast": {
			`create type at as (a int);
create function at_timestamp(at) returns timestamp language sql as 'select now()::timestamp from (select public.run()) r';
create cast (at as timestamp) with function at_timestamp(at) as implicit;
create table schema_migrations (version varchar(255) primary key, applied_at at, checksum varchar(64));
insert into schema_migrations values ('000_gone.sql', row(1), null);`,
			"has the type at for applied_at",
		},
		"progress that is a view": {
			historyTable() + begun + "alter table schema_migrations_progress rename to hidden; create view schema_migrations_progress as select * from hidden where run() is not null;",
			"is not a plain table",
		},
		"progress with a column of a type that has a cast": {
			historyTable() + begun + `create type mood as enum ('good');
create function mood_json(mood) returns json language sql as 'select to_json(public.run())';
create cast (mood as json) with function mood_json(mood);
alter table schema_migrations_progress add mood mood;
update schema_migrations_progress set mood = 'good';`,
			"",
		},
		"a partition that is a foreign table": {
			"create table schema_migrations (version varchar(255) primary key, applied_at timestamp, checksum varchar(64)) partition by range (version);\n",
			"has a foreign table among its partitions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStranger(t)
			s.does(t, attack.sql)
			if name == "a partition that is a foreign table" { // that takes privileges which no stranger has by itself
				execute(t, s.database, "create foreign data wrapper nothing; create server nothing foreign data wrapper nothing; alter table schema_migrations drop constraint schema_migrations_pkey;"+
					"create foreign table part partition of schema_migrations default server nothing")
			}
			m := open(t, s.database, files("001_a.sql", text), migrator.Config{})
			for command, call := range map[string]func() error{
				"status": func() error { _, err := m.Status(patience(t)); return err },
				"plan":   func() error { _, err := m.Plan(patience(t), migrator.Up()); return err },
				"verify": func() error { return m.Verify(patience(t)) },
				"wait":   func() error { return m.Wait(patience(t), migrator.Current) },
				"up":     func() error { _, err := m.Run(patience(t), migrator.Up()); return err },
			} {
				if attack.refused == "" && (command == "wait" || command == "up") {
					continue // there is work to do
				}
				err := call()
				require.False(t, s.hasRun(t), "%s has run a stranger's code; its error: %v", command, err)
				if attack.refused != "" {
					require.ErrorContains(t, err, attack.refused, command)
				}
			}
		})
	}
}
