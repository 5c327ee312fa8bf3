package migrator

import (
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// What stands between steps that are sent together.

// A bundle puts whole steps into one message.
type bundle struct {
	messageWriter
	scripter
	prepared *preparedStatements
	prefix   string // of each file's application_name
	last     *step  // of those that are in it, nil: none
}

// together puts whole steps into one message, which takes the run lock once. What cleans up after one of them stands where
// the next one has begun: a transaction more would cost as much as a small file.
func (r *run) together(steps []*step) message {
	b := bundle{scripter: r.scripter(&history.History{Table: r.table, Server: r.server}), prepared: &r.prepared, prefix: applicationPrefix(r.id)}
	size := 0
	for _, s := range steps {
		size += s.size()
	}
	b.grow(size, 18*len(steps))
	for i, s := range steps {
		if s.file == nil || b.exposed != nil || s.file.SpeaksOf("prepare", "deallocate") {
			b.addWhole(s, i == len(steps)-1)
		} else {
			b.addFile(s, i == len(steps)-1)
		}
		b.last = s
	}
	return b.messageWriter.end()
}

// addWhole adds a step as it is sent alone. It ends in deallocating what is prepared, or the next one begins so.
func (b *bundle) addWhole(s *step, final bool) {
	operations := s.layOut()
	lock := slices.IndexFunc(operations, func(o operation) bool { return o.kind == opLock })
	b.add(s, operations[:1])
	if b.last == nil {
		b.add(s, []operation{clock()})
		b.add(s, operations[1:lock+1])
	} else {
		b.cleanUp()
		b.add(s, []operation{clock()})
		b.add(s, operations[1:lock])
	}
	operations = operations[lock+1:]
	if !final {
		commit := slices.IndexFunc(operations, func(o operation) bool { return o.kind == opCommit })
		operations = operations[:commit+1]
	}
	b.add(s, operations)
	b.prepared.forget()
}

// clock tells when a step begins.
func clock() operation {
	return operation{kind: opClock, sql: "select " + history.AsTimestamp(utcNow)}
}

// cleanUp cleans up after the last step, once the next one has begun. Advisory locks and prepared statements that a function
// has left, of which the file says nothing, are freed when the message ends: to free them costs a fifth of what a small file
// does.
func (b *bundle) cleanUp() {
	if b.prepared.none() {
		b.add(b.last, b.discard())
	} else {
		b.add(b.last, leavings)
	}
	if file := b.last.file; file != nil && file.SpeaksOf("advisory") {
		b.add(b.last, []operation{b.unlock()})
	}
}
