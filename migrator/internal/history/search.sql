-- Other tables that may be the history of these files, for a history that is empty. One row with a word and JSON if $wanted is
-- true. $schema is the schema of the history, as an expression. A table is a candidate if it has a column in $marks or a name
-- like one in $names. Tables of other tools count in the history's schema and on the search_path, tables of our layout
-- everywhere. Columns with types that are not built in are left out.
with own as materialized (
	select r.relname
	from pg_catalog.pg_class r
	join pg_catalog.pg_namespace s on s.oid operator(pg_catalog.=) r.relnamespace
	where s.nspname operator(pg_catalog.=) $schema and r.relkind operator(pg_catalog.=) any (array['r', 'p', 'v', 'm', 'f']::pg_catalog."char"[])
	limit 200
), candidates as materialized (
	select c.oid, c.relname, c.relkind, c.relnatts, c.relhassubclass, c.relowner, n.nspname, n.oid as namespace,
		n.nspname operator(pg_catalog.=) any (pg_catalog.array_append(pg_catalog.current_schemas(false), $schema::pg_catalog.name)) as on_path
	from pg_catalog.pg_class c
	join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
	where c.relkind operator(pg_catalog.=) any (array['r', 'p']::pg_catalog."char"[]) and n.nspname operator(pg_catalog.!~) '^pg_'
		and not c.relispartition and c.relnatts operator(pg_catalog.<=) 20
		and (c.relname operator(pg_catalog.~~*) any ($names::pg_catalog.text[]) or c.oid operator(pg_catalog.=) any (
			select a.attrelid from pg_catalog.pg_attribute a
			where a.attname operator(pg_catalog.=) any ($marks::pg_catalog.name[]) and not a.attisdropped and a.attnum operator(pg_catalog.>) 0
		))
)
select 'search', pg_catalog.json_build_object(
	'source', (select s.source from pg_catalog.pg_settings s where s.name operator(pg_catalog.=) 'search_path'),
	'tables', (
		select pg_catalog.json_agg(pg_catalog.json_build_object(
			'oid', f.oid::pg_catalog.int8,
			'schema', f.nspname,
			'name', f.relname,
			'kind', f.relkind,
			'columns', f.columns,
			'on_path', f.on_path,
			'owned', pg_catalog.pg_get_userbyid(f.relowner) operator(pg_catalog.=) current_user,
			'denied', not (pg_catalog.has_schema_privilege(f.namespace, 'usage') and pg_catalog.has_table_privilege(f.oid, 'select')),
			'readable', f.relkind operator(pg_catalog.=) 'r' and not f.relhassubclass and not pg_catalog.row_security_active(f.oid)
				and pg_catalog.has_schema_privilege(f.namespace, 'usage') and pg_catalog.has_table_privilege(f.oid, 'select'),
			'relations', case when f.ours then (
				select pg_catalog.json_agg(own.relname) from own where not exists (
					select from pg_catalog.pg_class r
					where r.relname operator(pg_catalog.=) own.relname and r.relnamespace operator(pg_catalog.=) f.namespace
				)
			) end
		))
		from (
			select c.*, columns.*
			from candidates c
			cross join lateral (
				select pg_catalog.json_object_agg(a.attname, pg_catalog.format_type(a.atttypid, null)) as columns,
					pg_catalog.array_agg(a.attname) operator(pg_catalog.@>) array['version', 'applied_at', 'checksum']::pg_catalog.name[] as ours
				from pg_catalog.pg_attribute a
				where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
					and a.atttypid operator(pg_catalog.<) 16384
			) columns
			where c.on_path or columns.ours
			order by c.on_path desc, c.relnatts, c.nspname, c.relname
			limit 100
		) f
	)
)
where $wanted
