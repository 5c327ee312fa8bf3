package migrator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// lockHolders returns who holds the run lock in any mode: other sessions, or else prepared transactions. A run that only asks
// whether the lock is free holds it for a moment too, shared. It is left out unless it has held the lock for two seconds.
func lockHolders(ctx context.Context, s *pgsession.Session, t history.Table, runID string) ([]Backend, error) {
	asks := "l.mode operator(pg_catalog.=) 'ShareLock' and a.application_name operator(pg_catalog.~~) 'migrator %'" +
		" and coalesce(pg_catalog.clock_timestamp() operator(pg_catalog.-) a.state_change operator(pg_catalog.<) pg_catalog.make_interval(secs => 2), true)"
	backends, err := describeBackends(ctx, s, fmt.Sprintf(`
select distinct a.pid from pg_catalog.pg_stat_activity a
join (%s) l on l.pid operator(pg_catalog.=) a.pid
where coalesce(a.application_name, '') operator(pg_catalog.!~~) %s and not coalesce(%s, false)`,
		advisoryLocks(t.LockKey()), sqltext.Literal(script.ApplicationName(runID, "%")), asks))
	if err != nil || len(backends) > 0 {
		return backends, err
	}
	return preparedTransactions(ctx, s, fmt.Sprintf("select l.virtualtransaction from (%s) l where l.pid is null", advisoryLocks(t.LockKey())))
}

// findWorkers returns the sessions of other runs that are working on a file, and those that hold the guard lock.
func findWorkers(ctx context.Context, s *pgsession.Session, t history.Table, runID string, v Version) ([]Backend, error) {
	name := strings.NewReplacer(`\`, `\\`, "%", `\%`).Replace(script.ApplicationName(strings.Repeat("_", len(runID)), string(v)))
	return describeBackends(ctx, s, fmt.Sprintf(`
select a.pid from pg_catalog.pg_stat_activity a
where a.application_name operator(pg_catalog.!~~) %s and ((a.state operator(pg_catalog.<>) 'idle' and a.application_name operator(pg_catalog.~~) %s)
	or a.pid operator(pg_catalog.=) any (select l.pid from (%s) l where l.mode operator(pg_catalog.=) 'ExclusiveLock'))
order by a.application_name`, sqltext.Literal(script.ApplicationName(runID, "%")), sqltext.Literal(name), advisoryLocks(t.GuardKey())))
}

// advisoryLocks returns a query for the locks that are held on a key.
func advisoryLocks(key int64) string {
	return fmt.Sprintf(`select l.pid, l.mode, l.virtualtransaction from pg_catalog.pg_locks l
	where l.locktype operator(pg_catalog.=) 'advisory' and l.granted and l.objsubid operator(pg_catalog.=) 1
		and l.database operator(pg_catalog.=) (select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database())
		and ((l.classid::pg_catalog.int8 operator(pg_catalog.<<) 32) operator(pg_catalog.|) l.objid::pg_catalog.int8) operator(pg_catalog.=) %d`, key)
}

// describeBackends describes the sessions whose pids a query returns, in the order of the query.
func describeBackends(ctx context.Context, s *pgsession.Session, pids string) ([]Backend, error) {
	rows, err := s.Rows(ctx, fmt.Sprintf(`
select a.pid, a.application_name, a.usename, pg_catalog.host(a.client_addr), a.state,
	case when a.application_name operator(pg_catalog.!~~) 'migrator %%' then pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 200) end,
	pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() operator(pg_catalog.-) coalesce(a.xact_start, a.state_change))
from (select pid, pg_catalog.row_number() over () as place from (%s) q) p
join pg_catalog.pg_stat_activity a on a.pid operator(pg_catalog.=) p.pid
order by p.place`, pids))
	if err != nil {
		return nil, err
	}
	backends := make([]Backend, len(rows))
	for i, row := range rows {
		pid, _ := strconv.ParseUint(row[0], 10, 32)
		backends[i] = Backend{
			PID: uint32(pid), Application: row[1], User: row[2], Client: row[3], State: row[4], Query: row[5], Age: seconds(row[6]),
		}
	}
	return backends, nil
}

// seconds parses a duration by the server's clock. It is never negative, although that clock may have been set back meanwhile.
func seconds(text string) time.Duration {
	s, _ := strconv.ParseFloat(text, 64)
	return max(0, time.Duration(s*float64(time.Second)))
}
