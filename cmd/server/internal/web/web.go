// Package web is the server's HTTP side: it tells anybody who asks what the process is doing, and the state of each migration.
// It goes on answering under load and attack: each wait, each answer and the number of open connections has a limit.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// A Server answers /healthz, /readyz and /migrations.json.
type Server struct {
	log         *slog.Logger
	limits      limits
	connections *connections
	doing       atomic.Pointer[state]
	history     atomic.Pointer[history]
}

// state is what /readyz answers.
type state struct {
	Ready  bool   `json:"ready"`
	Status string `json:"status"`
}

// limits are those of docs/deploying.md.
type limits struct {
	header, request, idle time.Duration // to receive the headers, the whole request, the next request
	answer                time.Duration // to write an answer
	grace                 time.Duration // to finish answers after the end of the context
	headerBytes           int

	read     time.Duration // to read the history
	patience time.Duration // of a request that waits for it
	keep     time.Duration // what was read, or why it could not be, is what is answered
}

func defaults() limits {
	return limits{
		header: 5 * time.Second, request: 10 * time.Second, idle: 75 * time.Second,
		answer: 30 * time.Second, grace: 10 * time.Second, headerBytes: 16 << 10,
		read: 5 * time.Second, patience: 2 * time.Second, keep: 5 * time.Second,
	}
}

// New returns a Server that is not ready.
func New(log *slog.Logger) *Server {
	s := &Server{log: log, limits: defaults(), connections: newConnections(maxConnections())}
	s.Doing("starting")
	return s
}

// Doing sets what /readyz answers, with a 503. Anybody can read it.
func (s *Server) Doing(status string) { s.doing.Store(&state{Status: status}) }

// Ready makes /readyz answer 200.
func (s *Server) Ready() { s.doing.Store(&state{Ready: true, Status: "ready"}) }

// Status is what the process is doing.
func (s *Server) Status() string { return s.doing.Load().Status }

// Migrations sets what reads the state of the migrations, until the context ends: at most one call of read runs at a time.
func (s *Server) Migrations(ctx context.Context, read func(context.Context) ([]migrator.Status, error)) {
	s.history.Store(newHistory(ctx, s.log, s.limits, read))
}

// Serve answers until the context ends; then it finishes the answers that it has begun. It closes the listener.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: s.limits.header,
		ReadTimeout:       s.limits.request,
		IdleTimeout:       s.limits.idle,
		MaxHeaderBytes:    s.limits.headerBytes,
		ConnState:         s.connections.changed,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), s.limits.grace)
		defer done()
		if server.Shutdown(grace) != nil {
			_ = server.Close() // cuts the answers that are left
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		cancel()
		return err
	}
	<-stopped
	if h := s.history.Load(); h != nil {
		h.wait() // so that the statement is cancelled on the server
	}
	return nil
}
