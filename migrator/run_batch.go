package migrator

import "github.com/agent-shaker/agent-shaker/migrator/internal/script"

const (
	// maxMessage bounds a message of several files, in bytes. A server that logs statements, or errors, logs the whole message.
	maxMessage = 64 << 10
	// firstMessage bounds the first message of a session, in bytes. It is smaller because EXECUTE copies the text of the message
	// that prepared the statement.
	firstMessage = 8 << 10
)

// A batch is the steps that the next message will contain.
type batch struct {
	steps []*step
	size  int
	limit int
}

// fits reports whether a step can travel with those before it. One message has one direction: if it reverted a version and
// applied it again, the history could not show whether both or neither were done.
func (l *batch) fits(s *step) bool {
	if len(l.steps) == 0 {
		return true
	}
	last := l.steps[len(l.steps)-1]
	if last.Leaves() {
		return false
	}
	if s.Framing != nil && s.Move.File.SpeaksOf("application_name") { // the watch tells by this setting which file runs
		return false
	}
	if last.move != nil && s.move != nil && last.move.Direction != s.move.Direction {
		return false
	}
	return l.size+s.Size() <= l.limit
}

func (l *batch) add(s *step) {
	l.steps = append(l.steps, s)
	l.size += s.Size()
}

// lastOfFile returns the index of the last message that contains text of the file; -1 if there is none. Settings of a statement
// travel in earlier messages of the file.
func lastOfFile(messages []script.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Parts[0].Op.Kind == script.OpFile {
			return i
		}
	}
	return -1
}
