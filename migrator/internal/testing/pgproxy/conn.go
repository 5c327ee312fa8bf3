package pgproxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is a client's connection and, from its startup message on, the connection to the server that belongs to it.
type conn struct {
	proxy  *Proxy
	client *net.TCPConn
	ctx    context.Context // done when both sides are to be closed
	cancel context.CancelFunc
	up     stream
	deaf   atomic.Bool // the client gets nothing any more

	mu       sync.Mutex
	server   server // nil before the startup message
	number   int
	key      string // what a cancel request names this connection by
	exchange exchange
	pending  *Cut // waits for the end of the server's answer, or for a notice
	notices  int  // in that answer
}

// A server is a TCP or Unix socket connection.
type server interface {
	net.Conn
	CloseWrite() error
}

func newConn(p *Proxy, client *net.TCPConn) *conn {
	c := &conn{proxy: p, client: client}
	c.ctx, c.cancel = context.WithCancel(p.ctx)
	c.up = newStream(client, toServer{c})
	return c
}

// run returns when both sides are closed.
func (c *conn) run() {
	defer c.close()
	if !c.startup() {
		return
	}
	c.proxy.running.Go(c.requests)
	c.answers()
}

// requests passes on what the client sends. At its end the server learns that the client has gone.
func (c *conn) requests() {
	defer func() {
		c.up.flush()
		_ = c.server.CloseWrite()
	}()
	for {
		kind, length, err := c.up.header()
		if err != nil {
			return
		}
		arrived := time.Now()
		var cut *Cut
		if kind != msgPassword {
			cut = c.record(kind, length)
		}
		starts := c.request(kind, cut)
		if cut != nil && cut.At == BeforeForward {
			c.up.flush()
			c.cut(cut)
			return
		}
		if starts {
			c.proxy.delay(c.ctx, arrived)
		}
		if err := c.up.forward(length); err != nil {
			return
		}
		if cut != nil && cut.At == AfterForward {
			c.up.flush()
			c.cut(cut)
			return
		}
	}
}

// record keeps the message in the journal and asks whether it is to be cut.
func (c *conn) record(kind byte, length int) *Cut {
	m := Message{Conn: c.number, Type: kind, Length: length}
	if kind == msgQuery || kind == msgParse {
		m.SQL = sqlOf(kind, c.up.body(length))
	}
	return c.proxy.traps.spring(c.proxy.journal.record(m))
}

// request takes note of a message before it is passed on, counts it if it starts a flight, and sets a cut up.
func (c *conn) request(kind byte, cut *Cut) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cut != nil {
		c.deaf.Store(cut.At != AtNotice)
		if cut.At == AfterAnswer || cut.At == AtNotice {
			c.pending, c.notices = cut, 0
		}
	}
	starts := c.exchange.request(kind)
	switch {
	case starts && c.exchange.ready:
		c.proxy.journal.query(c.number)
	case starts:
		c.proxy.journal.startup(c.number)
	}
	return starts
}

// answers passes on what the server sends, until it closes the connection.
func (c *conn) answers() {
	down := newStream(c.server, toClient{c})
	for {
		kind, length, err := down.header()
		if err != nil {
			return
		}
		if kind == msgBackendKey {
			key := string(down.body(length)) // may wait, so not under the lock
			c.mu.Lock()
			c.key = key
			c.mu.Unlock()
		}
		if cut := c.answer(kind); cut != nil {
			down.flush()
			c.cut(cut)
		}
		if err := down.forward(length); err != nil {
			return
		}
	}
}

// answer takes note of a message before it is passed on, and returns the cut that was waiting for it.
func (c *conn) answer(kind byte) *Cut {
	c.mu.Lock()
	defer c.mu.Unlock()
	ended, cut := c.exchange.answer(kind), c.pending
	if cut == nil {
		return nil
	}
	if cut.At == AtNotice && kind == msgNotice {
		if c.notices++; c.notices == max(cut.Notices, 1) {
			c.pending = nil
			return cut
		}
	}
	if !ended {
		return nil
	}
	c.pending = nil
	if cut.At == AtNotice {
		c.proxy.traps.putBack()
		return nil
	}
	return cut
}

// close closes both sides at once.
func (c *conn) close() {
	c.cancel()
	_ = c.client.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil {
		_ = c.server.Close()
	}
}
