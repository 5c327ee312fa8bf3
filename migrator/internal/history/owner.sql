-- The code that runs when rows of a table are written, and that belongs to a role that is not $trusted. $relation is the OID of
-- the table. $filled are the columns whose defaults are not used.
with relation as (
	select c.oid, c.relowner, n.nspowner, pg_catalog.format('%I.%I', n.nspname, c.relname) as name
	from pg_catalog.pg_class c
	join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
	where c.oid operator(pg_catalog.=) $relation
), part (class, id, what, fix, owner) as ( -- owner: of what has one besides the table's
	select 'pg_catalog.pg_trigger'::pg_catalog.regclass::pg_catalog.oid, t.oid, pg_catalog.format('trigger %s', t.tgname),
		pg_catalog.format('drop trigger %I on %s', t.tgname, r.name), coalesce(f.relowner, r.relowner)
	from relation r
	join pg_catalog.pg_trigger t on t.tgrelid operator(pg_catalog.=) r.oid
	left join pg_catalog.pg_class f on f.oid operator(pg_catalog.=) t.tgconstrrelid -- a foreign key's other table: cascades run its triggers
	where t.tgenabled operator(pg_catalog.<>) 'D'
	union all
	select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, pg_catalog.format('rule %s', w.rulename),
		pg_catalog.format('drop rule %I on %s', w.rulename, r.name), r.relowner
	from relation r
	join pg_catalog.pg_rewrite w on w.ev_class operator(pg_catalog.=) r.oid
	union all
	select 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, pg_catalog.format('check %s', k.conname),
		pg_catalog.format('alter table %s drop constraint %I', r.name, k.conname), r.relowner
	from relation r
	join pg_catalog.pg_constraint k on k.conrelid operator(pg_catalog.=) r.oid and k.contype operator(pg_catalog.=) 'c'
	union all
	select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid, pg_catalog.format('default of column %s', a.attname),
		pg_catalog.format(case when a.attgenerated operator(pg_catalog.=) '' then 'alter table %s alter %I drop default' else 'alter table %s drop %I' end, r.name, a.attname), r.relowner
	from relation r
	join pg_catalog.pg_attrdef d on d.adrelid operator(pg_catalog.=) r.oid
	join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) r.oid and a.attnum operator(pg_catalog.=) d.adnum
	where a.attgenerated operator(pg_catalog.<>) '' or a.attname operator(pg_catalog.<>) all ($filled::pg_catalog.name[])
	union all
	select 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, pg_catalog.format('index %s', i.indexrelid::pg_catalog.regclass),
		pg_catalog.format('drop index %s', i.indexrelid::pg_catalog.regclass), r.relowner
	from relation r
	join pg_catalog.pg_index i on i.indrelid operator(pg_catalog.=) r.oid and (i.indexprs is not null or i.indpred is not null)
	union all
	select 'pg_catalog.pg_class'::pg_catalog.regclass, h.inhrelid, pg_catalog.format('table %s below it', h.inhrelid::pg_catalog.regclass),
		pg_catalog.format('drop table %s', h.inhrelid::pg_catalog.regclass), r.relowner
	from relation r
	join pg_catalog.pg_inherits h on h.inhparent operator(pg_catalog.=) r.oid
	union all
	select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, pg_catalog.format('type %s of column %s', t.oid::pg_catalog.regtype, a.attname),
		pg_catalog.format('drop type %s cascade', t.oid::pg_catalog.regtype), t.typowner
	from relation r
	join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) r.oid and not a.attisdropped
	join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid
), owned (what, fix, owner) as (
	select p.what, p.fix, p.owner from part p
	union -- what it calls
	select p.what, p.fix, coalesce(f.proowner, o.oprowner, t.typowner)
	from part p
	join pg_catalog.pg_depend d on d.classid operator(pg_catalog.=) p.class and d.objid operator(pg_catalog.=) p.id
	left join pg_catalog.pg_proc f on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass and f.oid operator(pg_catalog.=) d.refobjid
	left join pg_catalog.pg_operator o on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass and o.oid operator(pg_catalog.=) d.refobjid
	left join pg_catalog.pg_type t on d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass and t.oid operator(pg_catalog.=) d.refobjid
)
select r.name, o.what, o.fix, pg_catalog.pg_get_userbyid(o.owner) as owner
from relation r, owned o
where o.owner is not null and not $trusted
order by o.what
