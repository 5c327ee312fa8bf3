package migrator

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// DETACH PARTITION … CONCURRENTLY first waits for everyone who uses the table. That wait blocks nobody. Then it locks the
// partition against readers and writers. The watch ends that second wait at the limit, and the detachment stays pending. Only
// FINALIZE can end it then. FINALIZE locks the partition first and then waits for everyone who has an older snapshot. So we wait
// for those snapshots before we send it, while we hold no lock.

// finalize ends a pending detachment.
func (n *noTxFile) finalize(ctx context.Context, u *sqlfile.Statement, sql string) error {
	st := &step{Step: n.writer.CleanUp(n.script, u, sql, false), move: n.move}
	number := slices.IndexFunc(n.file.Separate, func(other *sqlfile.Statement) bool { return other.Hash == u.Hash }) + 1
	var tries tries
	for {
		waited, err := n.awaitSnapshots(ctx)
		if err != nil {
			return err
		}
		tries.began = tries.began.Add(waited)
		sent := time.Now()
		failed, seen := n.send(ctx, []*step{st})
		if failed == nil {
			return nil
		}
		failed.blockers = seen.blockers
		result := classify(ctx, script.OpSettle, failed.err, seen.exceeded, n.server)
		wait, again := tries.next(st, failed.err, sent, n.m.options.RetryFor)
		if result != busy || !again {
			return n.uncleared(ctx, failed, sql, result)
		}
		if err := n.abort(ctx); err != nil {
			return n.stopFor(ctx, script.OpFrame, err)
		}
		n.emit(n.event(Event{Kind: EventRetrying, Err: failed.err, Pause: wait, Backends: seen.blockers, Statement: number, Statements: len(n.file.Separate)}, n.move))
		if err := n.pause(ctx, n.move, wait); err != nil {
			return n.settle(ctx, failed, cancelled)
		}
	}
}

// snapshotEvery is how often awaitSnapshots looks. A snapshot that is gone at the next look is not worth waiting for.
const snapshotEvery = 200 * time.Millisecond

// snapshotsSQL returns the transactions whose snapshots FINALIZE would wait for.
const snapshotsSQL = `
select v.virtualtransaction, a.pid
from pg_catalog.pg_stat_activity a
join pg_catalog.pg_locks v on v.pid operator(pg_catalog.=) a.pid and v.virtualxid operator(pg_catalog.=) v.virtualtransaction
where a.datname operator(pg_catalog.=) pg_catalog.current_database() and a.backend_xmin is not null and a.pid operator(pg_catalog.<>) pg_catalog.pg_backend_pid()
	and coalesce(a.backend_type, '') operator(pg_catalog.<>) 'autovacuum worker' and not exists (select from pg_catalog.pg_stat_progress_vacuum p where p.pid operator(pg_catalog.=) a.pid)`

// awaitSnapshots waits until no session keeps a snapshot for long, reports who does, and returns how long it has waited.
func (n *noTxFile) awaitSnapshots(ctx context.Context) (waited time.Duration, err error) {
	began := time.Now()
	var before map[string]bool
	for named := began; ; {
		rows, err := n.worker.Rows(ctx, snapshotsSQL)
		if err != nil {
			return 0, n.stopFor(ctx, script.OpFrame, err)
		}
		kept, seen := []uint32{}, map[string]bool{}
		for _, row := range rows {
			if seen[row[0]] = true; before[row[0]] {
				pid, _ := strconv.ParseUint(row[1], 10, 32)
				kept = append(kept, uint32(pid))
			}
		}
		if len(seen) == 0 || before != nil && len(kept) == 0 {
			return time.Since(began), nil
		}
		if len(kept) > 0 && (named.Equal(began) || time.Since(named) >= nameEvery) {
			named = time.Now()
			if err := n.reportWaitsFor(ctx, kept, time.Since(began)); err != nil {
				return 0, err
			}
		}
		before = seen
		if err := sleep(ctx, snapshotEvery); err != nil {
			return 0, err
		}
	}
}

// reportWaitsFor reports the sessions that a file waits for.
func (n *noTxFile) reportWaitsFor(ctx context.Context, pids []uint32, waited time.Duration) error {
	values := make([]string, len(pids))
	for i, pid := range pids {
		values[i] = "(" + strconv.FormatUint(uint64(pid), 10) + ")"
	}
	backends, err := describeBackends(ctx, n.worker, "select pid from (values "+strings.Join(values, ", ")+") v (pid)")
	if err != nil {
		return n.stopFor(ctx, script.OpFrame, err)
	}
	n.emit(n.event(Event{Kind: EventBlocked, Elapsed: waited, Backends: backends}, n.move))
	return nil
}
