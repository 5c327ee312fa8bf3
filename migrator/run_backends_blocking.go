package migrator

import (
	"context"
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
)

// findBlockers returns who blocks a session: other sessions, and prepared transactions, which have no session.
func findBlockers(ctx context.Context, s *pgsession.Session, waiting uint32) ([]Backend, error) {
	backends, err := describeBackends(ctx, s, fmt.Sprintf("select distinct pg_catalog.unnest(pg_catalog.pg_blocking_pids(%d)) as pid", waiting))
	if err != nil {
		return nil, err
	}
	prepared, err := preparedTransactions(ctx, s, fmt.Sprintf(`
select h.virtualtransaction from pg_catalog.pg_locks w
join pg_catalog.pg_locks h on %s operator(pg_catalog.=) %s
where w.pid operator(pg_catalog.=) %d and not w.granted and h.pid is null and h.granted
	and 0 operator(pg_catalog.=) any (pg_catalog.pg_blocking_pids(%[3]d))`, lockedObject("w"), lockedObject("h"), waiting))
	return append(backends, prepared...), err
}

// lockedObject returns an SQL expression for the object that a row of pg_locks is about.
func lockedObject(lock string) string {
	return fmt.Sprintf("pg_catalog.json_build_array(%[1]s.locktype, %[1]s.database, %[1]s.relation, %[1]s.page, %[1]s.tuple, %[1]s.virtualxid, %[1]s.transactionid, %[1]s.classid, %[1]s.objid, %[1]s.objsubid)::pg_catalog.text", lock)
}

// preparedTransactions describes the prepared transactions whose virtual transactions a query returns.
func preparedTransactions(ctx context.Context, s *pgsession.Session, holders string) ([]Backend, error) {
	rows, err := s.Rows(ctx, fmt.Sprintf(`
select p.gid, p.owner, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() operator(pg_catalog.-) p.prepared)
from pg_catalog.pg_prepared_xacts p
join pg_catalog.pg_locks x on x.transactionid operator(pg_catalog.=) p.transaction and x.pid is null and x.granted
where x.virtualtransaction operator(pg_catalog.=) any (%s)
order by p.prepared`, holders))
	if err != nil {
		return nil, err
	}
	backends := make([]Backend, len(rows))
	for i, row := range rows {
		backends[i] = Backend{Prepared: row[0], User: row[1], Age: seconds(row[2])}
	}
	return backends, nil
}
