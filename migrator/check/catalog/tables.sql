-- What a table has beside its columns.
select 'pg_class'::regclass, c.oid, 0, 0, 0, '', concat(
	'create ', case c.relpersistence when 'u' then 'unlogged ' end, case c.relkind when 'f' then 'foreign ' end, 'table ', c.oid::regclass,
	case when c.reloftype <> 0 then ' of ' || format_type(c.reloftype, null) end,
	(
		select case when c.relispartition then ' partition of ' else ' inherits ' end || string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno)
		from pg_inherits i
		where i.inhrelid = c.oid
	),
	' ' || pg_get_expr(c.relpartbound, c.oid),
	' partition by ' || pg_get_partkeydef(c.oid),
	(select ' using ' || quote_ident(m.amname) from pg_am m where m.oid = c.relam),
	(select ' with (' || string_agg(o, ', ' order by o) || ')' from unnest(c.reloptions) o),
	(select ' with (' || string_agg('toast.' || o, ', ' order by o) || ')' from pg_class t, unnest(t.reloptions) o where t.oid = c.reltoastrelid),
	(select ' tablespace ' || quote_ident(s.spcname) from pg_tablespace s where s.oid = c.reltablespace),
	(
		select concat(' server ', quote_ident(s.srvname), (select ' options (' || string_agg(o, ', ' order by o) || ')' from unnest(f.ftoptions) o))
		from pg_foreign_table f
		join pg_foreign_server s on s.oid = f.ftserver
		where f.ftrelid = c.oid
	),
	case when c.relrowsecurity then ' enable row level security' end,
	case when c.relforcerowsecurity then ' force row level security' end,
	case c.relreplident
		when 'n' then ' replica identity nothing'
		when 'f' then ' replica identity full'
		when 'i' then (select ' replica identity using index ' || i.indexrelid::regclass from pg_index i where i.indrelid = c.oid and i.indisreplident)
	end)
from pg_class c
where c.relkind in ('r', 'p', 'f')
