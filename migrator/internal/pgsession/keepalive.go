package pgsession

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// keepingAlive returns a dialer whose TCP connections notice that the peer has vanished. Idle connections notice it by
// keepalives, and connections with unacknowledged data by a timeout of the same length.
func keepingAlive(dial pgconn.DialFunc, keepalive net.KeepAliveConfig) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil && keepalive.Enable { // not a Unix socket or a tunnel of the caller
			_ = tcp.SetKeepAliveConfig(keepalive)
			setUserTimeout(tcp, keepalive.Idle+time.Duration(keepalive.Count)*keepalive.Interval)
		}
		return conn, err
	}
}
