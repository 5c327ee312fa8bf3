select 'pg_class'::regclass, c.oid, 0, 0, 0, '', concat(
	'create ', case c.relkind when 'm' then 'materialized ' end, 'view ', c.oid::regclass,
	(select ' using ' || quote_ident(m.amname) from pg_am m where m.oid = c.relam),
	(select ' with (' || string_agg(o, ', ' order by o) || ')' from unnest(c.reloptions) o),
	(select ' tablespace ' || quote_ident(s.spcname) from pg_tablespace s where s.oid = c.reltablespace),
	' as', E'\n', pg_get_viewdef(c.oid),
	case when not c.relispopulated then ' with no data' end)
from pg_class c
where c.relkind in ('v', 'm')
