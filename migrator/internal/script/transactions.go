package script

// transactionSQL is an expression for how many transactions the session has begun: each has a virtual id, also one that writes
// nothing.
const transactionSQL = "(select pg_catalog.split_part(l.virtualtransaction, '/', 2)::pg_catalog.int8 from pg_catalog.pg_locks l" +
	" where l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid() and l.locktype operator(pg_catalog.=) 'virtualxid' limit 1)"

// markSQL notes the last transaction before an opaque statement.
const markSQL = "select pg_catalog.set_config('migrator.transaction', " + transactionSQL + "::pg_catalog.text, false)"

// SinceMarkSQL asks how many transactions have begun since, this one included; null where the mark is not there.
const SinceMarkSQL = "select case when pg_catalog.length(m.mark) operator(pg_catalog.>) 0 then " + transactionSQL + " operator(pg_catalog.-) m.mark::pg_catalog.int8 end" +
	" from (select pg_catalog.current_setting('migrator.transaction', true)) m (mark)"
