-- 14 knows neither filters, nor lists of columns, nor schemas in publications: what it lacks is read by name.
select 'pg_publication'::regclass, p.oid, 0, 0, 0, '',
	format('create publication %I %s', p.pubname, to_jsonb(p) - '{oid, pubname, pubowner}'::text[])
from pg_publication p
union all
select 'pg_publication_rel'::regclass, r.oid, 0, 'pg_publication'::regclass, r.prpubid, '', concat(
	'add table ', r.prrelid::regclass,
	(
		select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
		from pg_attribute a
		where a.attrelid = r.prrelid and to_jsonb(r) -> 'prattrs' @> to_jsonb(a.attnum)
	),
	(
		select ' where ' || (to_jsonb(t) ->> 'rowfilter')
		from pg_publication_tables t
		join pg_publication p on p.pubname = t.pubname
		join pg_class c on c.relname = t.tablename and c.relnamespace = quote_ident(t.schemaname)::regnamespace
		where p.oid = r.prpubid and c.oid = r.prrelid
	))
from pg_publication_rel r
union all
select d.classid, d.objid, 0, 'pg_publication'::regclass, d.refobjid, '', pg_describe_object(d.classid, d.objid, 0)
from pg_depend d
where d.classid = to_regclass('pg_publication_namespace') and d.refclassid = 'pg_publication'::regclass
union all
select 'pg_subscription'::regclass, s.oid, 0, 0, 0, '', concat(
	format('create subscription %I publication %s', s.subname, (select string_agg(quote_ident(p), ', ' order by p) from unnest(s.subpublications) p)),
	' slot ' || quote_ident(s.subslotname), case when not s.subenabled then ' disabled' end)
from pg_subscription s
join pg_database d on d.oid = s.subdbid
where d.datname = current_database()
