-- Without the current value, which is data.
select 'pg_class'::regclass, s.seqrelid, 0, case when d.objid is null then 0 else 'pg_class'::regclass::oid end, coalesce(d.refobjid, 0), '', concat(
	'create ', case c.relpersistence when 'u' then 'unlogged ' end, 'sequence ', s.seqrelid::regclass, ' as ', format_type(s.seqtypid, null),
	' start ', s.seqstart, ' increment ', s.seqincrement, ' minvalue ', s.seqmin, ' maxvalue ', s.seqmax, ' cache ', s.seqcache,
	case when s.seqcycle then ' cycle' end,
	(
		select format(case d.deptype when 'i' then ' identity of %s.%I' else ' owned by %s.%I' end, d.refobjid::regclass, a.attname)
		from pg_attribute a
		where a.attrelid = d.refobjid and a.attnum = d.refobjsubid
	))
from pg_sequence s
join pg_class c on c.oid = s.seqrelid
left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.seqrelid and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
