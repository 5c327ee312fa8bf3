package pgproxy

import (
	"slices"
	"strings"
	"sync"
)

// A Cut breaks a connection at a message of its client. The client's side is closed at once. The server reads the end of the
// stream right behind the last message that was passed on, as after a client that was killed; whatever it still answers is
// dropped, and so is a cancel request for this connection, which only a living client would send.
type Cut struct {
	// Match chooses the message; nil is any. It is called for each one before it is passed on, for different connections at
	// the same time. It may call the proxy's methods, so a Match that calls Stall and returns false stalls at a message.
	Match func(Message) bool
	// At is the moment, BeforeForward by default.
	At Moment
	// Notices is which notice of the answer AtNotice waits for, the first by default.
	Notices int
	// Times is how many matching messages are cut, 1 by default.
	Times int
	// RST closes the client's side by TCP's RST; by default it gets FIN.
	RST bool
	// Kill extends the cut to all connections of the proxy and refuses new ones until Accept, as if not a connection but
	// the client's whole process had ended.
	Kill bool
}

// A Moment is when a Cut happens.
type Moment int

const (
	// BeforeForward keeps the message from the server, which has all messages before it.
	BeforeForward Moment = iota
	// AfterForward passes the message on as a whole. The client gets nothing of the answer.
	AfterForward
	// AfterAnswer passes on the message and those after it until the server has answered everything (it is ready for a
	// query, or wants COPY data). The client gets nothing of the answer.
	AfterAnswer
	// AtNotice passes the message on, and cuts when the server has raised so many notices in its answer. The client gets what
	// came before the last of them. An answer that has fewer is not cut, and does not count.
	AtNotice
)

// Cut arms a cut. Several may be armed; a message is cut by the first one that matches. Reset disarms them.
func (p *Proxy) Cut(cut Cut) { p.traps.arm(cut) }

// Cuts is how many messages were cut since the last Reset: 0 means that the run was undisturbed.
func (p *Proxy) Cuts() int {
	p.traps.mu.Lock()
	defer p.traps.mu.Unlock()
	return p.traps.sprung
}

// Nth matches the k-th message, by its Number.
func Nth(k int) func(Message) bool {
	return func(m Message) bool { return m.Number == k }
}

// Containing matches a Query or Parse whose text, as far as it is recorded, contains the given one.
func Containing(sql string) func(Message) bool {
	return func(m Message) bool { return m.SQL != "" && strings.Contains(m.SQL, sql) }
}

// traps are the armed cuts.
type traps struct {
	mu     sync.Mutex
	armed  []*trap
	sprung int
}

type trap struct {
	Cut
	left int
}

func (t *traps) arm(cut Cut) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = append(t.armed, &trap{Cut: cut, left: max(cut.Times, 1)})
}

func (t *traps) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed, t.sprung = nil, 0
}

// spring finds the cut for a message, or nil. Match runs without the lock, since it may call the proxy.
func (t *traps) spring(m Message) *Cut {
	t.mu.Lock()
	armed := t.armed
	t.mu.Unlock()
	for _, trap := range armed {
		if (trap.Match == nil || trap.Match(m)) && t.take(trap) {
			return &trap.Cut
		}
	}
	return nil
}

// take uses a trap once, unless it is used up or was taken back meanwhile.
func (t *traps) take(trap *trap) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if trap.left == 0 || !slices.Contains(t.armed, trap) {
		return false
	}
	trap.left--
	t.sprung++
	return true
}

// putBack takes back that a trap was sprung.
func (t *traps) putBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sprung--
}

// cut breaks the connection, or all of them.
func (c *conn) cut(cut *Cut) {
	if !cut.Kill {
		c.hangUp(cut.RST)
		return
	}
	c.proxy.Refuse()
	for _, victim := range c.proxy.connections() {
		victim.hangUp(cut.RST)
	}
}

// hangUp leaves the server as a killed client does. What the server still answers is read and dropped, so that it can
// finish what it was sent: closing with answers unread would reset the connection.
func (c *conn) hangUp(rst bool) {
	c.deaf.Store(true)
	c.mu.Lock()
	server, key := c.server, c.key
	c.mu.Unlock()
	if server == nil {
		c.close()
		return
	}
	c.proxy.bury(key)
	if rst { // before the server may end, which closes the client's side too
		_ = c.client.SetLinger(0)
	}
	_ = server.CloseWrite()
	_ = c.client.Close()
}
