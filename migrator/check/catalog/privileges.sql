-- Privileges that were never touched are told as the defaults that they are, so that grant and revoke cancel out.
with owned (class, id, sub, kind, owner, acl) as not materialized (
	select 'pg_class'::regclass::oid, oid, 0, case relkind when 'S' then 's' else 'r' end, relowner, relacl from pg_class where relkind in ('r', 'p', 'f', 'v', 'm', 'S')
	union all
	select 'pg_type'::regclass, t.oid, 0, 'T', t.typowner, t.typacl
	from pg_type t
	where t.typtype <> 'm'
		and (t.typrelid = 0 or exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c'))
		and not exists (select from pg_type e where e.typarray = t.oid)
	union all select 'pg_namespace'::regclass, oid, 0, 'n', nspowner, nspacl from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
	union all select 'pg_proc'::regclass, oid, 0, 'f', proowner, proacl from pg_proc
	union all select 'pg_language'::regclass, oid, 0, 'l', lanowner, lanacl from pg_language
	union all select 'pg_foreign_data_wrapper'::regclass, oid, 0, 'F', fdwowner, fdwacl from pg_foreign_data_wrapper
	union all select 'pg_foreign_server'::regclass, oid, 0, 'S', srvowner, srvacl from pg_foreign_server
	union all select 'pg_database'::regclass, oid, 0, 'd', datdba, datacl from pg_database where datname = current_database()
	union all select 'pg_attribute'::regclass, attrelid, attnum, null, null, attacl from pg_attribute where attacl is not null and not attisdropped
	union all select 'pg_default_acl'::regclass, oid, 0, null, null, defaclacl from pg_default_acl
	union all select 'pg_extension'::regclass, oid, 0, null, extowner, null from pg_extension
	union all select 'pg_operator'::regclass, oid, 0, null, oprowner, null from pg_operator
	union all select 'pg_opclass'::regclass, oid, 0, null, opcowner, null from pg_opclass
	union all select 'pg_opfamily'::regclass, oid, 0, null, opfowner, null from pg_opfamily
	union all select 'pg_collation'::regclass, oid, 0, null, collowner, null from pg_collation
	union all select 'pg_conversion'::regclass, oid, 0, null, conowner, null from pg_conversion
	union all select 'pg_ts_dict'::regclass, oid, 0, null, dictowner, null from pg_ts_dict
	union all select 'pg_ts_config'::regclass, oid, 0, null, cfgowner, null from pg_ts_config
	union all select 'pg_statistic_ext'::regclass, oid, 0, null, stxowner, null from pg_statistic_ext
	union all select 'pg_publication'::regclass, oid, 0, null, pubowner, null from pg_publication
	union all select 'pg_event_trigger'::regclass, oid, 0, null, evtowner, null from pg_event_trigger
)
select o.class, o.id, o.sub, 0, 0, 'owner of ', quote_ident(pg_get_userbyid(o.owner))
from owned o
where o.owner is not null
union all
select case o.class when 'pg_attribute'::regclass then 'pg_class'::regclass else o.class end, o.id, o.sub, 0, 0, 'privileges on ', coalesce((
	select string_agg(g.grantee || ': ' || g.privileges, '; ' order by g.grantee)
	from (
		select case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
			string_agg(distinct a.privilege_type || case when a.is_grantable then ' with grant option' else '' end, ', ')
		from aclexplode(coalesce(o.acl, acldefault(o.kind::"char", o.owner))) a
		group by a.grantee
	) g (grantee, privileges)), 'none')
from owned o
where o.acl is not null or o.kind is not null
