-- One row for each applied migration. People query it and fix it by hand: an insert of a version marks a file as applied,
-- a delete makes it pending again.
create table if not exists schema_migrations (
	version    varchar(255) primary key,              -- the file's name
	applied_at timestamp    default pg_catalog.now(), -- the tool writes UTC
	checksum   varchar(64)                            -- SHA-256 of the file; null: not known yet
)
