package migrator

import (
	"context"
	"fmt"
	"time"
)

// How long the worker has waited for locks, and which of these waits hold up others.

// blockingModes are those of a relation's lock that keep others from reading or writing it.
const blockingModes = "'{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::pg_catalog.text[]"

// A observation is what the worker does at one moment.
type observation struct {
	application string        // by its name
	wait        string        // since when it waits for a lock, as an identity of that wait; "" when it waits for none
	waited      time.Duration // for that lock
	transaction string        // in which it waits
	blocks      bool          // others queue behind a lock that it holds or waits for
}

// observationSQL asks what a worker does. Whatever it waits for, others queue only behind a lock that keeps readers or writers away, and
// that is not on a relation of its own transaction, which nobody else sees.
func observationSQL(worker uint32) string {
	return fmt.Sprintf(`
with locks as materialized (
	select l.locktype, l.relation, l.mode, l.granted, l.virtualtransaction, l.waitstart
	from pg_catalog.pg_locks l where l.pid operator(pg_catalog.=) %[1]d
)
select a.application_name, l.waitstart, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() operator(pg_catalog.-) l.waitstart),
	l.virtualtransaction, exists (
		select from locks b where b.mode operator(pg_catalog.=) any (%[2]s) and (b.locktype operator(pg_catalog.=) 'object'
			or b.locktype operator(pg_catalog.=) 'relation' and exists (select from pg_catalog.pg_class c where c.oid operator(pg_catalog.=) b.relation)))
from pg_catalog.pg_stat_activity a
left join locks l on not l.granted and l.waitstart is not null
where a.pid operator(pg_catalog.=) %[1]d
limit 1`, worker, blockingModes)
}

// look looks at the worker.
func (w *watch) look(ctx context.Context) (observation, error) {
	rows, err := w.session.Rows(ctx, observationSQL(w.worker))
	if err != nil || len(rows) == 0 {
		return observation{}, err
	}
	row := rows[0]
	return observation{application: row[0], wait: row[1], waited: seconds(row[2]), transaction: row[3], blocks: row[4] == "t"}, nil
}

// lockWaits are those of a subject that were seen.
type lockWaits struct {
	past, current time.Duration // of those that count and are over, of the one that is not
	since         string        // which that is
	transaction   string        // in which they were: its end lets all who queue go on
	reported      string        // the one that was reported
	reportedAt    time.Time
}

// note adds what was seen to the sum of the waits that hold up others.
func (s *lockWaits) note(now observation) {
	if now.wait != s.since {
		s.past, s.current, s.since = s.past+s.current, 0, now.wait
	}
	if now.wait == "" {
		return
	}
	if now.transaction != s.transaction {
		s.past, s.transaction = 0, now.transaction
	}
	if now.blocks {
		s.current = now.waited
	}
}

func (s *lockWaits) sum() time.Duration { return s.past + s.current }

// elapsed is how long there was a wait, for a person.
func (s *lockWaits) elapsed(now observation) time.Duration { return max(s.sum(), now.waited) }

// nameAgain is how soon after one wait another one is named: rows may be waited for one by one.
const nameAgain = 200 * time.Millisecond

// due reports whether to say who is in the way. Of a wait that is in nobody's way that is said when it lasts.
func (s *lockWaits) due(of watchedStep, now observation) bool {
	since := time.Since(s.reportedAt)
	switch {
	case now.wait == s.reported:
		return since >= nameEvery
	case since < nameAgain:
		return false
	case now.blocks || of.patient:
		return true
	}
	return now.waited >= of.quietFor()
}

// quietFor is how long a wait deserves no word; PostgreSQL ends each one at the limit.
func (s watchedStep) quietFor() time.Duration {
	if s.limit > 0 {
		return min(nameEvery, s.limit/2)
	}
	return nameEvery
}
