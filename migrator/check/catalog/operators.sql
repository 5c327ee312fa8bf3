select 'pg_operator'::regclass, o.oid, 0, 0, 0, '', concat(
	'create operator ', o.oid::regoperator, ' (function = ', o.oprcode::regprocedure,
	case when o.oprcom <> 0 then ', commutator = ' || o.oprcom::regoperator end,
	case when o.oprnegate <> 0 then ', negator = ' || o.oprnegate::regoperator end,
	case when o.oprrest <> 0 then ', restrict = ' || o.oprrest::regproc end,
	case when o.oprjoin <> 0 then ', join = ' || o.oprjoin::regproc end,
	case when o.oprcanhash then ', hashes' end, case when o.oprcanmerge then ', merges' end, ')')
from pg_operator o
union all
select 'pg_opfamily'::regclass, f.oid, 0, 0, 0, '', concat(
	pg_describe_object('pg_opfamily'::regclass, f.oid, 0),
	(
		select E'\n' || string_agg(pg_describe_object(m.class, m.id, 0), E'\n' order by m.class, pg_describe_object(m.class, m.id, 0))
		from (
			select 'pg_amop'::regclass, a.oid from pg_amop a where a.amopfamily = f.oid
			union all
			select 'pg_amproc'::regclass, a.oid from pg_amproc a where a.amprocfamily = f.oid
		) m (class, id)
	))
from pg_opfamily f
union all
select 'pg_opclass'::regclass, c.oid, 0, 'pg_opfamily'::regclass, c.opcfamily, '', concat(
	'create ', pg_describe_object('pg_opclass'::regclass, c.oid, 0), case when c.opcdefault then ' default' end, ' for type ', format_type(c.opcintype, null),
	' family ', pg_describe_object('pg_opfamily'::regclass, c.opcfamily, 0),
	case when c.opckeytype <> 0 then ' storage ' || format_type(c.opckeytype, null) end)
from pg_opclass c
union all
select 'pg_cast'::regclass, c.oid, 0, 0, 0, '', concat(
	format('create cast (%s as %s)', format_type(c.castsource, null), format_type(c.casttarget, null)),
	case c.castmethod when 'f' then ' with function ' || c.castfunc::regprocedure when 'i' then ' with inout' else ' without function' end,
	case c.castcontext when 'i' then ' as implicit' when 'a' then ' as assignment' end)
from pg_cast c
