package migrator

import (
	"context"
	"fmt"
	"time"
)

// This file finds out how long the worker has waited for locks, and which of these waits hold up others.

// blockingModes are the lock modes of a relation that keep others from reading or writing it.
const blockingModes = "'{ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::pg_catalog.text[]"

// An observation is what the worker does at one moment.
type observation struct {
	application string        // the application_name, which names the file
	wait        string        // when its wait for a lock began, which identifies the wait; "": it does not wait
	waited      time.Duration // how long it has waited for that lock
	transaction string        // the virtual transaction that waits
	blocks      bool          // others queue behind a lock that it holds or waits for
}

// observationSQL asks what a worker does. Whatever it waits for, others queue only behind a lock that keeps readers or writers
// away. A relation that its own transaction has created does not count, because nobody else sees it.
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

func (w *watch) look(ctx context.Context) (observation, error) {
	rows, err := w.session.Rows(ctx, observationSQL(w.worker))
	if err != nil || len(rows) == 0 {
		return observation{}, err
	}
	row := rows[0]
	return observation{application: row[0], wait: row[1], waited: seconds(row[2]), transaction: row[3], blocks: row[4] == "t"}, nil
}

// lockWaits are the waits of a step that the watch has seen.
type lockWaits struct {
	past, current time.Duration // the sum of the past waits that hold up others, and the current one
	since         string        // observation.wait of the current wait
	transaction   string        // the transaction of these waits: when it ends, all who queue continue
	reported      string        // observation.wait of the wait that was last reported
	reportedAt    time.Time
}

// note adds an observation to the sum of the waits that hold up others.
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

// elapsed is how long the step has waited, for people.
func (s *lockWaits) elapsed(now observation) time.Duration { return max(s.sum(), now.waited) }

// nameAgain is the pause between reports of two waits: a statement may wait for many rows, one by one.
const nameAgain = 200 * time.Millisecond

// due reports whether to report who is in the way. A wait that holds up nobody is reported only if it lasts.
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

// quietFor is how long a wait that holds up nobody stays unreported. It is shorter than the limit, at which PostgreSQL ends the
// wait.
func (s watchedStep) quietFor() time.Duration {
	if s.limit > 0 {
		return min(nameEvery, s.limit/2)
	}
	return nameEvery
}
