-- All that a run must know of the server if nothing is pending. It looks up catalogs only by name. One row of JSON. $schema is
-- the schema of the history as an expression, $start an expression for when the server was started, $table and $progress are
-- names as literals, and $reference is the history as an identifier, in a literal.
select pg_catalog.json_build_object(
	'schema', $schema,
	'user', current_user,
	'platform', pg_catalog.version(),
	'pid', pg_catalog.pg_backend_pid(),
	'server_start', $start,
	'deadlock_timeout', pg_catalog.date_part('epoch', pg_catalog.current_setting('deadlock_timeout')::pg_catalog.interval),
	'resolved', pg_catalog.to_regclass($reference)::pg_catalog.oid::pg_catalog.int8,
	'own', pg_catalog.to_regclass(pg_catalog.format('%I.%I', $schema, $table))::pg_catalog.oid::pg_catalog.int8,
	'unfinished', pg_catalog.to_regclass(pg_catalog.format('%I.%I', $schema, $progress)) is not null
)
