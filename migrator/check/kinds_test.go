package check

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// kindCases make one object each, or change it. given runs before; down takes up back. With a down that does nothing,
// object is the first that differs; before and after are in what is said of it, "" where it is not there.
var kindCases = []struct {
	since                 int // major version
	given, up, down       string
	object, before, after string
	role                  bool // makes roles: they belong to the server
}{
	{up: "create schema app", down: "drop schema app", object: "schema app", after: "create schema app"},
	{up: "create extension citext", down: "drop extension citext", object: "extension citext", after: "create extension citext schema public version '"},
	{up: "create extension citext", down: "drop extension citext; create extension citext; drop extension citext", object: "extension citext", after: "create extension"},

	{up: "create type mood as enum ('sad', 'it''s ok')", down: "drop type mood", object: "type public.mood", after: "create type public.mood as enum ('sad', 'it''s ok')"},
	{
		given: "create type mood as enum ('sad', 'happy')", up: "alter type mood rename value 'happy' to 'glad'", down: "alter type mood rename value 'glad' to 'happy'",
		object: "type public.mood", before: "('sad', 'happy')", after: "('sad', 'glad')",
	},
	{up: "create type point3 as (x int, y text collate \"C\")", down: "drop type point3", object: "type public.point3", after: `as (x integer, y text collate "C")`},
	{up: "create domain email as text default 'x' not null", down: "drop domain email", object: "type public.email", after: "create domain public.email as text not null default 'x'::text"},
	{
		given: "create domain email as text", up: "alter domain email add constraint has_at check (value like '%@%') not valid", down: "alter domain email drop constraint has_at",
		object: "domain constraint has_at on public.email", after: "NOT VALID",
	},
	{up: "create type span as range (subtype = int8)", down: "drop type span", object: "type public.span", after: "as range (subtype = bigint, subtype_opclass = pg_catalog.int8_ops, multirange_type_name = public.span_multirange)"},
	{up: "create type shell", down: "drop type shell", object: "type public.shell", after: "create type public.shell"},

	{up: "create table t (a int)", down: "drop table t", object: "table public.t", after: "create table public.t using heap"},
	{up: "create table \"Odd, one\" (\"A b\" int)", down: "drop table \"Odd, one\"", object: `table public."Odd, one"`, after: `create table public."Odd, one"`},
	{given: "create table t (a int)", up: "drop table t", down: "create table t (a int)", object: "table public.t", before: "create table public.t"},
	{given: "create table t (a int)", up: "alter table t set unlogged", down: "alter table t set logged", object: "table public.t", before: "create table", after: "create unlogged table"},
	{given: "create table t (a int)", up: "alter table t set (fillfactor = 70, toast.autovacuum_enabled = off)", down: "alter table t reset (fillfactor, toast.autovacuum_enabled)", object: "table public.t", before: "create table public.t", after: "with (fillfactor=70)"},
	{given: "create table t (a text)", up: "alter table t set (toast.autovacuum_enabled = off)", down: "alter table t reset (toast.autovacuum_enabled)", object: "table public.t", before: "create table public.t", after: "with (toast.autovacuum_enabled=off)"},
	{given: "create table t (a int)", up: "alter table t enable row level security, force row level security", down: "alter table t disable row level security, no force row level security", object: "table public.t", before: "create table public.t", after: "enable row level security force row level security"},
	{given: "create table t (a int)", up: "alter table t replica identity full", down: "alter table t replica identity default", object: "table public.t", before: "create table public.t", after: "replica identity full"},
	{given: "create table t (a int not null unique)", up: "alter table t replica identity using index t_a_key", down: "alter table t replica identity default", object: "table public.t", before: "create table public.t", after: "replica identity using index public.t_a_key"},
	{up: "create table t (a int) partition by range (a)", down: "drop table t", object: "table public.t", after: "partition by RANGE (a)"},
	{given: "create table t (a int primary key) partition by range (a)", up: "create table t1 partition of t for values from (1) to (2)", down: "drop table t1", object: "table public.t1", after: "create table public.t1 partition of public.t FOR VALUES FROM (1) TO (2)"},
	{given: "create table t (a int) partition by list (a); create table t1 partition of t for values in (1)", up: "alter table t detach partition t1", down: "alter table t attach partition t1 for values in (1)", object: "table public.t1", before: "partition of public.t FOR VALUES IN (1)", after: "create table public.t1"},
	{given: "create table p (a int); create table t (a int)", up: "alter table t inherit p", down: "alter table t no inherit p", object: "table public.t", before: "create table public.t", after: "inherits public.p"},
	{given: "create type kind as (a int)", up: "create table t of kind", down: "drop table t", object: "table public.t", after: "create table public.t of public.kind"},

	{given: "create table t (a int)", up: "alter table t add email text not null", down: "alter table t drop email", object: "table column public.t.email", after: "email text not null"},
	{given: "create table t (a int, b int, c int)", up: "alter table t drop c", down: "alter table t add c int", object: "table column public.t.c", before: "c integer"},
	{given: "create table t (a int)", up: "alter table t alter a type bigint", down: "alter table t alter a type int", object: "table column public.t.a", before: "a integer", after: "a bigint"},
	{given: "create table t (a text)", up: "alter table t alter a type text collate \"C\"", down: "alter table t alter a type text", object: "table column public.t.a", before: "a text", after: `a text collate "C"`},
	{given: "create table t (a int)", up: "alter table t alter a set not null", down: "alter table t alter a drop not null", object: "table column public.t.a", before: "a integer", after: "a integer not null"},
	{given: "create table t (a int)", up: "alter table t alter a set default 1 + 1", down: "alter table t alter a drop default", object: "table column public.t.a", before: "a integer", after: "a integer default (1 + 1)"},
	{given: "create table t (a int not null)", up: "alter table t alter a add generated by default as identity", down: "alter table t alter a drop identity", object: "table column public.t.a", before: "a integer not null", after: "a integer not null generated by default as identity"},
	{given: "create table t (a int)", up: "alter table t add b int generated always as (a * 2) stored", down: "alter table t drop b", object: "table column public.t.b", after: "b integer generated always as ((a * 2)) stored"},
	{since: 18, given: "create table t (a int)", up: "alter table t add b int generated always as (a * 2)", down: "alter table t drop b", object: "table column public.t.b", after: "b integer generated always as ((a * 2)) virtual"},
	{given: "create table t (a text)", up: "alter table t alter a set storage external", down: "alter table t alter a set storage extended", object: "table column public.t.a", before: "a text", after: "a text storage external"},
	{given: "create table t (a text)", up: "alter table t alter a set compression pglz", down: "alter table t alter a set compression default", object: "table column public.t.a", before: "a text", after: "a text compression pglz"},
	{given: "create table t (a text)", up: "alter table t alter a set statistics 7", down: "alter table t alter a set statistics -1", object: "table column public.t.a", before: "a text", after: "a text statistics 7"},
	{given: "create table t (a text)", up: "alter table t alter a set (n_distinct = 5)", down: "alter table t alter a reset (n_distinct)", object: "table column public.t.a", before: "a text", after: "a text with (n_distinct=5)"},
	{given: "create view v as select 1 as a", up: "alter view v alter a set default 1", down: "alter view v alter a drop default", object: "view column public.v.a", after: "a integer default 1"},
	{given: "create table t (a int, b int)", up: "alter table t rename a to c", down: "alter table t rename c to a", object: "table column public.t.a", before: "a integer"},
	{since: 18, given: "create table t (a int)", up: "alter table t add constraint n not null a not valid", down: "alter table t drop constraint n", object: "table column public.t.a", before: "a integer", after: "a integer not null not valid"},

	{given: "create table t (a int not null)", up: "alter table t add primary key (a)", down: "alter table t drop constraint t_pkey", object: "table constraint t_pkey on public.t", after: "constraint t_pkey PRIMARY KEY (a)"},
	{given: "create table t (a int)", up: "alter table t add constraint positive check (a > 0) not valid", down: "alter table t drop constraint positive", object: "table constraint positive on public.t", after: "constraint positive CHECK ((a > 0)) NOT VALID"},
	{given: "create table t (a int primary key, b int references t)", up: "alter table t alter constraint t_b_fkey deferrable initially deferred", down: "alter table t alter constraint t_b_fkey not deferrable", object: "table constraint t_b_fkey on public.t", before: "FOREIGN KEY (b) REFERENCES public.t(a)", after: "DEFERRABLE INITIALLY DEFERRED"},
	{since: 18, given: "create table t (a int primary key, b int references t)", up: "alter table t alter constraint t_b_fkey not enforced", down: "alter table t alter constraint t_b_fkey enforced", object: "table constraint t_b_fkey on public.t", before: "FOREIGN KEY", after: "NOT ENFORCED"},

	{given: "create table t (a int)", up: "create index t_a on t (a) where a > 0", down: "drop index t_a", object: "index public.t_a", after: "CREATE INDEX t_a ON public.t USING btree (a) WHERE (a > 0)"},
	{given: "create table t (a int); create index t_a on t (a)", up: "drop index t_a", down: "create index t_a on t (a)", object: "index public.t_a", before: "CREATE INDEX t_a ON public.t USING btree (a)"},
	{given: "create table t (a int); create index t_a on t (a)", up: "alter table t cluster on t_a", down: "alter table t set without cluster", object: "index public.t_a", before: "CREATE INDEX", after: "clustered"},
	{given: "create table t (a int); create index t_a on t ((a + 1))", up: "alter index t_a alter 1 set statistics 9", down: "alter index t_a alter 1 set statistics -1", object: "index public.t_a", before: "CREATE INDEX", after: "alter column 1 set statistics 9"},
	{given: "create table t (a int unique)", up: "alter index t_a_key set (fillfactor = 50)", down: "alter index t_a_key reset (fillfactor)", object: "index public.t_a_key", before: "CREATE UNIQUE INDEX", after: "fillfactor='50'"},
	{given: "create table p (a int) partition by list (a); create table t partition of p for values in (1); create index p_a on only p (a); create index t_a on t (a)", up: "alter index p_a attach partition t_a", down: "drop index p_a; create index p_a on only p (a); create index t_a on t (a)", object: "index public.p_a", before: "invalid", after: "CREATE INDEX p_a"},

	{up: "create sequence s cache 5", down: "drop sequence s", object: "sequence public.s", after: "create sequence public.s as bigint start 1 increment 1 minvalue 1 maxvalue 9223372036854775807 cache 5"},
	{given: "create sequence s", up: "alter sequence s cycle", down: "alter sequence s no cycle", object: "sequence public.s", before: "cache 1", after: "cache 1 cycle"},
	{given: "create table t (a int); create sequence s", up: "alter sequence s owned by t.a", down: "alter sequence s owned by none", object: "sequence public.s", before: "cache 1", after: "owned by public.t.a"},

	{up: "create view v with (security_barrier) as select 1 as a", down: "drop view v", object: "view public.v", after: "create view public.v with (security_barrier=true) as\n SELECT 1 AS a;"},
	{given: "create view v as select 1 as a", up: "create or replace view v as select 2 as a", down: "create or replace view v as select 1 as a", object: "view public.v", before: "SELECT 1 AS a", after: "SELECT 2 AS a"},
	{up: "create materialized view m as select 1 as a with no data", down: "drop materialized view m", object: "materialized view public.m", after: "with no data"},

	{up: "create function f(a int default 1) returns int language sql as 'select a'", down: "drop function f", object: "function public.f(integer)", after: "CREATE OR REPLACE FUNCTION public.f(a integer DEFAULT 1)"},
	{given: "create function f() returns int language sql as 'select 1'", up: "alter function f() strict", down: "alter function f() called on null input", object: "function public.f()", before: "FUNCTION public.f()", after: "STRICT"},
	{up: "create procedure p() language plpgsql as 'begin end'", down: "drop procedure p", object: "procedure public.p()", after: "PROCEDURE public.p()"},
	{up: "create aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0')", down: "drop aggregate total(int)", object: "aggregate public.total(integer)", after: `"aggtransfn": "int4pl"`},

	{given: "create table t (a int); create function f() returns trigger language plpgsql as 'begin return new; end'", up: "create trigger g before insert on t for each row execute function f()", down: "drop trigger g on t", object: "trigger g on public.t", after: "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()"},
	{given: "create table t (a int); create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger g before insert on t for each row execute function f()", up: "alter table t disable trigger g", down: "alter table t enable trigger g", object: "trigger g on public.t", before: "CREATE TRIGGER g", after: "disabled"},
	{given: "create function f() returns event_trigger language plpgsql as 'begin end'", up: "create event trigger e on sql_drop when tag in ('DROP TABLE') execute function f()", down: "drop event trigger e", object: "event trigger e", after: "create event trigger e on sql_drop when tag in ('DROP TABLE') execute function public.f()"},
	{given: "create table t (a int)", up: "create rule r as on delete to t do instead nothing", down: "drop rule r on t", object: "rule r on public.t", after: "CREATE RULE r AS"},
	{given: "create table t (a int)", up: "create policy p on t for select using (a > 0)", down: "drop policy p on t", object: "policy p on public.t", after: "create policy p on public.t as permissive for select to public using ((a > 0))"},
	{given: "create table t (a int, b int)", up: "create statistics s (dependencies) on a, b from t", down: "drop statistics s", object: "statistics object public.s", after: "CREATE STATISTICS public.s (dependencies) ON a, b FROM public.t"},

	{given: "create function eq(int, text) returns bool language sql as 'select true'", up: "create operator === (function = eq, leftarg = int, rightarg = text)", down: "drop operator === (int, text)", object: "operator public.===(integer,pg_catalog.text)", after: "create operator public.===(integer,text) (function = public.eq(integer,text))"},
	{given: "create operator family f using btree", up: "create operator class c for type int using btree family f as operator 1 <, function 1 btint4cmp(int, int)", down: "drop operator class c using btree", object: "operator class public.c USING btree", after: "create operator class public.c"},
	{up: "create operator family f using hash", down: "drop operator family f using hash", object: "operator family public.f USING hash", after: "operator family public.f"},
	{given: "create type a as (x int); create type b as (x int); create function f(a) returns b language sql as 'select row($1.x)::b'", up: "create cast (a as b) with function f(a) as assignment", down: "drop cast (a as b)", object: "(public.a AS public.b)", after: "create cast (public.a as public.b) with function public.f(public.a) as assignment"},
	{up: "create trusted language l handler plpgsql_call_handler", down: "drop language l", object: "language l", after: "create trusted language l"},
	{up: "create access method m type index handler bthandler", down: "drop access method m", object: "access method m", after: "create access method m type index handler bthandler"},
	{up: "create collation c (provider = libc, locale = 'C')", down: "drop collation c", object: "collation public.c", after: `"collprovider": "c"`},
	{up: "create conversion c for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", down: "drop conversion c", object: "conversion public.c", after: "for 'LATIN1' to 'UTF8'"},

	{up: "create text search configuration c (copy = simple)", down: "drop text search configuration c", object: "text search configuration public.c", after: "mapping for asciiword with simple"},
	{up: "create text search dictionary d (template = simple, stopwords = english)", down: "drop text search dictionary d", object: "text search dictionary public.d", after: "stopwords = 'english'"},

	{up: "create foreign data wrapper w options (a 'b')", down: "drop foreign data wrapper w", object: "foreign-data wrapper w", after: "create foreign data wrapper w options (a=b)"},
	{given: "create foreign data wrapper w", up: "create server s version '1' foreign data wrapper w", down: "drop server s", object: "server s", after: "create server s version '1' foreign data wrapper w"},
	{given: "create foreign data wrapper w; create server s foreign data wrapper w", up: "create user mapping for public server s options (password 'secret')", down: "drop user mapping for public server s", object: "user mapping public on server s", after: "options with md5"},
	{given: "create foreign data wrapper w; create server s foreign data wrapper w", up: "create foreign table t (a int options (x 'y')) server s options (c 'd')", down: "drop foreign table t", object: "foreign table public.t", after: "create foreign table public.t server s options (c=d)"},

	{up: "create publication p for all tables", down: "drop publication p", object: "publication p", after: `"puballtables": true`},
	{given: "create table t (a int); create publication p", up: "alter publication p add table t", down: "alter publication p drop table t", object: "publication relation public.t in publication p", after: "add table public.t"},
	{since: 15, given: "create table t (a int, b int); create publication p", up: "alter publication p add table t (a) where (a > 0)", down: "alter publication p drop table t", object: "publication relation public.t in publication p", after: "add table public.t (a) where (a > 0)"},
	{since: 15, given: "create schema s; create publication p", up: "alter publication p add tables in schema s", down: "alter publication p drop tables in schema s", object: "publication namespace s in publication p", after: "s"},

	{given: "create table t (a int)", up: "comment on column t.a is 'it''s'", down: "comment on column t.a is null", object: "comment on table column public.t.a", after: "'it''s'"},
	{up: "comment on schema public is 'mine'", down: "comment on schema public is 'standard public schema'", object: "comment on schema public", before: "'standard public schema'", after: "'mine'"},
	{given: "create function f() returns int language sql as 'select 1'", up: "revoke execute on function f from public", down: "grant execute on function f to public", object: "privileges on function public.f()", before: "public: EXECUTE", after: ": EXECUTE"},
	{given: "create table t (a int)", up: "grant select (a) on t to public", down: "revoke select (a) on t from public", object: "privileges on table column public.t.a", after: "public: SELECT"},
	{up: "alter default privileges grant select on tables to public", down: "alter default privileges revoke select on tables from public", object: "privileges on default acl for role ", after: "public: SELECT"},
	{up: "grant create on schema public to pg_monitor with grant option", down: "revoke create on schema public from pg_monitor", object: "privileges on schema public", before: "USAGE", after: "pg_monitor: CREATE with grant option"},
	{given: "create table t (a int); alter table t owner to pg_read_all_data", up: "alter table t owner to pg_monitor", down: "alter table t owner to pg_read_all_data", object: "owner of table public.t", before: "pg_read_all_data", after: "pg_monitor"},
	{
		up:     "do $$begin execute format('alter database %I set work_mem = %L', current_database(), '8MB'); end$$",
		down:   "do $$begin execute format('alter database %I reset work_mem', current_database()); end$$",
		object: "settings of database", after: "work_mem=8MB",
	},
}

