package servertest

import (
	"io/fs"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// versionsOf are those of a folder's up files, in order.
func versionsOf(fsys fs.FS) []migrator.Version {
	migrations, err := migrator.Load(fsys)
	if err != nil {
		panic(err)
	}
	var versions []migrator.Version
	for _, m := range migrations {
		versions = append(versions, m.Version)
	}
	return versions
}

// rowsRole is a role that may read and write rows, and nothing else.
func rowsRole(t *testing.T, database string) string {
	t.Helper()
	return role(t, database, "", "revoke create on schema public from $role", "grant select, insert, update, delete on all tables in schema public to $role")
}

// own makes a role, given by its URL, the owner of a database until the test ends.
func own(t *testing.T, database, user string) {
	t.Helper()
	u, err := url.Parse(user)
	require.NoError(t, err)
	alter := "alter database " + strings.TrimPrefix(u.Path, "/") + " owner to "
	execute(t, database, alter+u.User.Username())
	t.Cleanup(func() { execute(t, database, alter+"current_user") })
}

// withParameter adds a parameter to a connection URL.
func withParameter(t *testing.T, connString, name, value string) string {
	t.Helper()
	u, err := url.Parse(connString)
	require.NoError(t, err)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}

// supabase are the histories that a new project of Supabase has, with its schemas.
const supabase = `
create schema auth;
create table auth.schema_migrations (version varchar(255) not null primary key);
insert into auth.schema_migrations values ('00'), ('20210710035447');
create schema realtime;
create table realtime.schema_migrations (version bigint not null primary key, inserted_at timestamp(0));
insert into realtime.schema_migrations values (20211116024918, now());
create schema storage;
create table storage.migrations (id integer primary key, name varchar(100) unique not null, hash varchar(40) not null, executed_at timestamp default current_timestamp);
insert into storage.migrations values (0, 'create-migrations-table', 'e18db593bcde2aca2a408c4d1100f6abba2195df');
create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text not null primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values ('20240101000000', '{}', 'init');
`

// queues are the tables of libraries that migrate themselves.
const queues = `
create table river_migration (line text not null, version bigint not null, created_at timestamptz not null default now(), primary key (line, version));
insert into river_migration (line, version) values ('main', 1), ('main', 6);
create schema graphile_worker;
create table graphile_worker.migrations (id int primary key, ts timestamptz default now() not null, breaking boolean not null default false);
insert into graphile_worker.migrations (id) values (1), (18);
`
