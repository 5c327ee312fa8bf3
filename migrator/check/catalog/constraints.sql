-- The definition says what is deferrable, not valid, not enforced or not inherited. Constraint triggers are triggers.
select 'pg_constraint'::regclass, c.oid, 0,
	case when c.conparentid <> 0 then 'pg_constraint'::regclass when c.contypid <> 0 then 'pg_type'::regclass else 'pg_class'::regclass end,
	case when c.conparentid <> 0 then c.conparentid when c.contypid <> 0 then c.contypid else c.conrelid end,
	'', concat(
		format('constraint %I ', c.conname), pg_get_constraintdef(c.oid),
		case when c.coninhcount > 0 then ' inherited' || case when c.conislocal then ' and its own' else '' end end)
from pg_constraint c
where c.contype not in ('t', 'n')
