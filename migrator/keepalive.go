package migrator

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A peer that vanishes without a word, as a host that loses its power or a network that drops every packet, is given up
// after peerTimeout: by us, and by the server, which is told the same for our transactions. TCP by itself would take a
// quarter of an hour where something is unanswered, and the server two hours where nothing is. What is shorter than
// this, as a virtual machine that is moved, is survived.
const (
	keepaliveIdle     = 15 * time.Second
	keepaliveInterval = 10 * time.Second
	keepaliveCount    = 3
	peerTimeout       = keepaliveIdle + keepaliveCount*keepaliveInterval
)

// keepingAlive returns a dialer whose TCP connections notice a peer that has vanished.
func keepingAlive(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil { // else a Unix socket, or a tunnel of the caller's
			_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepaliveIdle, Interval: keepaliveInterval, Count: keepaliveCount})
			setUserTimeout(tcp, peerTimeout)
		}
		return conn, err
	}
}
