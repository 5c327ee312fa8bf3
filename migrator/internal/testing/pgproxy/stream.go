package pgproxy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// recorded is how much of a message is kept.
	recorded = 16 << 10
	// buffered must hold a message's header and what is recorded.
	buffered = 32 << 10
)

// A stream is one direction of a connection: framed messages are looked at and then forwarded or dropped.
type stream struct {
	in  *bufio.Reader
	out *bufio.Writer
}

func newStream(from io.Reader, to io.Writer) stream {
	out := bufio.NewWriterSize(to, buffered)
	return stream{in: bufio.NewReaderSize(flushFirst{from, out}, buffered), out: out}
}

// flushFirst flushes the writer before each read, which may wait: messages that come together leave together, and none
// is held back until more arrive.
type flushFirst struct {
	io.Reader
	out *bufio.Writer
}

func (f flushFirst) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.Reader.Read(p)
}

// header waits for the next message and returns its type and its whole length. It consumes nothing.
func (s stream) header() (kind byte, length int, err error) {
	head, err := s.in.Peek(5)
	if err != nil {
		return 0, 0, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 {
		return 0, 0, fmt.Errorf("message %q with a length of %d", head[0], n)
	}
	return head[0], 1 + int(n), nil
}

// body is the beginning of the current message's body: all of it, or as much as is recorded, or less where the sender
// ended in the middle. It consumes nothing and is valid until the next call.
func (s stream) body(length int) []byte {
	message, _ := s.in.Peek(min(length, 5+recorded))
	return message[min(5, len(message)):]
}

// forward passes n bytes on as they arrive.
func (s stream) forward(n int) error {
	for n > 0 {
		if _, err := s.in.Peek(1); err != nil {
			return err
		}
		chunk, _ := s.in.Peek(min(n, s.in.Buffered()))
		if _, err := s.out.Write(chunk); err != nil {
			return err
		}
		n -= len(chunk)
		if _, err := s.in.Discard(len(chunk)); err != nil {
			return err
		}
	}
	return nil
}

// flush sends off what was forwarded. Where that fails the receiver has gone, and whoever reads from it learns of that.
func (s stream) flush() { _ = s.out.Flush() }

// toServer passes on what the client sent.
type toServer struct{ *conn }

func (to toServer) Write(p []byte) (int, error) {
	if err := to.proxy.gate.pass(to.ctx); err != nil {
		return 0, err
	}
	return to.server.Write(p)
}

// toClient passes on what the server sent, or drops it.
type toClient struct{ *conn }

func (to toClient) Write(p []byte) (int, error) {
	if to.deaf.Load() {
		return len(p), nil
	}
	if err := to.proxy.gate.pass(to.ctx); err != nil {
		return 0, err
	}
	n, err := to.client.Write(p)
	if to.deaf.Load() {
		return len(p), nil
	}
	return n, err
}
