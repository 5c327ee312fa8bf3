package pgsession

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A peer that vanishes without a word, such as a host that loses its power or a network that drops every packet, is given up
// after PeerTimeout: by us, and by the server, which gets the same limits as settings. TCP by itself would take a quarter of an
// hour while something is unanswered, and the server two hours while nothing is. Shorter interruptions, such as a virtual
// machine that is moved, are survived.
const (
	KeepaliveIdle     = 15 * time.Second
	KeepaliveInterval = 10 * time.Second
	keepaliveCount    = 3
	PeerTimeout       = KeepaliveIdle + keepaliveCount*KeepaliveInterval
)

// keepingAlive returns a dialer whose TCP connections notice a peer that has vanished.
func keepingAlive(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok && err == nil { // else a Unix socket, or a tunnel of the caller's
			_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: KeepaliveIdle, Interval: KeepaliveInterval, Count: keepaliveCount})
			setUserTimeout(tcp, PeerTimeout)
		}
		return conn, err
	}
}
