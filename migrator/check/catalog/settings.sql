-- Those that only hold in this database: its own, and those of roles in it.
select case s.setrole when 0 then 'pg_database'::regclass else 'pg_authid'::regclass end, case s.setrole when 0 then s.setdatabase else s.setrole end, 0, 0, 0,
	case s.setrole when 0 then 'settings of ' else 'settings in this database of ' end, (select string_agg(c, ', ' order by c) from unnest(s.setconfig) c)
from pg_db_role_setting s
join pg_database d on d.oid = s.setdatabase
where d.datname = current_database()
