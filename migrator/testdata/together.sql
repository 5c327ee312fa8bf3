-- up, on an empty database
begin isolation level read committed;
set local lock_timeout = 0;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local tcp_keepalives_idle = '15s';
set local tcp_keepalives_interval = '10s';
set local tcp_user_timeout = '45s';
set local transaction_timeout = 0;
set local client_connection_check_interval = '500ms';
select pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS.US');
do $migrator$begin
  if not pg_catalog.pg_try_advisory_lock(-7380834864027305666) then
    raise exception using errcode = 'MG003', message = 'another run is migrating this database';
  end if;
end$migrator$;
-- One row for each applied migration. People query it and fix it by hand: an insert of a version marks a file as applied,
-- a delete makes it pending again.
create table if not exists "public"."schema_migrations" (
	version    varchar(255) primary key,              -- the file's name
	applied_at timestamp    default pg_catalog.now(), -- the tool writes UTC
	checksum   varchar(64)                            -- SHA-256 of the file; null: not known yet
);
commit;
begin isolation level read committed;
prepare migrator_set (pg_catalog.text) as select pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS.US')
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', '0', true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true), pg_catalog.set_config('tcp_keepalives_idle', '15s', true), pg_catalog.set_config('tcp_keepalives_interval', '10s', true), pg_catalog.set_config('tcp_user_timeout', '45s', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true), pg_catalog.set_config('application_name', $1, true)) is not null;
execute migrator_set ('migrator 1a2b3c4d 1_o''clock.sql');
prepare migrator_claim (pg_catalog.text, pg_catalog.text) as insert into "public"."schema_migrations" (version, applied_at, checksum)
values ($1, pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), $2);
execute migrator_claim ('1_o''clock.sql', 'd0157f59843aea2169d0a4c21b763569ce3630da25b05569f06ed56b166cc7fe');
set local lock_timeout = '1500ms';
create table clock (id int);

;
reset session authorization;
reset role;
reset all;
unlisten *;
prepare migrator_rest (pg_catalog.text) as select
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true)) is not null;
execute migrator_rest ('1500ms');
set constraints all immediate;
close all;
discard temp;
prepare migrator_seal (pg_catalog.text) as with sealed as (
  update "public"."schema_migrations" set applied_at = pg_catalog.timezone('utc', pg_catalog.clock_timestamp())
  where version operator(pg_catalog.=) $1
    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
  returning 1)
select 1 operator(pg_catalog./) pg_catalog.count(*) from sealed;
execute migrator_seal ('1_o''clock.sql');
commit;
begin isolation level read committed;
set local lock_timeout = 0;
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local tcp_keepalives_idle = '15s';
set local tcp_keepalives_interval = '10s';
set local tcp_user_timeout = '45s';
set local transaction_timeout = 0;
set local client_connection_check_interval = '500ms';
set local application_name = 'migrator 1a2b3c4d 2_own.sql';
select pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS.US');
insert into "public"."schema_migrations" (version, applied_at, checksum)
values ('2_own.sql', pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'f9fe5a44803a951e74bb1edb90852db4b98da55a45bdfb2c8192b56fb71d71e0');
set local lock_timeout = '1500ms';
prepare mine as select 1; execute mine;

;
reset session authorization;
reset role;
reset all;
unlisten *;
set local lock_timeout = '1500ms';
set local statement_timeout = 0;
set local transaction_timeout = 0;
set local client_connection_check_interval = '500ms';
set constraints all immediate;
close all;
discard temp;
do $migrator$begin
  update "public"."schema_migrations" set applied_at = pg_catalog.timezone('utc', pg_catalog.clock_timestamp())
  where version operator(pg_catalog.=) '2_own.sql'
    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid;
  if not found then
    raise exception using errcode = 'MG002', message = 'the row of this file is gone or changed in public.schema_migrations',
      hint = 'a migration must not write to the history table, nor end its transaction; nor may a trigger there keep the row out';
  end if;
end$migrator$;
commit;
deallocate all;
do $migrator$begin
  perform pg_catalog.pg_try_advisory_xact_lock(-7380834864027305666); perform pg_catalog.pg_advisory_unlock_all(); perform pg_catalog.pg_try_advisory_lock(-7380834864027305666);
