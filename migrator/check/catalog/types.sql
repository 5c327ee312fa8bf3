-- Arrays, multiranges and the row types of tables come and go with their owners.
select 'pg_type'::regclass, t.oid, 0, 0, 0, '', concat(
	'create ', case t.typtype when 'd' then 'domain ' else 'type ' end, format_type(t.oid, null),
	case t.typtype
		when 'e' then concat(' as enum (', (
			select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid), ')')
		when 'd' then concat(
			' as ', format_type(t.typbasetype, t.typtypmod),
			(select ' collate ' || t.typcollation::regcollation from pg_type b where b.oid = t.typbasetype and b.typcollation <> t.typcollation),
			case when t.typnotnull then ' not null' end,
			' default ' || t.typdefault)
		when 'c' then concat(' as (', (
			select string_agg(concat(
				quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
				case when a.attcollation <> b.typcollation then ' collate ' || a.attcollation::regcollation end), ', ' order by a.attnum)
			from pg_attribute a
			join pg_type b on b.oid = a.atttypid
			where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), ')')
		when 'r' then (
			select concat(
				' as range (subtype = ', format_type(r.rngsubtype, null),
				', subtype_opclass = ', (select format('%s.%I', o.opcnamespace::regnamespace, o.opcname) from pg_opclass o where o.oid = r.rngsubopc),
				', multirange_type_name = ', format_type(r.rngmultitypid, null),
				case when r.rngcollation <> 0 then ', collation = ' || r.rngcollation::regcollation end,
				case when r.rngcanonical <> 0 then ', canonical = ' || r.rngcanonical::regprocedure end,
				case when r.rngsubdiff <> 0 then ', subtype_diff = ' || r.rngsubdiff::regprocedure end, ')')
			from pg_range r
			where r.rngtypid = t.oid)
		when 'b' then concat(
			' ', to_jsonb(t) - '{oid, typname, typnamespace, typowner, typtype, typrelid, typelem, typarray, typbasetype, typdefaultbin, typacl}'::text[],
			case when t.typelem <> 0 then ' element = ' || format_type(t.typelem, null) end)
	end)
from pg_type t
where t.typtype <> 'm'
	and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
	and not exists (select from pg_type e where e.typarray = t.oid)
