// Package pgproxy stands between a client and a PostgreSQL server, in tests and benchmarks: it counts, delays, and breaks
// connections at chosen messages.
//
//	proxy := pgproxy.Start(t, url)
//	conn := connect(proxy.URL())
//	proxy.Reset()
//	…
//	require.Equal(t, 1, proxy.Flights().Queries)
//
// Most tests need [Proxy.Flights], [Proxy.Messages] and [Proxy.Cut]. What goes through is not altered, and messages of any
// size are streamed. Both sides talk plain text: a request for encryption is declined by the proxy itself, as a server
// without TLS would, so that sslmode prefer works and require does not.
package pgproxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy listens on a port of its own on 127.0.0.1 and passes each connection on to its server. Its methods may be called
// at any time by any goroutine.
type Proxy struct {
	tb      testing.TB
	target  target
	address string
	ctx     context.Context // done when the proxy is closed
	stop    context.CancelFunc
	running sync.WaitGroup
	gate    gate
	latency atomic.Int64
	journal journal
	traps   traps

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	anchor   [2]net.Conn
	conns    map[*conn]struct{}
	gone     map[string]struct{} // the cancel keys of connections that were cut
}

// Start starts a proxy for the server that target names: a postgres:// URL or host:port. The proxy and all its connections
// are closed when the test ends. The server is dialled for each connection anew and need not be up yet.
func Start(tb testing.TB, target string) *Proxy {
	tb.Helper()
	server, err := parseTarget(target)
	if err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{
		tb: tb, target: server, ctx: ctx, stop: cancel,
		conns: map[*conn]struct{}{}, gone: map[string]struct{}{},
	}
	if err := p.listen(); err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	tb.Cleanup(p.Close)
	return p
}

// URL is the target's URL with the proxy in place of its host and port. A host:port target has postgres:// put before it.
func (p *Proxy) URL() string { return p.target.through(p.address) }

// Latency makes each flight take d longer, as if the server were a round trip of d away; 0, the default, ends that. A flight
// (see [Count]) is held back once, where its first message arrives, and the rest of it streams; connections do not wait for
// one another. The server's answers are not held back, and neither is the TCP handshake.
//
// A flight is delayed by d at least. Timers and scheduling add up to about a millisecond, so a benchmark compares with
// another one that goes through a proxy of the same latency, not with a multiple of d.
func (p *Proxy) Latency(d time.Duration) { p.latency.Store(int64(d)) }

// Stall makes the proxy go silent, as a network that loses every packet: sockets stay open, new connections can be dialled,
// but what arrives after the return of Stall, in either direction, waits for [Proxy.Resume].
func (p *Proxy) Stall() { p.gate.shut() }

// Resume ends a Stall. What was held back goes on, also where its sender has left meanwhile.
func (p *Proxy) Resume() { p.gate.open() }

// CloseAll closes both sides of all connections now. The server may or may not get to what was passed on just before.
func (p *Proxy) CloseAll() {
	for _, c := range p.connections() {
		c.close()
	}
}

// Open is the number of connections whose server side is not closed yet. After a [Cut] the server may still be working on
// what it was sent; its session has ended when Open no longer counts it.
func (p *Proxy) Open() int { return len(p.connections()) }

// Close closes the listener and all connections and waits until nothing of the proxy runs any more. A second Close does
// nothing. Start has arranged for it.
func (p *Proxy) Close() {
	p.stop()
	p.Refuse()
	p.CloseAll()
	p.running.Wait()
	for _, end := range p.anchor {
		_ = end.Close()
	}
}

func (p *Proxy) connections() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		conns = append(conns, c)
	}
	return conns
}

// delay waits until the latency has passed since the arrival of a flight, or the connection is closed.
func (p *Proxy) delay(ctx context.Context, arrived time.Time) {
	d := time.Duration(p.latency.Load())
	if d <= 0 {
		return
	}
	timer := time.NewTimer(time.Until(arrived.Add(d)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
