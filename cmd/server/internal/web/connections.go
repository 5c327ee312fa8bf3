package web

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// connections closes one where there are more than the limit. A new one is always let in, since it may be a health check. It
// takes the place of the one that has waited longest for a request or, where none waits, whose answer takes longest.
type connections struct {
	limit int

	mu   sync.Mutex
	open map[net.Conn]connection
}

type connection struct {
	answering bool // otherwise its client has sent no request, or not all of its headers
	since     time.Time
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, open: map[net.Conn]connection{}}
}

// changed is the ConnState of an http.Server, which calls it before it accepts the next connection.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.open[conn]
	switch {
	case state == http.StateNew:
		if len(c.open) >= c.limit {
			c.closeOne()
		}
	case state == http.StateClosed || state == http.StateHijacked:
		delete(c.open, conn)
		return
	case !known: // it was closed to make room
		return
	}
	c.open[conn] = connection{answering: state == http.StateActive, since: time.Now()}
}

func (c *connections) closeOne() {
	var found net.Conn
	var worst connection
	for conn, is := range c.open {
		if found == nil || is.before(worst) {
			found, worst = conn, is
		}
	}
	delete(c.open, found)
	_ = found.Close()
}

// before reports whether a connection is closed before another one.
func (a connection) before(b connection) bool {
	if a.answering != b.answering {
		return b.answering
	}
	return a.since.Before(b.since)
}

// maxConnections leaves half of the files that the process may open to all else: the database's connections above all.
func maxConnections() int {
	const most = 1000 // some tens of megabytes
	return int(max(1, min(most, maxOpenFiles()/2)))
}
