select d.classoid, d.objoid, d.objsubid, 0, 0, 'comment on ', quote_literal(d.description)
from pg_description d
union all
select d.classoid, d.objoid, 0, 0, 0, 'comment on ', quote_literal(d.description)
from pg_shdescription d
where d.classoid = 'pg_database'::regclass and d.objoid = (select oid from pg_database where datname = current_database())
