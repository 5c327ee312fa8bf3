select 'pg_extension'::regclass, e.oid, 0, 0, 0, '',
	format('create extension %I schema %s version %L', e.extname, e.extnamespace::regnamespace, e.extversion)
from pg_extension e
