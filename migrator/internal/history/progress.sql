-- One row for each unfinished no-transaction file. The table is created when it is first needed, and dropped with its last row.
-- A person decides about a statement in doubt. If it has run: set done = done + 1, started = null, and for a CALL or DO also
-- session = '{"": "unknown"}', so that the next statement does not run before you know what it has set. If it has not run: set
-- started = null.
create table if not exists schema_migrations_progress (
	version   pg_catalog.varchar(255) primary key,
	direction pg_catalog.text not null,                 -- up or down
	done      integer not null default 0,               -- how many statements have run
	hashes    pg_catalog.text[] not null default '{}',  -- of each of them, the first 8 bytes of SHA-256
	started   pg_catalog.text,                          -- the one that was begun outside a transaction
	scope     pg_catalog.oid[] not null default '{}',   -- what it is about
	spared    pg_catalog.oid[] not null default '{}',   -- indexes that were there before it
	session   pg_catalog.jsonb not null default '{}'    -- what the last one has left in its session: settings, tables in pg_temp
)
