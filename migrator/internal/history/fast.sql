-- What is enough to be known of the server where nothing is pending, from no catalog but by name; one row of JSON. $schema
-- is the history's as an expression, $start one for when the server was started, $table and $progress are names as literals, $reference is the history's as an identifier.
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
