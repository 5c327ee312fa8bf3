package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// errUnreadable hides why, since anybody can read the answer.
var errUnreadable = errors.New("the database cannot be read; see the log")

// A history is read once for all requests that come while it is read, and for a while afterwards, also where that failed: any
// number of requests makes one connection in that time.
type history struct {
	limits limits
	read   func() ([]byte, error)

	mu   sync.Mutex
	last *reading
}

// A reading has its result when done is closed.
type reading struct {
	began   time.Time
	done    chan struct{}
	endedAt time.Time
	body    []byte
	err     error
}

func newHistory(ctx context.Context, log *slog.Logger, limits limits, read func(context.Context) ([]migrator.Status, error)) *history {
	tooLong := fmt.Errorf("the history could not be read within %s: it is locked, or the database is slow", limits.read)
	return &history{limits: limits, read: func() ([]byte, error) {
		limited, cancel := context.WithTimeoutCause(ctx, limits.read, tooLong)
		defer cancel()
		statuses, err := read(limited)
		if err == nil {
			body, err := json.Marshal(map[string]any{"migrations": statuses})
			return append(body, '\n'), err
		}
		if ctx.Err() == nil { // otherwise it is the end of the process
			log.Error("Read the status of migrations", "error", err)
		}
		if errors.Is(context.Cause(limited), tooLong) {
			return nil, tooLong
		}
		return nil, errUnreadable
	}}
}

// answer waits for a reading, but not for long: where the history is locked, requests must not pile up.
func (h *history) answer(ctx context.Context) ([]byte, error) {
	r := h.current()
	patience := time.NewTimer(h.limits.patience - time.Since(r.began))
	defer patience.Stop()
	if !r.ended() {
		select {
		case <-r.done:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	if r.ended() {
		return r.body, r.err
	}
	return nil, fmt.Errorf("the history has been read for %s without an answer: it is locked, or the database is slow", time.Since(r.began).Round(100*time.Millisecond))
}

// wait returns when nothing is read any more.
func (h *history) wait() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil {
		<-h.last.done
	}
}

// current is the reading that is going on, or the last one, or a new one where that is too old.
func (h *history) current() *reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.last; r == nil || (r.ended() && time.Since(r.endedAt) > h.limits.keep) {
		h.last = &reading{began: time.Now(), done: make(chan struct{})}
		go h.last.fill(h.read)
	}
	return h.last
}

func (r *reading) fill(read func() ([]byte, error)) {
	defer close(r.done)
	r.body, r.err = read()
	r.endedAt = time.Now()
}

func (r *reading) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}
