package migrator

import (
	"context"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// pause lasts until a step is tried again. By then there is a watch, if there is one to be had: a short limit is over before
// a slow connection is made, and who is in the way is to be named.
func (r *run) pause(ctx context.Context, move *Move, d time.Duration) error {
	began := time.Now()
	if !r.pooled() {
		r.showPausing(ctx, move)
	}
	if r.watcher == nil && !r.pooled() {
		dialling, cancel := context.WithTimeout(ctx, d)
		r.watcher, _ = r.dialWatcher(dialling)
		cancel()
	}
	return sleep(ctx, d-time.Since(began))
}

// showPausing lets others see, while nothing runs, of which file the session is that holds the run lock. What is sent next names
// itself.
func (r *run) showPausing(ctx context.Context, move *Move) {
	if move != nil {
		name := script.Writer{RunID: r.id}.Name(string(move.Migration.Version))
		_, _ = r.worker.Send(ctx, name.Session(), nil) // a connection that is lost is noticed by what is sent next
	}
}
