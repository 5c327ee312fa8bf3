-- Procedures and window functions, too. pg_get_functiondef does not know aggregates.
select 'pg_proc'::regclass, p.oid, 0, 0, 0, '',
	case when p.prokind <> 'a' then pg_get_functiondef(p.oid) else (
		select concat(
			'create aggregate ', p.oid::regprocedure, ' returns ', format_type(p.prorettype, null), ' (stype = ', format_type(a.aggtranstype, null),
			case when a.aggmtranstype <> 0 then ', mstype = ' || format_type(a.aggmtranstype, null) end,
			case when a.aggsortop <> 0 then ', sortop = ' || a.aggsortop::regoperator end,
			', parallel = ', p.proparallel, ', arguments = ', pg_get_function_arguments(p.oid), ') ',
			to_jsonb(a) - '{aggfnoid, aggtranstype, aggmtranstype, aggsortop}'::text[])
		from pg_aggregate a
		where a.aggfnoid = p.oid)
	end
from pg_proc p
