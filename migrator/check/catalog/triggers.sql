select 'pg_trigger'::regclass, t.oid, 0,
	case when t.tgparentid <> 0 then 'pg_trigger'::regclass else 'pg_class'::regclass end,
	case when t.tgparentid <> 0 then t.tgparentid else t.tgrelid end,
	'', concat(
		pg_get_triggerdef(t.oid), case t.tgenabled when 'D' then ' disabled' when 'R' then ' enabled replica' when 'A' then ' enabled always' end)
from pg_trigger t
where not t.tgisinternal
union all
select 'pg_event_trigger'::regclass, e.oid, 0, 0, 0, '', concat(
	format('create event trigger %I on %s', e.evtname, e.evtevent),
	(select ' when tag in (' || string_agg(quote_literal(g), ', ' order by g) || ')' from unnest(e.evttags) g),
	' execute function ', e.evtfoid::regprocedure,
	case e.evtenabled when 'D' then ' disabled' when 'R' then ' enabled replica' when 'A' then ' enabled always' end)
from pg_event_trigger e
