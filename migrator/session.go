package migrator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

const (
	// connectTimeout bounds one attempt at one address, where the connection string sets no connect_timeout.
	connectTimeout = 10 * time.Second
	// cancelGrace is how long a cancelled statement may take to end before its connection is given up.
	cancelGrace = 5 * time.Second
)

// A session is one of the migrator's own connections.
type session struct {
	pg          *pgconn.PgConn
	cancels     *ctxwatch.ContextWatcher   // ends the wait for an answer with its context
	onNotice    func(*pgconn.Notice)       // set while something is sent whose notices matter
	knock       func(context.Context) bool // whether the server answers
	prepared    map[string]bool            // the statements that are prepared in it
	used        bool                       // a message of several files was made ready for it
	silentAfter time.Duration
}

// dial opens a connection. Cancelling the context of a statement on a worker cancels it on the server; otherwise a
// message that ends in a commit would go on and commit after we are gone.
func (m *Migrator) dial(ctx context.Context, runID, role string, worker bool) (*session, error) {
	s := &session{silentAfter: m.silentAfter}
	config := m.config(runID, role)
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if s.onNotice != nil {
			s.onNotice(notice)
		}
	}
	if m.options.BeforeConnect != nil {
		if err := m.options.BeforeConnect(ctx, config); err != nil {
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
	s.pg, s.knock = pg, knocker(config, pg)
	var cancel ctxwatch.Handler = &pgconn.DeadlineContextWatcherHandler{Conn: pg.Conn()}
	if worker {
		cancel = &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelGrace}
	}
	s.cancels = ctxwatch.NewContextWatcher(cancel)
	return s, nil
}

// config is the caller's, with what all of our connections have in common.
func (m *Migrator) config(runID, role string) *pgx.ConnConfig {
	config := m.conn.Copy()
	config.RuntimeParams["application_name"] = applicationName(runID, role)
	config.RuntimeParams["client_encoding"] = "UTF8" // what files are; the database's own may be another
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.DialFunc = keepingAlive(config.DialFunc)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		// Severity is in the server's language, and all that a pooler has. Who waited for more would miss what it says.
		return cmp.Or(err.SeverityUnlocalized, err.Severity) != "FATAL"
	}
	if severalHosts(&config.Config) && config.ValidateConnect == nil {
		config.ValidateConnect = refuseStandby
	}
	return config
}

func severalHosts(config *pgconn.Config) bool {
	for _, fallback := range config.Fallbacks { // the same host twice is TLS and then none
		if fallback.Host != config.Host || fallback.Port != config.Port {
			return true
		}
	}
	return false
}

// refuseStandby makes a connection string with several hosts lead to the one that can be written to. Servers before 14
// do not tell at connecting, and neither do poolers.
func refuseStandby(_ context.Context, pg *pgconn.PgConn) error {
	if pg.ParameterStatus("in_hot_standby") == "on" {
		return errors.New("is a standby")
	}
	return nil
}

// liftLimits holds for the message that it begins: a role's limits are meant for its application, and what is read may be
// locked for a while.
func (s *session) liftLimits() string {
	return liftLimits(s.pg.ParameterStatus("server_version"))
}

func liftLimits(version string) string {
	lift := "set local statement_timeout = 0;\nset local lock_timeout = 0;\n"
	var major int
	_, _ = fmt.Sscanf(version, "%d", &major) // 17.10 (Debian 17.10-1), 18beta1
	if major >= 17 {
		lift += "set local transaction_timeout = 0;\n"
	}
	return lift
}

// readHistory reads the history, and what is unfinished. Where a run has ended its last file in between, and has taken the
// table of unfinished files away, both are read again.
func (s *session) readHistory(ctx context.Context, t table, files []Migration) (*history, error) {
	for tries := 1; ; tries++ {
		h, err := s.readRecords(ctx, t)
		if err != nil {
			return nil, err
		}
		if err = s.readNextProgress(ctx, h); err == nil {
			if err := h.follow(files); err != nil {
				return nil, err
			}
			err = s.readProgress(ctx, h)
		}
		var pg *pgconn.PgError
		if err == nil || !errors.As(err, &pg) || pg.Code != "42P01" || tries == 10 {
			return h, err
		}
	}
}

// readRecords is one round trip, or two where the table's name means another one on the search_path.
func (s *session) readRecords(ctx context.Context, t table) (*history, error) {
	read := &historyReader{}
	_, err := s.exec(ctx, s.liftLimits()+historyQuery(t), read.read)
	var pg *pgconn.PgError
	if err != nil && (read.server.PID == 0 || !errors.As(err, &pg) || !aboutTable(pg.Code)) {
		return nil, fmt.Errorf("read history %s: %w", t, err)
	}
	h, needed, judged := newHistory(t, read)
	switch {
	case err != nil && h != nil && h.exists:
		return nil, fmt.Errorf("read history %s: %w%s", h.table, err, h.server.missingGrant(err, h.server.Resolved))
	case judged != nil:
		return nil, judged
	case needed != "":
		read.records = nil
		if _, err := s.exec(ctx, s.liftLimits()+needed, read.read); err != nil {
			return nil, fmt.Errorf("read history %s: %w%s", h.table, err, h.server.missingGrant(err, h.server.find(h.table).OID))
		}
		h.fill(read.records)
	}
	h.server.Pooled = s.pg.PID() != h.server.PID
	return h, nil
}

// aboutTable reports whether an error of the rows may be one of what their table is: none, a view, of other columns.
func aboutTable(code string) bool {
	return strings.HasPrefix(code, "42") || code == "0A000" // feature not supported: of views
}

// lost reports whether the connection can no longer be used.
func (s *session) lost() bool { return s.pg.IsClosed() }

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pg.Close(ctx) // sends Terminate; what it reports is of no use any more
}
