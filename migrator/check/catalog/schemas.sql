select 'pg_namespace'::regclass, n.oid, 0, 0, 0, '', 'create schema ' || quote_ident(n.nspname)
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