end$migrator$;
set idle_session_timeout = 0;
set tcp_keepalives_idle = '15s';
set tcp_keepalives_interval = '10s';
set tcp_user_timeout = '45s';

-- up, on an empty database
begin isolation level serializable;
prepare migrator_set (pg_catalog.text) as select pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS.US')
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', '0', true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true), pg_catalog.set_config('tcp_keepalives_idle', '15s', true), pg_catalog.set_config('tcp_keepalives_interval', '10s', true), pg_catalog.set_config('tcp_user_timeout', '45s', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true), pg_catalog.set_config('application_name', $1, true)) is not null;
execute migrator_set ('migrator 1a2b3c4d 3_limited.sql');
do $migrator$begin
  if not pg_catalog.pg_try_advisory_lock(-7380834864027305666) then
    raise exception using errcode = 'MG003', message = 'another run is migrating this database';
  end if;
end$migrator$;
prepare migrator_claim (pg_catalog.text, pg_catalog.text) as insert into "public"."schema_migrations" (version, applied_at, checksum)
values ($1, pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), $2);
execute migrator_claim ('3_limited.sql', '4ff0c82ca70caf11cd8f1379986ef5015c343e62b57d718cdc3dabc8099246e4');
set local lock_timeout = '7000ms';
-- migrator: isolation=serializable, lock-timeout=7s
select 'pg_Advisory_lock' -- end
;
reset session authorization;
reset role;
reset all;
unlisten *;
prepare migrator_rest (pg_catalog.text) as select
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true)) is not null;
execute migrator_rest ('7000ms');
set constraints all immediate;
close all;
discard temp;
prepare migrator_seal (pg_catalog.text) as with sealed as (
  update "public"."schema_migrations" set applied_at = pg_catalog.timezone('utc', pg_catalog.clock_timestamp())
  where version operator(pg_catalog.=) $1
    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
  returning 1)
select 1 operator(pg_catalog./) pg_catalog.count(*) from sealed;
execute migrator_seal ('3_limited.sql');
commit;
do $migrator$begin
  declare name pg_catalog.text; begin
  for name in select p.name from pg_catalog.pg_prepared_statements p where p.from_sql and p.name operator(pg_catalog.!~) '^migrator_' loop
    execute pg_catalog.format('deallocate %I', name);
  end loop; end;
end$migrator$;
do $migrator$begin
  perform pg_catalog.pg_try_advisory_xact_lock(-7380834864027305666); perform pg_catalog.pg_advisory_unlock_all(); perform pg_catalog.pg_try_advisory_lock(-7380834864027305666);
end$migrator$;
set idle_session_timeout = 0;
set tcp_keepalives_idle = '15s';
set tcp_keepalives_interval = '10s';
set tcp_user_timeout = '45s';

-- up, on an empty database
begin isolation level read committed;
execute migrator_set ('migrator 1a2b3c4d 4_last.sql');
do $migrator$begin
  if not pg_catalog.pg_try_advisory_lock(-7380834864027305666) then
    raise exception using errcode = 'MG003', message = 'another run is migrating this database';
  end if;
end$migrator$;
execute migrator_claim ('4_last.sql', '4a45092ccf992ea92250053a80b931b787924ba61648f420555511b84f10ab6c');
set local lock_timeout = '1500ms';
select 1;

;
reset session authorization;
reset role;
reset all;
unlisten *;
execute migrator_rest ('1500ms');
set constraints all immediate;
close all;
discard temp;
execute migrator_seal ('4_last.sql');
commit;
begin isolation level read committed;
execute migrator_set ('migrator 1a2b3c4d R_views.sql');
do $migrator$begin
  insert into "public"."schema_migrations" (version, applied_at, checksum)
values ('R_views.sql', pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'ac4396cdee0295db27f816dc31134189999d0071663e618f4957bc23edb584d7')
  on conflict (version) do update set checksum = excluded.checksum
    where not coalesce("schema_migrations".checksum operator(pg_catalog.=) excluded.checksum, false);
  if not found then
    raise exception using errcode = 'MG001', message = 'it is applied already';
  end if;
end$migrator$;
set local lock_timeout = '1500ms';
select 2;

