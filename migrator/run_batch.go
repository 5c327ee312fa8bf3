package migrator

import "github.com/agent-shaker/agent-shaker/migrator/internal/script"

const (
	// maxMessage bounds a message of several files, in bytes: a server that logs statements, or one that fails, logs all of it.
	maxMessage = 64 << 10
	// firstMessage is the same for the first one of a session, in which something is prepared.
	firstMessage = 8 << 10
)

// A batch is what is to be sent together.
type batch struct {
	steps []*step
	size  int
	limit int
}

// fits reports whether a step can travel with those before it. One direction only: of a version that is reverted and applied
// again the history would not tell whether both was done, or nothing.
func (l *batch) fits(s *step) bool {
	if len(l.steps) == 0 {
		return true
	}
	last := l.steps[len(l.steps)-1]
	if last.Leaves() {
		return false
	}
	if s.Framing != nil && s.Move.File.SpeaksOf("application_name") { // by which the watch sees that it runs
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

// lastOfFile returns which message is the last one of the file: before a statement come its settings. -1: there is none.
func lastOfFile(messages []script.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Parts[0].Op.Kind == script.OpFile {
			return i
		}
	}
	return -1
}
