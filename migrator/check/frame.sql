-- Stands around each file of catalog/ and makes rows of name, whole and definition of what it selects. The whole is the
-- object with which a part comes and goes: a column's table. $1 is the schema of the history table, '' for any; $2 its name.
with object (class, id, sub, whole_class, whole, aspect, definition) as (
$objects
), history (id) as (
	select c.oid
	from pg_class c
	join pg_namespace n on n.oid = c.relnamespace
	where $1::text in ('', n.nspname) and c.relname in ($2::text, $2::text || '_progress')
), apart (class, id) as (
	select classid, objid from pg_depend where deptype = 'e' -- members of extensions
	union all
	select 'pg_class'::regclass, id from history
	union all
	select 'pg_constraint'::regclass, c.oid from pg_constraint c join history h on h.id = c.conrelid
), named as (
	select o.*, i.schema, case o.class when 'pg_database'::regclass then 'database' else i.type || ' ' || i.identity end as name
	from object o
	cross join pg_identify_object(o.class, o.id, o.sub) i
	-- What initdb has made has lower numbers; some of it is changed by migrations all the same.
	where (o.id >= 16384 or o.class in ('pg_namespace'::regclass, 'pg_extension'::regclass, 'pg_database'::regclass, 'pg_authid'::regclass))
		and not exists (select from apart a where a.class = o.class::oid and a.id = o.id::oid)
		and not exists (select from apart a where a.class = o.whole_class::oid and a.id = o.whole::oid)
)
select
	n.aspect || n.name,
	case
		when n.aspect <> '' then n.name
		when n.whole_class <> 0 then (select i.type || ' ' || i.identity from pg_identify_object(n.whole_class, n.whole, 0) i)
		else ''
	end,
	n.definition
from named n
where n.schema is null or (n.schema !~ '^pg_' and n.schema <> 'information_schema')
