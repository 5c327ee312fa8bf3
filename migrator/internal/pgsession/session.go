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

// CancelGrace is how long a cancelled statement may take to end before its connection is closed.
const CancelGrace = 5 * time.Second

// Options say how a session is opened. The zero value of each field is its default.
type Options struct {
	// Name is the session's application_name.
	Name string
	// CancelStatements cancels a statement on the server when the context of its Send ends. Without it the connection is closed,
	// and the server goes on with the statement.
	CancelStatements bool
	// SilentAfter is how long an answer may take before the server is asked whether it is still there. Default: SilentAfter.
	SilentAfter time.Duration
	// Keepalive says when TCP gives up a server that has vanished. Default: as the dialer of the configuration says.
	Keepalive net.KeepAliveConfig
	// BeforeConnect may change the configuration of the connection.
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
}

// A Session is one connection. It is used by one goroutine at a time.
type Session struct {
	// OnNotice gets the notices of the server, of all that is sent. Default: they are dropped.
	OnNotice func(*pgconn.Notice)

	pg          *pgconn.PgConn
	cancels     *ctxwatch.ContextWatcher   // ends the wait for an answer with its context
	answers     func(context.Context) bool // whether the server answers on a new connection
	silentAfter time.Duration
	buffer      []byte // of the last message, to be used again
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
		// Files are read as the standard says. It has to be the session's own default: the server reads a whole message
		// before it runs any of it, and each file is followed by RESET ALL.
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

// PID is the process that has greeted us. Behind a pooler another one may answer.
func (s *Session) PID() uint32 { return s.pg.PID() }

// CountsBytes reports whether the server's positions are bytes: its encoding has no characters.
func (s *Session) CountsBytes() bool { return s.pg.ParameterStatus("server_encoding") == "SQL_ASCII" }

// LiftLimits is SQL that lifts the timeouts of the role, for the message that it begins: they are meant for an application,
// and what is read may be locked for a while.
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

// Close ends the session. It waits a second at most.
func (s *Session) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pg.Close(ctx) // sends Terminate; what it reports is of no use any more
}

// refuseStandby makes a connection string with several hosts lead to the one that can be written to. Servers before 14
// do not say at connecting that they are a standby, and neither do poolers.
func refuseStandby(_ context.Context, pg *pgconn.PgConn) error {
	if pg.ParameterStatus("in_hot_standby") == "on" {
		return errors.New("is a standby")
	}
	return nil
}
