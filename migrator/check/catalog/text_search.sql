select 'pg_ts_parser'::regclass, p.oid, 0, 0, 0, '',
	format('create text search parser %I (start = %s, gettoken = %s, end = %s, headline = %s, lextypes = %s)',
		p.prsname, p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)
from pg_ts_parser p
union all
select 'pg_ts_template'::regclass, t.oid, 0, 0, 0, '',
	format('create text search template %I (init = %s, lexize = %s)', t.tmplname, t.tmplinit, t.tmpllexize)
from pg_ts_template t
union all
select 'pg_ts_dict'::regclass, d.oid, 0, 0, 0, '', concat(
	'create text search dictionary ', d.oid::regdictionary, ' (template = ', pg_describe_object('pg_ts_template'::regclass, d.dicttemplate, 0),
	', ' || d.dictinitoption, ')')
from pg_ts_dict d
union all
select 'pg_ts_config'::regclass, c.oid, 0, 0, 0, '', concat(
	'create text search configuration ', c.oid::regconfig, ' (parser = ', pg_describe_object('pg_ts_parser'::regclass, c.cfgparser, 0), ')',
	(
		select string_agg(E'\n' || m.mapping, '' order by m.maptokentype)
		from (
			select m.maptokentype, format('mapping for %s with %s', k.alias, string_agg(m.mapdict::regdictionary::text, ', ' order by m.mapseqno))
			from pg_ts_config_map m
			join ts_token_type(c.cfgparser) k on k.tokid = m.maptokentype
			where m.mapcfg = c.oid
			group by m.maptokentype, k.alias
		) m (maptokentype, mapping)
	))
from pg_ts_config c
