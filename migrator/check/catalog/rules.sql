-- A view's own rule is its definition.
select 'pg_rewrite'::regclass, r.oid, 0, 'pg_class'::regclass, r.ev_class, '', concat(
	pg_get_ruledef(r.oid), case r.ev_enabled when 'D' then ' disabled' when 'R' then ' enabled replica' when 'A' then ' enabled always' end)
from pg_rewrite r
where r.rulename <> '_RETURN'
union all
select 'pg_policy'::regclass, p.oid, 0, 'pg_class'::regclass, p.polrelid, '', concat(
	format('create policy %I on %s as ', p.polname, p.polrelid::regclass), case when p.polpermissive then 'permissive' else 'restrictive' end,
	' for ', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
	' to ', (select string_agg(case r when 0 then 'public' else quote_ident(pg_get_userbyid(r)) end, ', ' order by pg_get_userbyid(r)) from unnest(p.polroles) r),
	' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
from pg_policy p
