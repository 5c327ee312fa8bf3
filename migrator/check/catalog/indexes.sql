select 'pg_class'::regclass, i.indexrelid, 0,
	case when k.oid is null then 'pg_class'::regclass else 'pg_constraint'::regclass end, coalesce(k.oid, i.indrelid),
	'', concat(
		pg_get_indexdef(i.indexrelid),
		(select ' tablespace ' || quote_ident(s.spcname) from pg_tablespace s where s.oid = c.reltablespace),
		(select ' attached to ' || h.inhparent::regclass from pg_inherits h where h.inhrelid = i.indexrelid),
		(
			select string_agg(format(' alter column %s set statistics %s', a.attnum, a.attstattarget), '' order by a.attnum)
			from pg_attribute a
			where a.attrelid = i.indexrelid and a.attstattarget >= 0
		),
		case when i.indisclustered then ' clustered' end,
		case when not i.indisvalid then ' invalid' end)
from pg_index i
join pg_class c on c.oid = i.indexrelid
left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
