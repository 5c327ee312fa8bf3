package script

// transactionSQL is an SQL expression for how many transactions the session has begun. Each has a virtual id, even one that
// writes nothing.
const transactionSQL = "(select pg_catalog.split_part(l.virtualtransaction, '/', 2)::pg_catalog.int8 from pg_catalog.pg_locks l" +
	" where l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid() and l.locktype operator(pg_catalog.=) 'virtualxid' limit 1)"

// markSQL notes in the session how many transactions it has begun before an opaque statement.
const markSQL = "select pg_catalog.set_config('migrator.transaction', " + transactionSQL + "::pg_catalog.text, false)"

// SinceMarkSQL is a query for how many transactions have begun since markSQL, its own included; null if the session has no mark.
const SinceMarkSQL = "select case when pg_catalog.length(m.mark) operator(pg_catalog.>) 0 then " + transactionSQL + " operator(pg_catalog.-) m.mark::pg_catalog.int8 end" +
	" from (select pg_catalog.current_setting('migrator.transaction', true)) m (mark)"