;
reset session authorization;
reset role;
reset all;
unlisten *;
execute migrator_rest ('1500ms');
set constraints all immediate;
close all;
discard temp;
execute migrator_seal ('R_views.sql');
commit;
do $migrator$begin
  declare name pg_catalog.text; begin
  for name in select p.name from pg_catalog.pg_prepared_statements p where p.from_sql and p.name operator(pg_catalog.!~) '^migrator_' loop
    execute pg_catalog.format('deallocate %I', name);
  end loop; end;
end$migrator$;
do $migrator$begin
  perform pg_catalog.pg_try_advisory_xact_lock(-7380834864027305666); perform pg_catalog.pg_advisory_unlock_all(); perform pg_catalog.pg_try_advisory_lock(-7380834864027305666);
end$migrator$;
set idle_session_timeout = 0;
set tcp_keepalives_idle = '15s';
set tcp_keepalives_interval = '10s';
set tcp_user_timeout = '45s';

-- down by two
begin isolation level read committed;
prepare migrator_set (pg_catalog.text) as select pg_catalog.to_char(pg_catalog.timezone('utc', pg_catalog.clock_timestamp()), 'YYYY-MM-DD HH24:MI:SS.US')
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', '0', true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true), pg_catalog.set_config('tcp_keepalives_idle', '15s', true), pg_catalog.set_config('tcp_keepalives_interval', '10s', true), pg_catalog.set_config('tcp_user_timeout', '45s', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true), pg_catalog.set_config('application_name', $1, true)) is not null;
execute migrator_set ('migrator 1a2b3c4d 2_x.sql');
do $migrator$begin
  if not pg_catalog.pg_try_advisory_lock(-7380834864027305666) then
    raise exception using errcode = 'MG003', message = 'another run is migrating this database';
  end if;
end$migrator$;
do $migrator$begin
  update "public"."schema_migrations" set applied_at = applied_at where version operator(pg_catalog.=) '2_x.sql';
  if not found then
    raise exception using errcode = 'MG001', message = 'it is not applied any more';
  end if;
end$migrator$;
set local lock_timeout = '1500ms';
select -2
;
reset session authorization;
reset role;
reset all;
unlisten *;
prepare migrator_rest (pg_catalog.text) as select
  where pg_catalog.concat(pg_catalog.set_config('lock_timeout', $1, true), pg_catalog.set_config('statement_timeout', '0', true), pg_catalog.set_config('transaction_timeout', '0', true), pg_catalog.set_config('client_connection_check_interval', '500ms', true)) is not null;
execute migrator_rest ('1500ms');
set constraints all immediate;
close all;
discard temp;
prepare migrator_unseal (pg_catalog.text) as with sealed as (
  delete from "public"."schema_migrations"
  where version operator(pg_catalog.=) $1
    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
  returning 1)
select 1 operator(pg_catalog./) pg_catalog.count(*) from sealed;
execute migrator_unseal ('2_x.sql');
commit;
begin isolation level read committed;
execute migrator_set ('migrator 1a2b3c4d 1_x.sql');
do $migrator$begin
  update "public"."schema_migrations" set applied_at = applied_at where version operator(pg_catalog.=) '1_x.sql';
  if not found then
    raise exception using errcode = 'MG001', message = 'it is not applied any more';
  end if;
end$migrator$;
set local lock_timeout = '1500ms';
select -1
;
reset session authorization;
reset role;
reset all;
unlisten *;
execute migrator_rest ('1500ms');
set constraints all immediate;
close all;
discard temp;
execute migrator_unseal ('1_x.sql');
commit;
do $migrator$begin
  declare name pg_catalog.text; begin
  for name in select p.name from pg_catalog.pg_prepared_statements p where p.from_sql and p.name operator(pg_catalog.!~) '^migrator_' loop
    execute pg_catalog.format('deallocate %I', name);
  end loop; end;
end$migrator$;
do $migrator$begin
  perform pg_catalog.pg_try_advisory_xact_lock(-7380834864027305666); perform pg_catalog.pg_advisory_unlock_all(); perform pg_catalog.pg_try_advisory_lock(-7380834864027305666);
end$migrator$;
set idle_session_timeout = 0;
set tcp_keepalives_idle = '15s';
set tcp_keepalives_interval = '10s';
set tcp_user_timeout = '45s';
