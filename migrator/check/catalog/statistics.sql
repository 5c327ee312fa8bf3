-- The target of statistics became null where it is the default with 17; before, it was -1.
select 'pg_statistic_ext'::regclass, s.oid, 0, 'pg_class'::regclass, s.stxrelid, '', concat(
	pg_get_statisticsobjdef(s.oid), case when s.stxstattarget >= 0 then ' statistics ' || s.stxstattarget end)
from pg_statistic_ext s
