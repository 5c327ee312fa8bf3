package pgproxy

import (
	"encoding/binary"
	"io"
	"net"
	"time"
)

// Codes that stand in the place of a startup message's protocol version.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssEncRequest = 80877104
)

// startup reads the client's messages without a type, up to the startup message, and connects to the server. It returns
// false where no session comes of it.
func (c *conn) startup() bool {
	for flights := 1; ; flights++ {
		head, err := c.up.in.Peek(8)
		if err != nil {
			return false
		}
		arrived := time.Now()
		length, code := int(binary.BigEndian.Uint32(head)), binary.BigEndian.Uint32(head[4:])
		switch code {
		case sslRequest, gssEncRequest:
			c.proxy.journal.startup(0)
			c.proxy.delay(c.ctx, arrived)
			if _, err := (toClient{c}).Write([]byte{'N'}); err != nil {
				return false
			}
			if _, err := c.up.in.Discard(length); err != nil {
				return false
			}
		case cancelRequest:
			c.proxy.journal.cancel()
			c.proxy.delay(c.ctx, arrived)
			c.passCancel(length)
			return false
		default:
			c.number = c.proxy.journal.connect(flights)
			c.proxy.delay(c.ctx, arrived)
			return c.dial() && c.up.forward(length) == nil
		}
	}
}

// passCancel passes a cancel request on, unless its connection was cut, and closes the client's side after the server's,
// since closing is the answer.
func (c *conn) passCancel(length int) {
	request, err := c.up.in.Peek(min(length, recorded))
	if err != nil || c.proxy.buried(string(request[8:])) || !c.dial() || c.up.forward(length) != nil || c.up.out.Flush() != nil {
		return
	}
	_, _ = io.Copy(io.Discard, c.server)
}

// dial connects to the server. A client whose server cannot be reached is reset.
func (c *conn) dial() bool {
	if c.proxy.gate.pass(c.ctx) != nil {
		return false
	}
	dialed, err := new(net.Dialer).DialContext(c.ctx, c.proxy.target.network, c.proxy.target.address)
	if err != nil {
		abort(c.client)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server = dialed.(server)
	if c.ctx.Err() != nil {
		_ = dialed.Close() // close ran during the dialling
	}
	return c.ctx.Err() == nil
}

// bury remembers the cancel key of a connection that was cut.
func (p *Proxy) bury(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key != "" {
		p.gone[key] = struct{}{}
	}
}

func (p *Proxy) buried(key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, gone := p.gone[key]
	return gone
}
