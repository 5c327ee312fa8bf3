package web

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestManyConnectionsThatWaitAreInNoHealthChecksWay opens more of them than are let in.
func TestManyConnectionsThatWaitAreInNoHealthChecksWay(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"silent":        "",
		"half a header": "GET /healthz HTTP/1.1\r\nHost: te",
		"kept alive":    "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n",
		"not reading":   strings.Repeat(askMigrations, 2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, address := serve(t, func(s *Server) {
				s.connections.limit = 10
				s.limits.header, s.limits.idle, s.limits.answer, s.limits.keep = time.Hour, time.Hour, time.Hour, time.Hour
				s.limits.grace = time.Millisecond
			}, large)
			require.Equal(t, http.StatusOK, get(address, "/migrations.json").code)
			for range 25 {
				asked(t, address, request)
			}
			require.LessOrEqual(t, s.connections.count(), 10)
			for range 3 {
				a := get(address, "/healthz")
				require.NoError(t, a.err)
				require.Equal(t, http.StatusOK, a.code)
			}
		})
	}
}

func TestTheConnectionThatHasWaitedLongestMakesRoom(t *testing.T) {
	t.Parallel()
	conns := map[string]*closing{}
	closed := func(name string) bool { return conns[name].closed }
	c := newConnections(3)
	change := func(name string, state http.ConnState) {
		if conns[name] == nil {
			conns[name] = &closing{}
		}
		c.changed(conns[name], state)
		for now := time.Now(); !time.Now().After(now); { // the clock goes on
		}
	}
	change("answering", http.StateNew)
	change("answering", http.StateActive)
	change("oldest", http.StateNew)
	change("idle", http.StateNew)
	change("idle", http.StateActive)
	change("idle", http.StateIdle)
	change("first", http.StateNew)
	require.True(t, closed("oldest"))
	change("idle", http.StateActive)
	change("second", http.StateNew)
	require.True(t, closed("first"))
	change("second", http.StateActive)
	change("third", http.StateNew)
	require.True(t, closed("answering"), "nothing else is left, and it was the first to answer")
	require.False(t, closed("idle") || closed("second") || closed("third"))

	// A connection that ends makes room too.
	change("idle", http.StateClosed)
	change("fourth", http.StateNew)
	require.False(t, closed("second") || closed("third") || closed("fourth"))
}

// closing notes that it was closed.
type closing struct {
	net.Conn
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

func TestConnectionsAreAThousandOrHalfOfTheFiles(t *testing.T) {
	t.Parallel()
	require.LessOrEqual(t, maxConnections(), 1000)
	require.Positive(t, maxConnections())
}
