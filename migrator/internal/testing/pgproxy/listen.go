package pgproxy

import (
	"errors"
	"fmt"
	"net"
)

// Refuse makes the proxy's port refuse connections, as a server that is down does, until [Proxy.Accept]. Connections that
// are there already stay; see [Proxy.CloseAll].
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// Accept ends a Refuse, on the same port.
func (p *Proxy) Accept() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil || p.ctx.Err() != nil {
		return
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.tb.Errorf("listen for connections again: %v", err)
		return
	}
	p.serve(listener)
}

// listen chooses the port and drops anchor there: a connection of the proxy with itself. While Refuse has the listener
// closed, the anchor's accepted end keeps the port from being given to somebody else.
func (p *Proxy) listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.address = listener.Addr().String()
	if p.anchor[0], err = net.Dial("tcp", p.address); err != nil {
		_ = listener.Close()
		return fmt.Errorf("keep the port: %w", err)
	}
	if p.anchor[1], err = listener.Accept(); err != nil {
		_ = p.anchor[0].Close()
		_ = listener.Close()
		return fmt.Errorf("keep the port: %w", err)
	}
	p.serve(listener)
	return nil
}

func (p *Proxy) serve(listener net.Listener) {
	p.listener = listener
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				p.tb.Errorf("accept a connection: %v", err)
				return
			}
			p.welcome(client.(*net.TCPConn), listener)
		}
	})
}

// welcome runs a connection, unless the listener that it came from has been closed since.
func (p *Proxy) welcome(client *net.TCPConn, from net.Listener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != from {
		abort(client)
		return
	}
	c := newConn(p, client)
	p.conns[c] = struct{}{}
	p.running.Go(func() {
		c.run()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	})
}

// abort closes a connection with RST where others end with FIN.
func abort(client *net.TCPConn) {
	_ = client.SetLinger(0)
	_ = client.Close()
}
