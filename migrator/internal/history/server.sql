-- What a run must know of the server before it reads the history. One row of JSON. $table and $progress are the names of the
-- history and the progress table, as literals. $schema is the schema as a literal, or null if none is named. $reference is the
-- history as an identifier, in a literal. $start is an expression for when the server was started. $filled are the columns of a
-- table c whose defaults are not used. $trusted is a condition for the owner of c.
select pg_catalog.json_build_object(
	'schema', pg_catalog.current_schema(),
	'user', current_user,
	'superuser', pg_catalog.current_setting('is_superuser')::pg_catalog.bool,
	'platform', pg_catalog.version(),
	'pid', pg_catalog.pg_backend_pid(),
	'server_start', $start,
	'deadlock_timeout', pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::pg_catalog.interval),
	'standby', pg_catalog.pg_is_in_recovery(),
	'citus', exists (select from pg_catalog.pg_extension where extname operator(pg_catalog.=) 'citus'),
	'resolved', pg_catalog.to_regclass($reference)::pg_catalog.oid::pg_catalog.int8,
	'published', (
		select pg_catalog.min(p.pubname::pg_catalog.text) from pg_catalog.pg_publication p
		where pg_catalog.current_setting('wal_level') operator(pg_catalog.=) 'logical' and (p.pubinsert or p.pubupdate or p.pubdelete)
			and (p.puballtables or exists (
				select from pg_catalog.pg_depend s
				join pg_catalog.pg_depend o on o.classid operator(pg_catalog.=) s.classid and o.objid operator(pg_catalog.=) s.objid
				where s.classid operator(pg_catalog.=) pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')::pg_catalog.oid
					and s.refclassid operator(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass::pg_catalog.oid
					and s.refobjid operator(pg_catalog.=) pg_catalog.to_regnamespace(pg_catalog.quote_ident(coalesce($schema, pg_catalog.current_schema())))::pg_catalog.oid
					and o.refclassid operator(pg_catalog.=) 'pg_catalog.pg_publication'::pg_catalog.regclass::pg_catalog.oid and o.refobjid operator(pg_catalog.=) p.oid
			))
	),
	'no_schema', $schema is not null and pg_catalog.to_regnamespace(pg_catalog.quote_ident($schema)) is null,
	'tables', (
		select pg_catalog.json_agg(pg_catalog.json_build_object(
			'oid', c.oid::pg_catalog.int8,
			'schema', n.nspname,
			'name', c.relname,
			'kind', c.relkind,
			'guarded', pg_catalog.row_security_active(c.oid),
			'below', case when c.relhassubclass then (
				with recursive below (oid) as (
					select h.inhrelid from pg_catalog.pg_inherits h where h.inhparent operator(pg_catalog.=) c.oid
					union
					select h.inhrelid from below b join pg_catalog.pg_inherits h on h.inhparent operator(pg_catalog.=) b.oid
				)
				select pg_catalog.json_agg(t.relkind) from below b join pg_catalog.pg_class t on t.oid operator(pg_catalog.=) b.oid
			) end,
			'exposed', pg_catalog.current_setting('is_superuser')::pg_catalog.bool and (
				c.relhastriggers or c.relhasrules or c.relchecks operator(pg_catalog.>) 0 or c.relhassubclass
				or exists (
					select from pg_catalog.pg_attribute a
					join pg_catalog.pg_type t on t.oid operator(pg_catalog.=) a.atttypid
					where a.attrelid operator(pg_catalog.=) c.oid and not a.attisdropped
						and (t.typnamespace operator(pg_catalog.<>) 'pg_catalog'::pg_catalog.regnamespace
							or a.atthasdef and (a.attgenerated operator(pg_catalog.<>) '' or a.attname operator(pg_catalog.<>) all ($filled::pg_catalog.name[])))
				)
				or exists (
					select from pg_catalog.pg_index i
					where i.indrelid operator(pg_catalog.=) c.oid and (i.indexprs is not null or i.indpred is not null)
				)
				or not $trusted
			),
			'columns', (
				select pg_catalog.json_object_agg(a.attname, pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), '"', ''))
				from pg_catalog.pg_attribute a
				where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped
			),
			'keyed', exists (
				select from pg_catalog.pg_index i
				join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) c.oid and a.attname operator(pg_catalog.=) 'version'
				where i.indrelid operator(pg_catalog.=) c.oid and i.indisunique and i.indisvalid and i.indimmediate
					and i.indpred is null and i.indnkeyatts operator(pg_catalog.=) 1 and i.indkey[0] operator(pg_catalog.=) a.attnum
			)
		))
		from pg_catalog.pg_class c
		join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
		where c.relname operator(pg_catalog.=) any (array[$table, $progress]::pg_catalog.name[])
			and c.relkind operator(pg_catalog.<>) all (array['i', 'I', 't']::pg_catalog."char"[])
			and (
				n.nspname operator(pg_catalog.=) coalesce($schema, pg_catalog.current_schema())
				or n.oid operator(pg_catalog.=) (select r.relnamespace from pg_catalog.pg_class r where r.oid operator(pg_catalog.=) pg_catalog.to_regclass($reference))
			)
	)
)
