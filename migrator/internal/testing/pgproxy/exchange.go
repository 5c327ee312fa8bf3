package pgproxy

import (
	"bytes"
	"strings"
)

// Types of messages, by PostgreSQL's names for them. A letter's meaning depends on its direction.
const (
	msgBind          = 'B'
	msgClose         = 'C'
	msgCopyData      = 'd'
	msgCopyDone      = 'c'
	msgCopyFail      = 'f'
	msgDescribe      = 'D'
	msgExecute       = 'E'
	msgFlush         = 'H'
	msgFunctionCall  = 'F'
	msgParse         = 'P'
	msgPassword      = 'p'
	msgQuery         = 'Q'
	msgSync          = 'S'
	msgTerminate     = 'X'
	msgBackendKey    = 'K'
	msgCopyIn        = 'G'
	msgErrorResponse = 'E'
	msgNotice        = 'N'
	msgReadyForQuery = 'Z'
)

// An exchange follows the two sides of a connection after the startup message and knows whose turn it is. It has to see
// each message before its receiver does. The zero value has authentication ahead.
//
// It is the server's turn until it owes nothing more: until the ReadyForQuery of each Query and Sync, until the answers to
// all that stands before a Flush, or when it asks for COPY data.
type exchange struct {
	ready    bool   // authentication is over
	owed     []byte // the client's messages that have not been answered, oldest first
	asked    bool   // the client's last message makes the server send its answers
	copying  bool   // the server wants COPY data
	answered bool   // it is the client's turn
}

// request takes note of a message of the client and says whether it starts a flight.
func (e *exchange) request(kind byte) bool {
	switch kind {
	case msgPassword:
		return !e.ready
	case msgTerminate:
		return false
	case msgCopyData, msgCopyDone, msgCopyFail:
		if !e.copying {
			return false // a client that has not seen yet that its COPY failed
		}
		e.copying = kind == msgCopyData
	case msgSync, msgFlush:
		if e.copying || kind == msgFlush && len(e.owed) == 0 {
			return false // the server ignores both amid COPY data; Flush alone asks for nothing
		}
	}
	starts := e.answered
	e.answered = false
	switch kind {
	case msgQuery, msgFunctionCall, msgSync:
		e.asked = true
		e.owed = append(e.owed, kind)
	case msgFlush:
		e.asked = true
	case msgParse, msgBind, msgDescribe, msgExecute, msgClose:
		e.asked = false
		e.owed = append(e.owed, kind)
	}
	return starts
}

// answer takes note of a message of the server and says whether it is the client's turn now.
func (e *exchange) answer(kind byte) bool {
	switch kind {
	case msgReadyForQuery:
		e.ready, e.copying, e.asked = true, false, true
		e.owed = e.owed[bytes.IndexAny(e.owed, "QFS")+1:]
	case msgCopyIn:
		e.copying, e.answered = true, true
		e.owed = e.owed[:min(1, len(e.owed))] // a Sync that came with Execute is ignored
	case msgErrorResponse:
		e.copying = false
		e.fail()
	default:
		if len(e.owed) > 0 && strings.IndexByte(finals[e.owed[0]], kind) >= 0 {
			e.owed = e.owed[1:]
		}
	}
	if e.ready && e.asked && len(e.owed) == 0 {
		e.answered = true
	}
	return e.answered
}

// finals are the messages that end the server's answer to a message of the extended protocol: ParseComplete, BindComplete,
// CloseComplete; RowDescription or NoData; CommandComplete, EmptyQueryResponse or PortalSuspended.
var finals = map[byte]string{
	msgParse: "1", msgBind: "2", msgClose: "3", msgDescribe: "Tn", msgExecute: "CIs",
}

// fail forgets what the server will not answer any more after an error: in the extended protocol, all up to the next Sync.
func (e *exchange) fail() {
	if len(e.owed) == 0 || finals[e.owed[0]] == "" {
		return
	}
	if sync := bytes.IndexByte(e.owed, msgSync); sync >= 0 {
		e.owed = e.owed[sync:]
	} else {
		e.owed = nil // what is still on its way is forgotten at ReadyForQuery
	}
}