// The three states are compared as Downs does, without the runs between them.
func TestADownThatDoesNothingIsWrongForEachKindOfObjectAndARightOneIsNot(t *testing.T) {
	t.Parallel()
	for i, c := range kindCases {
		t.Run(c.object+" "+strings.Fields(c.up)[0], func(t *testing.T) {
			t.Parallel()
			if i%30 != 0 {
				dbtest.Slow(t)
			}
			conn := dbtest.Connect(t, migratortest.Database(t))
			major, err := strconv.Atoi(conn.PgConn().ParameterStatus("server_version")[:2])
			require.NoError(t, err)
			if major < c.since {
				t.Skipf("needs PostgreSQL %d", c.since)
			}
			states := make([]catalog, 4)
			for i, sql := range []string{c.given, c.up, c.down, c.up} {
				_, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
				require.NoError(t, err, sql)
				states[i], err = readCatalog(t.Context(), conn, "")
				require.NoError(t, err, sql)
			}
			require.Empty(t, compare(states[0], states[2]))
			require.Empty(t, compare(states[1], states[3]))
			differences := compare(states[0], states[1])
			require.NotEmpty(t, differences)
			require.Contains(t, differences[0].Object, c.object)
			requireText(t, c.before, differences[0].Before)
			requireText(t, c.after, differences[0].After)
		})
	}
}

// requireText wants text in what is said of an object, and nothing to be said where there is none.
func requireText(t *testing.T, text, said string) {
	t.Helper()
	if text == "" {
		require.Empty(t, said)
	}
	require.Contains(t, said, text)
}
