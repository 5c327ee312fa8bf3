package migrator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// lockRole is what the application_name of the connection that holds the run lock ends in.
const lockRole = "lock"

// A warden is the second connection of a run: it holds the run lock, as an advisory lock of a transaction that it leaves
// open, and looks at what the worker waits for. It touches no table, or a file that drops one would wait for ourselves.
type warden struct {
	*session
	held  bool
	stays bool // the lock is the session's
}

// try takes the lock if it is free. It never waits in the server: a waiter inside pg_advisory_lock holds a snapshot, for
// which a CREATE INDEX CONCURRENTLY of the holder would wait for ever. The transaction is read committed for the same
// reason. same is false when the connection leads to another server than the worker's.
func (w *warden) try(ctx context.Context, s scripter, workerPID uint32) (same bool, err error) {
	rows, err := w.rows(ctx, "begin isolation level read committed;\n"+strings.Join(w.settings(s), ";\n")+fmt.Sprintf(
		";\nselect pg_catalog.pg_try_advisory_xact_lock(%d), exists (select from pg_catalog.pg_stat_activity where pid = %d and application_name like %s)",
		s.table.lockKey(), workerPID, literal(applicationName(s.runID, "%"))))
	if err != nil {
		return false, err
	}
	w.held, same = rows[0][0] == "t", rows[0][1] == "t"
	if !w.held || !same {
		err = w.release(ctx)
	}
	return same, err
}

// settings keep the lock while this process is there.
func (w *warden) settings(s scripter) []string {
	var settings []string
	for _, o := range s.settings("") {
		settings = append(settings, o.sql)
	}
	return settings
}

// stay makes the lock one of the session, and ends the transaction: in it each look at the worker would be a snapshot, for
// whose transaction a CREATE INDEX CONCURRENTLY of the worker waits, and so for ever.
func (w *warden) stay(ctx context.Context, s scripter) error {
	if w.stays {
		return nil
	}
	w.stays = true
	_, err := w.exec(ctx, fmt.Sprintf("%s;\nset idle_session_timeout = 0;\nselect pg_catalog.pg_try_advisory_lock(%d);\ncommit",
		strings.ReplaceAll(strings.Join(w.settings(s), ";\n"), "set local ", "set "), s.table.lockKey()), nil)
	return err
}

// release lets the lock go.
func (w *warden) release(ctx context.Context) error {
	w.held, w.stays = false, false
	_, err := w.exec(ctx, "rollback;\nselect pg_catalog.pg_advisory_unlock_all()", nil)
	return err
}

// holders names the sessions of the other runs that hold one of the two locks: those that work first.
func (s *session) holders(ctx context.Context, t table, runID string) ([]Backend, error) {
	return s.backends(ctx, fmt.Sprintf(`
with holder as (
	select a.pid, pg_catalog.split_part(a.application_name, ' ', 2) as run
	from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a using (pid)
	where l.locktype = 'advisory' and l.granted and l.mode = 'ExclusiveLock' and l.objsubid = 1
		and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
		and (l.classid::pg_catalog.int8 << 32 | l.objid::pg_catalog.int8) in (%d, %d) and a.application_name not like %s
)
select a.pid from pg_catalog.pg_stat_activity a join holder h
	on a.pid = h.pid or (a.application_name like 'migrator %%' and pg_catalog.split_part(a.application_name, ' ', 2) = h.run)
group by a.pid, a.application_name
order by a.application_name like '%% %s'`, t.lockKey(), t.sessionKey(), literal(applicationName(runID, "%")), lockRole))
}

// backends describes the sessions whose pids a query yields, in its order.
func (s *session) backends(ctx context.Context, pids string) ([]Backend, error) {
	// Within a transaction pg_stat_activity stands still, and so does now().
	if _, err := s.exec(ctx, "select pg_catalog.pg_stat_clear_snapshot()", nil); err != nil {
		return nil, err
	}
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

func seconds(text string) time.Duration {
	s, _ := strconv.ParseFloat(text, 64)
	return time.Duration(s * float64(time.Second))
}
