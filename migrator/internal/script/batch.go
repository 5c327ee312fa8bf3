package script

import (
	"slices"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// What stands between steps that are sent together.

// A bundle puts whole steps into one message.
type bundle struct {
	messageWriter
	Writer
	prepared *Prepared
	prefix   string // of each file's application_name
	last     *Step  // of those that are in it, nil: none
}

// Pack puts whole steps into one message, which takes the run lock once. What cleans up after one of them stands where
// the next one has begun: a transaction more would cost as much as a small file.
func (s Writer) Pack(steps []*Step, prepared *Prepared) Message {
	b := bundle{Writer: s, prepared: prepared, prefix: ApplicationPrefix(s.RunID)}
	size := 0
	for _, st := range steps {
		size += st.Size()
	}
	b.grow(size, 18*len(steps))
	for i, st := range steps {
		if st.Framing == nil || b.Exposed != nil || st.Move.File.SpeaksOf("prepare", "deallocate") {
			b.addWhole(st, i == len(steps)-1)
		} else {
			b.addFile(st, i == len(steps)-1)
		}
		b.last = st
	}
	return b.messageWriter.end()
}

// addWhole adds a step as it is sent alone. It ends in deallocating what is prepared, or the next one begins so.
func (b *bundle) addWhole(s *Step, final bool) {
	operations := s.LayOut()
	lock := slices.IndexFunc(operations, func(o Op) bool { return o.Kind == OpLock })
	b.add(s, operations[:1])
	if b.last == nil {
		b.add(s, []Op{clock()})
		b.add(s, operations[1:lock+1])
	} else {
		b.cleanUp()
		b.add(s, []Op{clock()})
		b.add(s, operations[1:lock])
	}
	operations = operations[lock+1:]
	if !final {
		commit := slices.IndexFunc(operations, func(o Op) bool { return o.Kind == OpCommit })
		operations = operations[:commit+1]
	}
	b.add(s, operations)
	b.prepared.Forget()
}

// clock tells when a step begins.
func clock() Op {
	return Op{Kind: OpClock, SQL: "select " + history.AsTimestamp(utcNow)}
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
	if move := b.last.Move; move != nil && move.File.SpeaksOf("advisory") {
		b.add(b.last, []Op{b.unlock()})
	}
}
