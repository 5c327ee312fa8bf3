package pgproxy

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// A Count is the number of flights since the last Reset. In a flight the client sends one or more messages and then waits
// for the server: it starts with a message that arrives when it was the client's turn, and takes one round trip. A simple
// query is one flight, so is a pipeline up to its last Sync; preparing and then executing are two; COPY FROM STDIN is two,
// or one where the client does not wait to be asked for the data; Terminate is none.
type Count struct {
	Startup     int         // up to a connection's first ReadyForQuery, requests for encryption included
	Queries     int         // after it
	Cancels     int         // cancel requests; they come on connections of their own, which are counted nowhere else
	Connections []ConnCount // the connections that had flights, by number
}

// A ConnCount is one connection's part of a [Count]. Connections are numbered from 1 in the order of their startup
// messages, for the proxy's whole life.
type ConnCount struct {
	Number  int
	Startup int
	Queries int
}

// A Message is one that a client has sent after its startup, passwords excepted.
type Message struct {
	Number int    // from 1 since the last Reset, over all connections in the order of arrival
	Conn   int    // see ConnCount
	Type   byte   // 'Q' is Query, 'P' Parse, 'X' Terminate …: the protocol's letter
	SQL    string // of Query and Parse: the text, or its first 16 KiB
	Length int    // of the whole message in bytes, type and length included
}

// String is for a failed test's output: 3 conn 1 Q "select 1".
func (m Message) String() string {
	s := fmt.Sprintf("%d conn %d %c", m.Number, m.Conn, m.Type)
	if m.Type == msgQuery || m.Type == msgParse {
		s += fmt.Sprintf(" %q", m.SQL)
	}
	return s
}

// Flights is what was counted since the last Reset.
func (p *Proxy) Flights() Count {
	j := &p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	count := j.total
	for _, number := range slices.Sorted(maps.Keys(j.byConn)) {
		count.Connections = append(count.Connections, *j.byConn[number])
	}
	return count
}

// Messages is what the clients have sent since the last Reset, what a [Cut] kept from the server included. A benchmark
// calls Reset from time to time, since everything is kept until then.
func (p *Proxy) Messages() []Message {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	return slices.Clone(p.journal.messages)
}

// Reset starts counting and recording anew and takes back each [Cut] that has not happened. Everything else stays as it is.
func (p *Proxy) Reset() {
	p.traps.clear()
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	p.journal.total, p.journal.byConn, p.journal.messages = Count{}, nil, nil
}

// A journal is the proxy's memory.
type journal struct {
	mu       sync.Mutex
	total    Count // without Connections
	byConn   map[int]*ConnCount
	messages []Message
	lastConn int
}

// connect numbers a connection whose startup message has come and counts that flight: its first, unless it has asked for
// encryption before.
func (j *journal) connect(flights int) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lastConn++
	j.total.Startup++
	j.of(j.lastConn).Startup = flights
	return j.lastConn
}

// startup counts a flight of a connection's startup. Its number is 0 as long as it has sent no startup message.
func (j *journal) startup(conn int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Startup++
	j.of(conn).Startup++
}

func (j *journal) query(conn int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Queries++
	j.of(conn).Queries++
}

func (j *journal) cancel() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.total.Cancels++
}

// of is the count of a connection that may have had no flights yet.
func (j *journal) of(conn int) *ConnCount {
	if conn == 0 {
		return &ConnCount{}
	}
	if j.byConn == nil {
		j.byConn = map[int]*ConnCount{}
	}
	if j.byConn[conn] == nil {
		j.byConn[conn] = &ConnCount{Number: conn}
	}
	return j.byConn[conn]
}

// record numbers and keeps a message.
func (j *journal) record(m Message) Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	m.Number = len(j.messages) + 1
	j.messages = append(j.messages, m)
	return m
}

// sqlOf is the text in the beginning of a Query or Parse message's body. A body that was cut short ends without its NUL.
func sqlOf(kind byte, body []byte) string {
	if kind == msgParse {
		_, body, _ = bytes.Cut(body, []byte{0}) // the statement's name
	}
	text, _, _ := bytes.Cut(body, []byte{0})
	return string(text)
}
