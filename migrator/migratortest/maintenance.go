package migratortest

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maintenance keeps connections for making and dropping databases, since dialling costs about half of what cloning does.
// The zero value is ready.
type maintenance struct {
	mu   sync.Mutex
	idle []*pgx.Conn
}

// keptIdle is enough for the tests that run in parallel, and for the databases that are being dropped meanwhile.
const keptIdle = 8

// exec runs a statement on a connection that is idle, else on a new one.
func (s *server) exec(ctx context.Context, sql string) error {
	conn := s.maintenance.take()
	if conn != nil {
		_, err := conn.Exec(ctx, sql)
		s.maintenance.give(conn)
		var refused *pgconn.PgError
		if err == nil || ctx.Err() != nil || (errors.As(err, &refused) && !conn.IsClosed()) {
			return err
		}
		// It was lost while nobody used it.
	}
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	s.maintenance.give(conn)
	return err
}

func (m *maintenance) take() *pgx.Conn {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle) == 0 {
		return nil
	}
	conn := m.idle[len(m.idle)-1]
	m.idle = m.idle[:len(m.idle)-1]
	return conn
}

func (m *maintenance) give(conn *pgx.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.idle) < keptIdle && !conn.IsClosed() {
		m.idle = append(m.idle, conn)
		return
	}
	_ = conn.Close(context.Background())
}

func (m *maintenance) close() {
	for conn := m.take(); conn != nil; conn = m.take() {
		_ = conn.Close(context.Background())
	}
}
