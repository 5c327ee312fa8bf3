// Package pgsession is one connection to PostgreSQL: it dials, sends messages of the simple protocol, and notices when the
// server is gone.
package pgsession

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// CancelGrace is how long a canceled statement may take to end before its connection is closed.
const CancelGrace = 5 * time.Second

// Options configure a session. The zero value of each field is its default.
type Options struct {
	// Name is the application_name of the session. Default: none.
	Name string
	// CancelStatements cancels a statement on the server when the context of its Send ends. Otherwise Send only closes the
	// connection, and the server continues with the statement.
	CancelStatements bool
	// SilentAfter is how long an answer may take before the session asks whether the server is still there. Default: the
	// constant SilentAfter.
	SilentAfter time.Duration
	// Keepalive says when TCP gives up on a server that has vanished. Default: as the dialer of the configuration says.
	Keepalive net.KeepAliveConfig
	// BeforeConnect may change the configuration of the connection. Dial returns its error. Default: none.
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
}

// A Session is one connection. Only one goroutine may use it at a time.
type Session struct {
	// OnNotice receives the server's notices. Default: they are dropped.
	OnNotice func(*pgconn.Notice)

	pg          *pgconn.PgConn
	cancels     *ctxwatch.ContextWatcher   // ends the wait for an answer when its context ends
	answers     func(context.Context) bool // whether the server answers on a new connection
	silentAfter time.Duration
	buffer      []byte // of the last message, for reuse
}

// Dial opens a session. Its errors are those of pgconn, or of BeforeConnect.
func Dial(ctx context.Context, conn *pgx.ConnConfig, options Options) (*Session, error) {
	s := &Session{silentAfter: options.SilentAfter}
	if s.silentAfter == 0 {
		s.silentAfter = SilentAfter
	}
	config := configure(conn, options)
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if s.OnNotice != nil {
			s.OnNotice(notice)
		}
	}
	if options.BeforeConnect != nil {
		if err := options.BeforeConnect(ctx, config); err != nil {
			return nil, fmt.Errorf("before connect: %w", err)
		}
	}
	pg, err := pgconn.ConnectConfig(ctx, &config.Config)
	if err == nil && pg.ParameterStatus("standard_conforming_strings") == "off" {
		// Our lexer assumes that standard_conforming_strings is on. It must be the session's default: the server parses a whole
		// message before it runs any of it, and RESET ALL follows each file.
		_ = pg.Close(ctx)
		config.RuntimeParams["standard_conforming_strings"] = "on"
		pg, err = pgconn.ConnectConfig(ctx, &config.Config)
	}
	if err != nil {
		return nil, indented(err)
	}
	s.pg, s.answers = pg, prober(config, pg)
	var cancel ctxwatch.Handler = &pgconn.DeadlineContextWatcherHandler{Conn: pg.Conn()}
	if options.CancelStatements {
		cancel = &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: CancelGrace}
	}
	s.cancels = ctxwatch.NewContextWatcher(cancel)
	return s, nil
}

// PID returns the ID of the server process that greeted us. Behind a pooler another process may answer.
func (s *Session) PID() uint32 { return s.pg.PID() }

// CountsBytes reports whether positions in the server's errors count bytes. They do with SQL_ASCII, which has no characters.
func (s *Session) CountsBytes() bool { return s.pg.ParameterStatus("server_encoding") == "SQL_ASCII" }

// LiftLimits returns SQL that lifts the role's timeouts for the rest of its message. They are meant for an application, but a
// lock on what we read may last a while.
func (s *Session) LiftLimits() string { return liftLimits(s.pg.ParameterStatus("server_version")) }

func liftLimits(version string) string {
	lift := "set local statement_timeout = 0;\nset local lock_timeout = 0;\n"
	var major int
	_, _ = fmt.Sscanf(version, "%d", &major) // 17.10 (Debian 17.10-1), 18beta1
	if major >= 17 {
		lift += "set local transaction_timeout = 0;\n"
	}
	return lift
}

// Lost reports whether the connection can no longer be used.
func (s *Session) Lost() bool { return s.pg.IsClosed() }

// Close ends the session. It takes a second at most.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pg.Close(ctx) // sends Terminate; its error does not matter any more
}

// refuseStandby makes a connection string with several hosts lead to the primary. Servers before 14, and poolers, do not say at
// the start of a connection that they are a standby.
func refuseStandby(_ context.Context, pg *pgconn.PgConn) error {
	if pg.ParameterStatus("in_hot_standby") == "on" {
		return errors.New("is a standby")
	}
	return nil
}
