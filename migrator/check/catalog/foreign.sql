select 'pg_foreign_data_wrapper'::regclass, w.oid, 0, 0, 0, '', concat(
	format('create foreign data wrapper %I', w.fdwname),
	case when w.fdwhandler <> 0 then ' handler ' || w.fdwhandler::regproc end,
	case when w.fdwvalidator <> 0 then ' validator ' || w.fdwvalidator::regproc end,
	(select ' options (' || string_agg(o, ', ' order by o) || ')' from unnest(w.fdwoptions) o))
from pg_foreign_data_wrapper w
union all
select 'pg_foreign_server'::regclass, s.oid, 0, 0, 0, '', concat(
	format('create server %I', s.srvname), ' type ' || quote_literal(s.srvtype), ' version ' || quote_literal(s.srvversion),
	format(' foreign data wrapper %I', w.fdwname),
	(select ' options (' || string_agg(o, ', ' order by o) || ')' from unnest(s.srvoptions) o))
from pg_foreign_server s
join pg_foreign_data_wrapper w on w.oid = s.srvfdw
union all
-- The view hides the options from whom they are no business of; they may hold passwords, so their hash is told.
select 'pg_user_mapping'::regclass, u.umid, 0, 'pg_foreign_server'::regclass, u.srvid, '', concat(
	format('create user mapping for %s server %I', case u.umuser when 0 then 'public' else quote_ident(u.usename) end, u.srvname),
	(select ' options with md5 ' || md5(string_agg(o, ', ' order by o)) from unnest(u.umoptions) o))
from pg_user_mappings u
