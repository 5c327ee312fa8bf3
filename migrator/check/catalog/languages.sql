select 'pg_language'::regclass, l.oid, 0, 0, 0, '', concat(
	'create ', case when l.lanpltrusted then 'trusted ' end, format('language %I', l.lanname),
	' handler ', l.lanplcallfoid::regproc, ' inline ', l.laninline::regproc, ' validator ', l.lanvalidator::regproc)
from pg_language l
union all
select 'pg_transform'::regclass, t.oid, 0, 0, 0, '', concat(
	format('create transform for %s language %I', format_type(t.trftype, null), l.lanname),
	' from sql ', t.trffromsql::regprocedure, ' to sql ', t.trftosql::regprocedure)
from pg_transform t
join pg_language l on l.oid = t.trflang
union all
select 'pg_am'::regclass, m.oid, 0, 0, 0, '',
	format('create access method %I type %s handler %s', m.amname, case m.amtype when 't' then 'table' else 'index' end, m.amhandler::regproc)
from pg_am m
union all
select 'pg_collation'::regclass, c.oid, 0, 0, 0, '', concat(
	'create collation ', c.oid::regcollation, ' ',
	jsonb_strip_nulls(to_jsonb(c)) - '{oid, collname, collnamespace, collowner, collversion}'::text[])
from pg_collation c
union all
select 'pg_conversion'::regclass, c.oid, 0, 0, 0, '', concat(
	'create ', case when c.condefault then 'default ' end, format('conversion %I', c.conname),
	format(' for %L to %L from %s', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc))
from pg_conversion c
