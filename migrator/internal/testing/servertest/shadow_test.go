package servertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// shadows makes a schema in which each operator, function, type and relation of pg_catalog has a namesake that takes the same
// arguments, notes that it was used, and fails. What cannot be made so is left out.
const shadows = `
create schema shadow;
create sequence shadow.used;
create function shadow.use() returns boolean language plpgsql as $f$
begin
	perform pg_catalog.nextval('shadow.used'::pg_catalog.regclass);
	raise exception using message = 'a shadow was used';
end $f$;
do $do$
declare
	r record;
	body constant text := $f$ begin perform shadow.use(); return null; end $f$;
begin
	for r in
		select format('create function shadow.%I(%s) returns %s language plpgsql as %L', p.proname, pg_get_function_identity_arguments(p.oid), p.prorettype::regtype, body) as sql
		from pg_proc p where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset
	loop
		begin execute r.sql; exception when others then null; end;
	end loop;
	for r in
		select format('create function shadow.%I(a %s, b %s) returns %s language plpgsql as %L', 'operator_' || o.oid, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype, body) as makes,
			format('create operator shadow.%s (leftarg = %s, rightarg = %s, function = shadow.%I)', o.oprname, o.oprleft::regtype, o.oprright::regtype, 'operator_' || o.oid) as sql
		from pg_operator o where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprkind = 'b'
	loop
		begin execute r.makes; execute r.sql; exception when others then null; end;
	end loop;
	for r in
		select format('create domain shadow.%I as pg_catalog.%I check (shadow.use())', t.typname, t.typname) as sql
		from pg_type t where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype in ('b', 'r') and t.typname !~ '^_'
	loop
		begin execute r.sql; exception when others then null; end;
	end loop;
	for r in
		select format('create view shadow.%I as select c.* from pg_catalog.%I c where shadow.use()', c.relname, c.relname) as sql
		from pg_class c where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind in ('r', 'v')
	loop
		begin execute r.sql; exception when others then null; end;
	end loop;
end $do$;
grant usage on schema shadow to public;
grant all on all tables in schema shadow to public;
grant all on sequence shadow.used to public;`

// shadowed makes a database whose search_path begins with shadows, and returns URLs of a superuser and of a role that owns it.
func shadowed(t *testing.T) (super, plain string) {
	t.Helper()
	super = newDatabase(t)
	plain = role(t, super, "")
	own(t, super, plain)
	execute(t, super, shadows)
	require.Greater(t, query(t, super, "select lpad(count(*)::text, 5, '0') from pg_operator where oprnamespace = 'shadow'::regnamespace")[0], "00500")
	path := "shadow, public, pg_catalog"
	return withParameter(t, super, "search_path", path), withParameter(t, plain, "search_path", path)
}

// unshadowed fails where a shadow was used.
func unshadowed(t *testing.T, url, what string) {
	t.Helper()
	require.Equal(t, "f", query(t, url, "select pg_catalog.textin(pg_catalog.boolout(is_called)) from shadow.used")[0], what)
}

var shadowedFiles = files(
	"001_tables.sql", "create table public.t (i pg_catalog.int4);\ninsert into public.t values (1), (2);\n",
	"001_tables.down.sql", "drop table public.t;\n",
	"002_alone.sql", "-- migrator: no-transaction\ncreate index concurrently t_i on public.t (i);\ncreate index concurrently if not exists t_j on public.t (i);\nreindex table concurrently public.t;\nvacuum public.t;\ndo $$ begin commit; end $$;\n",
	"002_alone.down.sql", "-- migrator: no-transaction\ndrop index concurrently public.t_i;\ndrop index concurrently public.t_j;\n",
	"003_rest.sql", "prepare x as select 1;\nselect pg_catalog.pg_advisory_lock(1);\ncreate table public.r ();\n",
	"003_rest.down.sql", "drop table public.r;\n",
	"R_view.sql", "create or replace view public.v as select 1 as one;\n",
)

// TestNoQueryOfOursUsesWhatIsInFrontOfPostgreSQLsOwn: whoever may create in a schema of the search_path before pg_catalog, or
// has operators for types that fit better, would else have their functions run by whoever migrates.
func TestNoQueryOfOursUsesWhatIsInFrontOfPostgreSQLsOwn(t *testing.T) {
	t.Parallel()
	super, plain := shadowed(t)
	for name, c := range map[string]struct {
		url    string
		config migrator.Config
	}{
		"a superuser":     {super, migrator.Config{Table: "public.of_superuser"}},
		"one by one":      {super, migrator.Config{Table: "public.one_by_one", OneByOne: true}},
		"a plain role":    {plain, migrator.Config{Table: "public.of_role"}},
		"its own history": {super, migrator.Config{}},
	} {
		m := open(t, c.url, shadowedFiles, c.config)
		look := func() {
			_, err := m.Status(patience(t))
			require.NoError(t, err, name)
			_, err = m.Plan(patience(t), migrator.Up())
			require.NoError(t, err, name)
			require.NoError(t, m.Verify(patience(t)), name)
			unshadowed(t, super, name+": looks")
		}
		look()
		require.NoError(t, m.Wait(patience(t), migrator.Reachable))
		for _, target := range []migrator.Target{
			migrator.Up(), migrator.Redo(3), migrator.Up(), migrator.MarkPending("003_rest.sql"), migrator.MarkApplied("003_rest.sql"), migrator.Repair(), migrator.Down(3), migrator.Baseline("001_tables.sql"),
			migrator.MarkPending("001_tables.sql"),
		} {
			_, err := m.Run(patience(t), target)
			unshadowed(t, super, name+": "+target.String())
			require.NoError(t, err, name+": "+target.String())
			if target.String() == migrator.Up().String() {
				look()
				require.NoError(t, m.Wait(patience(t), migrator.Current))
			}
		}
		execute(t, super, "drop view public.v")
	}
}

// TestNoQueryAboutWhoIsInTheWayUsesWhatIsInFrontOfPostgreSQLsOwn: of locks, of the run lock, of failed statements.
func TestNoQueryAboutWhoIsInTheWayUsesWhatIsInFrontOfPostgreSQLsOwn(t *testing.T) {
	t.Parallel()
	super, _ := shadowed(t)
	execute(t, super, "create table public.t (i pg_catalog.int4); insert into public.t values (1), (1)")
	other := connect(t, super)
	defer other.Close(context.Background())
	_, err := other.Exec(t.Context(), "begin; lock table public.t in access share mode")
	require.NoError(t, err)

	first, second := recorder{}, recorder{}
	observe, blocked := told(&first, migrator.EventBlocked)
	config := migrator.Config{Table: "public.history", LockTimeout: 10 * time.Second, Observe: observe}
	fsys := files("001_alter.sql", "alter table public.t add j pg_catalog.int4;\n", "002_index.sql", "-- migrator: no-transaction\ncreate unique index concurrently if not exists t_i on public.t (i);\n")
	ended := inBackground(t, open(t, super, fsys, config))
	next(t, blocked, whatever)
	observe, waiting := told(&second, migrator.EventWaiting)
	config.Observe = observe
	also := inBackground(t, open(t, super, fsys, config))
	next(t, waiting, whatever)
	_, err = other.Exec(t.Context(), "commit")
	require.NoError(t, err)
	for _, end := range []ran{<-ended, <-also} {
		require.ErrorContains(t, end.err, "could not create unique index")
	}
	unshadowed(t, super, "blocked, waiting, failed")

	execute(t, super, "truncate public.t")
	_, err = open(t, super, fsys, config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	unshadowed(t, super, "resumed")
}
