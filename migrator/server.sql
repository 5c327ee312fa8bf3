-- What must be known of the server before the history is read; one row of JSON. $table is the name of the history
-- table as a literal, $reference as an identifier.
select pg_catalog.json_build_object(
	'schema', pg_catalog.current_schema(),
	'user', current_user,
	'platform', pg_catalog.version(),
	'pid', pg_catalog.pg_backend_pid(),
	'deadlock_timeout', pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::interval),
	'read_only', pg_catalog.current_setting('transaction_read_only')::bool,
	'standby', pg_catalog.pg_is_in_recovery(),
	'citus', exists (select from pg_catalog.pg_extension where extname = 'citus'),
	'resolved', pg_catalog.to_regclass($reference)::pg_catalog.oid::pg_catalog.int8,
	'tables', (
		select pg_catalog.json_agg(pg_catalog.json_build_object(
			'oid', c.oid::pg_catalog.int8,
			'schema', n.nspname,
			'name', c.relname,
			'columns', (
				select pg_catalog.json_object_agg(a.attname, pg_catalog.format_type(a.atttypid, null))
				from pg_catalog.pg_attribute a
				where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
			),
			'keyed', exists (
				select from pg_catalog.pg_index i
				join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'version'
				where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
					and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
			)
		))
		from pg_catalog.pg_class c
		join pg_catalog.pg_namespace n on n.oid = c.relnamespace
		where c.relname in ($table, 'goose_db_version', 'schema_version', 'atlas_schema_revisions', 'flyway_schema_history',
				'_sqlx_migrations', 'refinery_schema_history', '_prisma_migrations', 'pgmigrate_migrations')
			and c.relkind in ('r', 'p', 'v', 'm', 'f')
			and n.nspname !~ '^pg_'
	)
)
