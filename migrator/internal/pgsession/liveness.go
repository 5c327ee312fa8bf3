package pgsession

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SilentAfter is how long an answer may take before the session asks, on a new connection, whether the server is still there. It
// asks again after the same time. A statement may take hours, so a long wait alone proves nothing.
const SilentAfter = 30 * time.Second

// listen watches over the wait for an answer. If the server is silent, it closes the connection, which ends the wait. end
// returns the reason, or nil.
func (s *Session) listen() (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	found := make(chan error, 1)
	timer := time.AfterFunc(s.silentAfter, func() { found <- s.untilSilent(ctx) })
	return func() error {
		cancel()
		if timer.Stop() {
			return nil
		}
		return <-found
	}
}

// untilSilent asks until two questions in a row get no answer, or the context ends.
func (s *Session) untilSilent(ctx context.Context) error {
	unanswered, began := 0, time.Now().Add(-s.silentAfter)
	for ctx.Err() == nil {
		if s.answers(ctx) {
			unanswered = 0
			select {
			case <-ctx.Done():
			case <-time.After(s.silentAfter):
			}
			continue
		}
		if unanswered++; unanswered == 2 && ctx.Err() == nil {
			_ = s.pg.Conn().Close()
			return fmt.Errorf("the server has been silent for %s, on new connections too", time.Since(began).Round(time.Second))
		}
	}
	return nil
}

// encryptionRequest asks for encryption by GSSAPI. Everything that speaks PostgreSQL's protocol answers it at once. A server
// answers before it knows who asks, even if it has no connections left, and logs nothing. A pooler answers by itself. A request
// for TLS would be logged.
var encryptionRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30}

// prober returns a function that asks at the address of a connection, and reports whether anything came back. A refusal counts
// as an answer: keepingAlive finds out if TCP is dead.
func prober(config *pgx.ConnConfig, pg *pgconn.PgConn) func(context.Context) bool {
	network, address := pg.Conn().RemoteAddr().Network(), pg.Conn().RemoteAddr().String()
	if network == "unix" { // the remote address is what the server calls it, so take the configured path
		network, address = pgconn.NetworkAddress(config.Host, config.Port)
	}
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
		defer cancel()
		conn, err := config.DialFunc(ctx, network, address)
		if err != nil {
			var timeout net.Error
			return ctx.Err() == nil && (!errors.As(err, &timeout) || !timeout.Timeout())
		}
		defer func() { _ = conn.Close() }()
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		if _, err = conn.Write(encryptionRequest); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		return !errors.Is(err, os.ErrDeadlineExceeded)
	}
}
