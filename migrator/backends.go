package migrator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// holders names the sessions of other runs that hold the run lock.
func (s *session) holders(ctx context.Context, t table, runID string) ([]Backend, error) {
	return s.backends(ctx, fmt.Sprintf("select a.pid from pg_catalog.pg_stat_activity a where a.application_name not like %s and a.pid in (%s)",
		literal(applicationName(runID, "%")), pidsThatHold(t.lockKey())))
}

// workers names the sessions of other runs that work on a file, or whose run does.
func (s *session) workers(ctx context.Context, t table, runID string, v Version) ([]Backend, error) {
	name := strings.NewReplacer(`\`, `\\`, "%", `\%`).Replace(applicationName(strings.Repeat("_", len(runID)), string(v)))
	return s.backends(ctx, fmt.Sprintf(`
select a.pid from pg_catalog.pg_stat_activity a
where a.application_name not like %s and ((a.state <> 'idle' and a.application_name like %s) or a.pid in (%s))
order by a.application_name`, literal(applicationName(runID, "%")), literal(name), pidsThatHold(t.guardKey())))
}

// pidsThatHold is a query for those that hold an advisory lock alone.
func pidsThatHold(key int64) string {
	return fmt.Sprintf(`select l.pid from pg_catalog.pg_locks l
	where l.locktype = 'advisory' and l.granted and l.mode = 'ExclusiveLock' and l.objsubid = 1
		and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
		and (l.classid::pg_catalog.int8 << 32 | l.objid::pg_catalog.int8) = %d`, key)
}

// backends describes the sessions whose pids a query yields, in its order.
func (s *session) backends(ctx context.Context, pids string) ([]Backend, error) {
	rows, err := s.rows(ctx, fmt.Sprintf(`
select a.pid, a.application_name, a.usename, pg_catalog.host(a.client_addr), a.state,
	case when a.application_name not like 'migrator %%' then pg_catalog.left(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 200) end,
	pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)
from (select pid, pg_catalog.row_number() over () as place from (%s) q) p
join pg_catalog.pg_stat_activity a using (pid)
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

// seconds is a time that has passed by the server's clock, which may have been set back meanwhile.
func seconds(text string) time.Duration {
	s, _ := strconv.ParseFloat(text, 64)
	return max(0, time.Duration(s*float64(time.Second)))
}
