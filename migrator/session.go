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
	pg       *pgconn.PgConn
	onNotice func(*pgconn.Notice) // set while something is sent whose notices matter
}

// dial opens a connection. Cancelling the context of a statement on a worker cancels it on the server; otherwise a
// message that ends in a commit would go on and commit after we are gone.
func (m *Migrator) dial(ctx context.Context, runID, role string, worker bool) (*session, error) {
	s := &session{}
	config := m.config(runID, role)
	config.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		if s.onNotice != nil {
			s.onNotice(notice)
		}
	}
	if worker {
		config.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelGrace}
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
	s.pg = pg
	return s, err
}

// config is the caller's, with what all of our connections have in common.
func (m *Migrator) config(runID, role string) *pgx.ConnConfig {
	config := m.conn.Copy()
	config.RuntimeParams["application_name"] = applicationName(runID, role)
	config.RuntimeParams["client_encoding"] = "UTF8" // what files are; the database's own may be another
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		return err.SeverityUnlocalized != "FATAL" // Severity is in the server's language
	}
	if severalHosts(config) && config.ValidateConnect == nil {
		config.ValidateConnect = refuseStandby
	}
	return config
}

func severalHosts(config *pgx.ConnConfig) bool {
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

// exec sends sql as one message and hands each result to read, which may be nil.
func (s *session) exec(ctx context.Context, sql string, read func(*pgconn.ResultReader) error) (answered int, err error) {
	results := s.pg.Exec(ctx, sql)
	var failed error
	for results.NextResult() {
		result := results.ResultReader()
		if read != nil && failed == nil {
			failed = read(result)
		}
		if _, err := result.Close(); err == nil {
			answered++
		}
	}
	err = results.Close()
	return answered, cmp.Or(failed, err)
}

// rows sends one query and returns its rows as text.
func (s *session) rows(ctx context.Context, sql string) (rows [][]string, err error) {
	_, err = s.exec(ctx, sql, func(result *pgconn.ResultReader) error {
		for result.NextRow() {
			row := make([]string, 0, 8)
			for _, value := range result.Values() {
				row = append(row, string(value))
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}

// readHistory is one round trip, or two where the table's name means another one on the search_path.
func (s *session) readHistory(ctx context.Context, t table) (*history, error) {
	read := &historyReader{}
	_, err := s.exec(ctx, historyQuery(t), read.read)
	var pg *pgconn.PgError
	if err != nil && (read.server.PID == 0 || !errors.As(err, &pg) || !strings.HasPrefix(pg.Code, "42") || pg.Code == "42501") {
		return nil, fmt.Errorf("read history %s: %w", t, err)
	}
	h, needed, judged := newHistory(t, read)
	switch {
	case judged != nil:
		return nil, judged
	case needed != "":
		read.records = nil
		if _, err := s.exec(ctx, needed, read.read); err != nil {
			return nil, fmt.Errorf("read history %s: %w", h.table, err)
		}
		h.fill(read.records)
		if err := h.server.judgeOthers(t, h); err != nil {
			return nil, err
		}
	case err != nil && h.exists:
		return nil, fmt.Errorf("read history %s: %w", h.table, err)
	}
	return h, nil
}

// lost reports whether the connection can no longer be used.
func (s *session) lost() bool { return s.pg.IsClosed() }

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pg.Close(ctx) // sends Terminate; what it reports is of no use any more
}
